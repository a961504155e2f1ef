"""The number of mirrored rows that the database reports as written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models

from packr.warehouse import models as mirror

MODELS: list[type[models.Model]] = [getattr(mirror, name) for name in mirror.__all__ if name != "Mirrored"]
TABLES = [model._meta.db_table for model in MODELS]


@contextmanager
def rows_written() -> Iterator[Callable[[], dict[str, int]]]:
    """Count inserts, updates and deletes per table, by PostgreSQL's statistics or by triggers on SQLite.

    Only outside a transaction, since PostgreSQL counts committed rows.
    """
    count = _postgres if connection.vendor == "postgresql" else _sqlite
    with count() as read:
        yield lambda: {table: number for table, number in read().items() if number}


@contextmanager
def _postgres() -> Iterator[Callable[[], dict[str, int]]]:
    def read() -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE relname = ANY(%s)",
                [TABLES],
            )
            return dict(cursor.fetchall())

    read()
    before = read()
    yield lambda: {table: number - before.get(table, 0) for table, number in (read(), read())[1].items()}


@contextmanager
def _sqlite() -> Iterator[Callable[[], dict[str, int]]]:
    def run(statement: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    run("CREATE TEMP TABLE written (name TEXT)")
    names = [(table, what) for table in TABLES for what in ("INSERT", "UPDATE", "DELETE")]
    for table, what in names:
        run(
            f"CREATE TEMP TRIGGER count_{what}_{table} AFTER {what} ON main.{table} "
            f"BEGIN INSERT INTO written VALUES ('{table}'); END"
        )
    try:
        yield lambda: dict(run("SELECT name, COUNT(*) FROM written GROUP BY name"))
    finally:
        for table, what in names:
            run(f"DROP TRIGGER temp.count_{what}_{table}")
        run("DROP TABLE temp.written")
