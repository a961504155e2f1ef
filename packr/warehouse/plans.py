"""How PostgreSQL plans what it is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as database


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
