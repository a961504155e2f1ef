"""Connecting a WMS, reconnecting and disconnecting it, and changing how far back its history is read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, transaction
from django.utils.timezone import now

from packr.workspaces.errors import Refused
from packr.workspaces.models import Workspace

from . import events
from .clients import client_for
from .connectors.base import ConnectionHealth, Connector
from .connectors.registry import CONNECTORS
from .encryption import encrypt
from .entities import Entity
from .errors import ConnectorError
from .http.client import Client
from .models import MAX_LOOKBACK_DAYS, Connection, EventKind, Status
from .signals import connection_deleted, connection_ended, connection_made, connection_resumed, lookback_raised

NOTHING_STORED = "Nothing was stored. Try again after fixing this."
NOTHING_CHANGED = "Nothing was changed. Try again after fixing this."
MAX_DELETE_ATTEMPTS = 5


@dataclass(frozen=True)
class OffReason:
    """Why an entity is not synced. `offered` is False if the WMS does not have it."""

    reason: str
    offered: bool = True


@dataclass(frozen=True)
class Account:
    """What a person enters to connect a WMS. `off`: the entities that are not to be synced."""

    wms: str
    name: str
    credentials: Mapping[str, Any] = field(repr=False)
    base_url: str = ""
    lookback_days: int = 30
    off: Mapping[Entity, OffReason] = field(default_factory=dict)


class OtherAccount(Exception):
    """Raised for credentials that work but belong to another account than the connection was made with."""


def connect(workspace: Workspace, account: Account, *, person: Any = None, first_sync: bool = True) -> Connection:
    """Check the account live and store the connection; schedules and first runs follow by signal.

    Raises Refused if the account can't be connected; then nothing is stored.
    """
    connection = draft(workspace, account, person)
    with checked(connection, NOTHING_STORED) as (client, health):
        connection.learned = client.learned
    moment = now()
    connection.connected_at = connection.checked_at = moment
    connection.status_message = health.warning
    connection.border = (health.clock or moment) - timedelta(days=account.lookback_days)
    try:
        with transaction.atomic():
            connection.save(force_insert=True)
            text = f"Connected to {connection.connector.label}."
            events.record_event(connection, EventKind.CONNECTION, text, person=person)
            connection_made.send(Connection, connection=connection, first_sync=first_sync, off=account.off)
    except IntegrityError:
        raise _name_taken(connection) from None
    return connection


def draft(workspace: Workspace, account: Account, person: Any = None) -> Connection:
    """Return the connection for an account, neither checked nor stored. Raises Refused for wrong values."""
    if account.wms not in CONNECTORS:
        known = ", ".join(sorted(CONNECTORS))
        raise Refused(f"Packr does not support a WMS called “{account.wms}”. Choose one of: {known}.")
    connector = CONNECTORS[account.wms]
    credentials = _valid_credentials(connector, account.credentials)
    base_url = _valid_address(connector, account.base_url)
    connection = Connection(
        workspace=workspace,
        wms=account.wms,
        name=account.name.strip(),
        base_url=base_url,
        sealed_credentials=encrypt(credentials),
        account_key=connector.account_key(base_url, credentials),
        lookback_days=account.lookback_days,
        connected_by=person,
    )
    _validate(connection)
    return connection


def _validate(connection: Connection) -> None:
    try:
        connection.clean_fields(exclude=["border", "connected_at", "connected_by", "sealed_credentials", "account_key"])
    except ValidationError as error:
        raise Refused(" ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())) from None
    if connection.workspace.connections.filter(name=connection.name).exists():
        raise _name_taken(connection)


@contextmanager
def checked(connection: Connection, consequence: str) -> Iterator[tuple[Client, ConnectionHealth]]:
    """Check credentials live; yield a client that the WMS accepts and what the WMS reports.

    Raises Refused if a request fails, here or in the block; `consequence` says what that means for the person.
    """
    try:
        client = client_for(connection.connector, connection.base_url, connection.credentials())
        try:
            yield client, connection.connector.check(client, connecting=True)
        finally:
            client.close()
    except ConnectorError as error:
        raise Refused(error.message_with(consequence)) from error


def reconnect(
    connection: Connection,
    credentials: Mapping[str, Any],
    *,
    base_url: str = "",
    other_account: bool = False,
    person: Any = None,
) -> Connection:
    """Check new credentials live and replace the stored ones; syncs resume immediately, by signal.

    A disconnected connection is connected again, with the data it kept. Raises Refused, and OtherAccount unless
    `other_account` allows that; then nothing is changed.
    """
    connector = connection.connector
    given = _valid_credentials(connector, credentials)
    address = _valid_address(connector, base_url or connection.base_url)
    trial = Connection(wms=connection.wms, base_url=address, sealed_credentials=encrypt(given))
    with checked(trial, NOTHING_CHANGED) as (client, health):
        learned = client.learned
    account_key = connector.account_key(address, given)
    is_other = account_key != connection.account_key
    if is_other and not other_account:
        raise OtherAccount
    with transaction.atomic():
        stored = Connection.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=connection.pk)
        was_live, moment = stored.is_live, now()
        changes: dict[str, Any] = {
            "base_url": address,
            "sealed_credentials": trial.sealed_credentials,
            "account_key": account_key,
            "learned": learned if is_other else {**stored.learned, **learned},
            "status": Status.CONNECTED,
            "status_message": health.warning,
            "checked_at": moment,
        }
        if not was_live:
            changes |= {"connected_at": moment, "connected_by": person, "disconnected_at": None}
        for name, value in changes.items():
            setattr(stored, name, value)
        stored.save(update_fields=list(changes))
        _record_reconnect(stored, was_live=was_live, is_other=is_other, person=person)
        connection_resumed.send(Connection, connection=stored, person=person, other_account=is_other)
    return stored


def _record_reconnect(connection: Connection, *, was_live: bool, is_other: bool, person: Any) -> None:
    label = connection.connector.label
    kind = EventKind.CREDENTIALS if was_live else EventKind.CONNECTION
    text = f"{label} accepted new credentials." if was_live else f"Connected to {label} again."
    other = " They belong to another login than before, so everything is read from the start." if is_other else ""
    events.record_event(connection, kind, text + other, person=person)


def _valid_address(connector: type[Connector], base_url: str) -> str:
    address = base_url.strip().rstrip("/")
    if not address and not connector.base_url:
        raise Refused(f"{connector.label} needs the address of your server, such as https://wms.example.com.")
    return address


def _valid_credentials(connector: type[Connector], given: Mapping[str, Any]) -> dict[str, str]:
    """Return the credentials: printable texts the connector knows, with all required ones. Raises Refused."""
    if not isinstance(given, Mapping):
        raise Refused('The credentials must be a JSON object, such as {"api_key": "…"}.')
    known = {credential.name: credential for credential in connector.credentials}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise Refused(f"{connector.label} has no credential called {', '.join(unknown)}. Use {', '.join(known)}.")
    missing = [name for name, credential in known.items() if credential.required and not given.get(name)]
    if missing:
        raise Refused(f"{connector.label} needs {', '.join(missing)} to connect.")
    wrong = [name for name, value in given.items() if not isinstance(value, str) or not value.isprintable()]
    if wrong:
        raise Refused(f"{', '.join(wrong)} must be a line of text.")
    return {name: value.strip() for name, value in given.items() if value}


def _name_taken(connection: Connection) -> Refused:
    text = f"{connection.workspace.name} already has a connection called “{connection.name}”. Choose another name."
    return Refused(text, "name")


def change_lookback(connection: Connection, days: int, *, person: Any = None) -> None:
    """Set how many days before connecting are read; the missing days are read soon.

    Raises Refused for fewer days than before: what was read stays, so fewer days would mean nothing.
    """
    with transaction.atomic():
        current = Connection.objects.select_for_update().get(pk=connection.pk)
        before = current.lookback_days
        if not before <= days <= MAX_LOOKBACK_DAYS:
            raise Refused(
                f"Packr has already read {before} days before the connection was made, and keeps them. Choose "
                f"{before} to {MAX_LOOKBACK_DAYS:,} days.",
                "lookback_days",
            )
        if days > before:
            _raise_lookback(current, days, person)
    connection.lookback_days, connection.border = current.lookback_days, current.border


def _raise_lookback(connection: Connection, days: int, person: Any) -> None:
    before, until = connection.lookback_days, connection.border
    connection.border -= timedelta(days=days - before)
    connection.lookback_days = days
    connection.save(update_fields=["lookback_days", "border"])
    text = f"Days of history were raised from {before:,} to {days:,}."
    events.record_event(connection, EventKind.CONFIGURATION, text, person=person)
    if connection.is_live:
        lookback_raised.send(Connection, connection=connection, until=until, person=person)


def disconnect(connection: Connection, *, delete_data: bool = False, person: Any = None) -> None:
    """End a connection: its schedules stop and its credentials are deleted, and with `delete_data` its data."""
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(
            status=Status.DISCONNECTED, status_message="", disconnected_at=now(), sealed_credentials=encrypt({})
        )
        connection.refresh_from_db()
        outcome = "Its data was deleted." if delete_data else "Its data was kept."
        events.record_event(connection, EventKind.CONNECTION, f"Disconnected. {outcome}", person=person)
        connection_ended.send(Connection, connection=connection, person=person)
    if delete_data:
        _delete(connection.pk)


def _delete(connection_id: int, attempts: int = MAX_DELETE_ATTEMPTS) -> None:
    """Delete a connection with all its data.

    Writers of its data hold its row, so it is locked first: from then on no row of the mirror is added. If a worker
    that waits for it already holds a row to be deleted, the database ends one of the two, and this tries again.
    """
    try:
        with transaction.atomic():
            if connection := Connection.objects.filter(pk=connection_id).select_for_update().first():
                connection_deleted.send(Connection, connection=connection)
                connection.delete()
    except OperationalError:
        if attempts == 1:
            raise
        _delete(connection_id, attempts - 1)
