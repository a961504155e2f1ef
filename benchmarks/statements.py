"""Counts statements: on PostgreSQL below Django, so that nothing is missed; COPY included.

One executemany counts once, since it is sent as one batch. BEGIN, COMMIT and the message broker's own tables don't
count; savepoints do. Fetching more from an open cursor doesn't count.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from django.db.backends.sqlite3.base import SQLiteCursorWrapper

BROKER = "django_q_"
CALLS = ("execute", "executemany", "copy")


@contextlib.contextmanager
def counted() -> Iterator[list[str]]:
    """Yield a list that fills with the text of each statement of this process, in any thread."""
    seen: list[str] = []
    classes = (psycopg.Cursor, psycopg.ServerCursor, SQLiteCursorWrapper)
    patched = [(one, name, vars(one)[name]) for one in classes for name in CALLS if name in vars(one)]
    for one, name, original in patched:
        setattr(one, name, _counting(original, seen))
    try:
        yield seen
    finally:
        for one, name, original in patched:
            setattr(one, name, original)


def _counting(original: Callable[..., Any], seen: list[str]) -> Callable[..., Any]:
    def call(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        if BROKER not in text and not text.startswith("BEGIN"):
            seen.append(text)
        return original(self, query, *args, **kwargs)

    return call
