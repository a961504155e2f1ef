"""Plans and statistics of PostgreSQL. On SQLite these functions do nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as database

from integrations.entities import Entity

from .schema import TABLES

# A tenth of the default, enough for two columns that no list is filtered or sorted by.
STATISTICS_TARGET = 10


@contextmanager
def custom_plan() -> Iterator[None]:
    """Let each statement inside be planned for its own values and for the tables' present size.

    Otherwise PostgreSQL keeps one plan of a repeated statement for the whole session. Such a plan is wrong for values
    that are far more common than others, such as the beginning of most SKUs. If it was made while a table was empty,
    it may use any index that begins with the connection, until the table is analysed.
    """
    if database.vendor != "postgresql":
        yield
        return
    database.ensure_connection()
    session: Any = database.connection
    usual, session.prepare_threshold = session.prepare_threshold, None
    try:
        yield
    finally:
        session.prepare_threshold = usual


def analyze_if_outdated(connection_id: int, entity: Entity, count: int) -> None:
    """Analyse an entity's table, in the caller's transaction, if its statistics show far fewer than `count` rows.

    With such statistics PostgreSQL may look up single rows by any index that begins with the connection.
    """
    name = TABLES[entity].model._meta.db_table
    if database.vendor == "postgresql" and _estimated_rows(name, connection_id) < count / 10:
        with database.cursor() as cursor:
            cursor.execute(f"SET LOCAL default_statistics_target = {STATISTICS_TARGET}")
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {name} (connection_id, removed_at)")
            cursor.execute("SET LOCAL default_statistics_target TO DEFAULT")


def _estimated_rows(table: str, connection_id: int) -> int:
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE connection_id = {connection_id:d}")
        ((plan,),) = cursor.fetchall()
    return int(plan[0]["Plan"]["Plan Rows"])


def analyze_tables(entity: Entity) -> None:
    """Analyse an entity's tables after many rows were added."""
    table = TABLES[entity]
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            for model in (table.model, *(lines.model for lines in table.lines)):
                cursor.execute(f"ANALYZE (SKIP_LOCKED) {model._meta.db_table}")
