"""How PostgreSQL plans what it is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as database

from integrations.entities import Entity

from .schema import TABLES

# A tenth of what a thorough look reads. Not for the columns that lists are filtered and sorted by.
SAMPLE_SIZE = 10


@contextmanager
def custom_plan() -> Iterator[None]:
    """A statement in here is planned for the very values it has, and for the tables as they are now.

    Elsewhere PostgreSQL makes one plan of a statement that comes again and again and keeps it for the session: whatever
    the values, as with some words half of all rows begin; and if the tables were empty, where any index that begins
    with the connection is as good as the right one, until somebody has them analysed.
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


def analyze_if_believed_empty(connection_id: int, entity: Entity, count: int) -> None:
    """Let PostgreSQL glance at an entity's table where it believes a connection to have far fewer than `count` rows.

    It would find each of them by any index that begins with the connection. In the caller's transaction.
    """
    name = TABLES[entity].model._meta.db_table
    if database.vendor == "postgresql" and _believed(name, connection_id) < count / 10:
        with database.cursor() as cursor:
            cursor.execute(f"SET LOCAL default_statistics_target = {SAMPLE_SIZE}")
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {name} (connection_id, removed_at)")
            cursor.execute("SET LOCAL default_statistics_target TO DEFAULT")


def _believed(table: str, connection_id: int) -> int:
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE connection_id = {connection_id:d}")
        ((plan,),) = cursor.fetchall()
    return int(plan[0]["Plan"]["Plan Rows"])


def analyze_tables(entity: Entity) -> None:
    """Let PostgreSQL look at an entity's tables after many rows came at once, so that it plans well with them."""
    table = TABLES[entity]
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            for model in (table.model, *(lines.model for lines in table.lines)):
                cursor.execute(f"ANALYZE (SKIP_LOCKED) {model._meta.db_table}")
