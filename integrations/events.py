"""What happened to a connection beside its runs: the part of its history that is no sync."""

from typing import Any

from .models import Connection, Event, EventKind


def record_event(connection: Connection, kind: EventKind, text: str, *, person: Any = None) -> Event:
    """Keep a sentence about the connection, inside the caller's transaction. It must hold no secret."""
    return Event.objects.create(connection=connection, kind=kind, text=text, person=person)
