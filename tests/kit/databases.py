"""Databases for real processes, queried without Django."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from tests.servers import postgres_url


class Sqlite:
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "packr.sqlite3"
        self.url = f"sqlite:///{self.path}"

    def copy(self, folder: Path) -> "Sqlite":
        other = Sqlite(folder)
        with (
            contextlib.closing(sqlite3.connect(self.path)) as source,
            contextlib.closing(sqlite3.connect(other.path)) as target,
        ):
            source.backup(target)
        return other

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    def is_written(self) -> bool:
        """Return whether a transaction is writing."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=0)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False

    def drop(self) -> None:
        """Do nothing: the file is deleted with its folder."""


class Postgres:
    """A separate database on the tests' PostgreSQL server."""

    def __init__(self, template: str = "template1") -> None:
        self.name = f"packr_real_{uuid4().hex[:12]}"
        self.url = urlunsplit(urlsplit(postgres_url())._replace(path=f"/{self.name}"))
        self._server(f"CREATE DATABASE {self.name} TEMPLATE {template}")

    def copy(self, folder: Path) -> "Postgres":
        return Postgres(template=self.name)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(sql).fetchall()

    def is_written(self) -> bool:
        """Return whether a transaction holds a lane."""
        return self.rows("SELECT id FROM syncs_lane FOR UPDATE SKIP LOCKED") == []

    def is_idle_in_transaction(self) -> bool:
        """Return whether a transaction waits between two statements. During a COPY it does not."""
        idle = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
        return self.rows(idle) != []

    def drop(self) -> None:
        self._server(f"DROP DATABASE {self.name} WITH (FORCE)")

    def _server(self, sql: str) -> None:
        with psycopg.connect(postgres_url(), autocommit=True) as connection:
            connection.execute(sql)


Database = Sqlite | Postgres
