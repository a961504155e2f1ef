"""The status of a connection: checked on request, and updated by every sync and action."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from . import events
from .clients import open_client
from .errors import ConnectorError, Kind
from .models import Connection, EventKind, Status


def refresh(connection: Connection) -> Connection:
    """Check a connection with one request and store its status. Reads no data; raises nothing of the WMS's."""
    if not connection.is_live:
        return connection
    try:
        client = open_client(connection)
        try:
            health = connection.connector.check(client)
        finally:
            client.close()
        learn(connection, client.learned)
        set_status(connection, Status.CONNECTED, health.warning)
    except ConnectorError as error:
        set_status(connection, _status_after(error), error.message)
    connection.checked_at = now()
    connection.save(update_fields=["checked_at"])
    return connection


def _status_after(error: ConnectorError) -> Status:
    if error.kind == Kind.CREDENTIALS:
        return Status.NEEDS_ATTENTION
    return Status.CONNECTED if error.kind == Kind.RATE_LIMITED else Status.UNREACHABLE


def learn(connection: Connection, learned: Mapping[str, Any]) -> None:
    """Add what was found out about the account to what is known of it. Writes only changes."""
    if all(connection.learned.get(name) == value for name, value in learned.items()):
        return
    with transaction.atomic():
        current = Connection.objects.select_for_update().get(pk=connection.pk)
        connection.learned = {**current.learned, **learned}
        Connection.objects.filter(pk=connection.pk).update(learned=connection.learned)


def set_status(connection: Connection, status: Status, message: str = "") -> None:
    """Store the status of a live connection. Writes only changes; a disconnected connection stays as it is."""
    if (connection.status, connection.status_message) == (status, message):
        return
    live = Connection.objects.filter(pk=connection.pk).exclude(status=Status.DISCONNECTED)
    with transaction.atomic():
        before = live.select_for_update().values_list("status", flat=True).first()
        if before is None:
            return
        live.update(status=status, status_message=message)
        if before != status and Status.NEEDS_ATTENTION in (before, status):
            label = connection.connector.label
            verb = "rejected the login" if status == Status.NEEDS_ATTENTION else "accepts the login again"
            events.record_event(connection, EventKind.CREDENTIALS, f"{label} {verb}.")
    connection.status, connection.status_message = status, message
