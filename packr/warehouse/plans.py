"""How PostgreSQL plans what it is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as database
from django.db.models import Model

from .models import Mirrored

# A tenth of what a thorough look reads. Not for the columns that lists are filtered and sorted by.
A_GLANCE = 10


@contextmanager
def planned_for_its_values() -> Iterator[None]:
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


def make_known(model: type[Mirrored], connection_id: int, count: int) -> None:
    """Let PostgreSQL glance at a table where it believes a connection to have far fewer rows than the `count` it has.

    It would find each of them by any index that begins with the connection. In the caller's transaction.
    """
    if database.vendor == "postgresql" and _believed(model, connection_id) < count / 10:
        with database.cursor() as cursor:
            cursor.execute(f"SET LOCAL default_statistics_target = {A_GLANCE}")
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {model._meta.db_table} (connection_id, removed_at)")
            cursor.execute("SET LOCAL default_statistics_target TO DEFAULT")


def _believed(model: type[Mirrored], connection_id: int) -> int:
    with database.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (FORMAT JSON) SELECT FROM {model._meta.db_table} WHERE connection_id = {connection_id:d}"
        )
        ((plan,),) = cursor.fetchall()
    return int(plan[0]["Plan"]["Plan Rows"])


def take_stock(model: type[Model]) -> None:
    """Let PostgreSQL look at a table that has just been filled."""
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {model._meta.db_table}")
