"""Events of a connection: the part of its history that is not a sync run."""

from typing import Any

from .models import Connection, Event, EventKind


def record_event(connection: Connection, kind: EventKind, text: str, *, person: Any = None) -> Event:
    """Store a sentence about the connection, inside the caller's transaction. It must not contain a secret."""
    return Event.objects.create(connection=connection, kind=kind, text=text, person=person)
