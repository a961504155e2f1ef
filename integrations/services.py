"""Connecting to a WMS, checking the connection, and ending it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, transaction
from django.utils.timezone import now

from packr.workspaces.errors import Refused
from packr.workspaces.models import Workspace

from . import events
from .connectors.base import ConnectionHealth, Connector
from .connectors.registry import CONNECTORS
from .encryption import Unreadable, encrypt
from .entities import Entity
from .errors import ConnectorError, Kind
from .http.client import Client
from .models import Connection, EventKind, Status
from .signals import connection_deleted, connection_ended, connection_made, connection_resumed, lookback_raised

LONGEST_REQUEST = 30  # seconds
NOTHING_STORED = "Nothing was stored. Try again after fixing this."
NOTHING_CHANGED = "Nothing was changed. Try again after fixing this."
RECONNECTED = (
    "base_url",
    "sealed_credentials",
    "account_key",
    "learned",
    "status",
    "status_message",
    "checked_at",
    "connected_at",
    "connected_by",
    "disconnected_at",
)


def client_for(
    connector: type[Connector], base_url: str, credentials: Mapping[str, str], learned: Mapping[str, Any] | None = None
) -> Client:
    """A client for an account; ConnectorError(contract) for an address Packr must not talk to."""
    client = Client(
        base_url or connector.base_url,
        credentials=credentials,
        learned=learned,
        timeout=timedelta(seconds=min(settings.LEASE_SECONDS / 2, LONGEST_REQUEST)),
        reads_per_second=connector.reads_per_second,
        private_hosts=settings.PRIVATE_WMS_HOSTS,
    )
    connector.sign(client)
    return client


def open_client(connection: Connection) -> Client:
    """A client for a connection; ConnectorError(credentials) when its credentials can't be opened."""
    try:
        credentials = connection.credentials()
    except Unreadable as error:
        raise ConnectorError(Kind.CREDENTIALS, str(error)) from None
    return client_for(connection.connector, connection.base_url, credentials, connection.learned)


@dataclass(frozen=True)
class Off:
    """Why an entity is not synced. `offered` False: the WMS has no such thing."""

    reason: str
    offered: bool = True


@dataclass(frozen=True)
class Account:
    """What a person says to connect a WMS. `off` are the entities that are not wanted."""

    wms: str
    name: str
    credentials: Mapping[str, Any] = field(repr=False)
    base_url: str = ""
    lookback_days: int = 30
    off: Mapping[Entity, Off] = field(default_factory=dict)


def connect(workspace: Workspace, account: Account, *, person: Any = None, first_sync: bool = True) -> Connection:
    """Check the account live and store the connection; schedules and first runs follow by signal.

    Raises Refused if the account can't be connected; then nothing is stored.
    """
    connection = draft(workspace, account, person)
    with checked(connection, NOTHING_STORED) as (client, health):
        learned = client.learned
    moment = now()
    connection.learned = learned
    connection.connected_at = connection.checked_at = moment
    connection.status_message = health.warning
    connection.border = (health.clock or moment) - timedelta(days=account.lookback_days)
    try:
        with transaction.atomic():
            connection.save(force_insert=True)
            events.record_event(
                connection, EventKind.CONNECTION, f"Connected to {connection.connector.label}.", person=person
            )
            connection_made.send(Connection, connection=connection, first_sync=first_sync, off=account.off)
    except IntegrityError:
        raise Refused(_name_taken(connection)) from None
    return connection


def draft(workspace: Workspace, account: Account, person: Any = None) -> Connection:
    """The connection that an account would make, not stored and not checked; Refused when it can't be one."""
    connector = _connector(account.wms)
    credentials = _credentials(connector, account.credentials)
    base_url = _address(connector, account.base_url)
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


class OtherAccount(Exception):
    """Credentials that work, but are not those of the account that the connection was made with."""


def reconnect(
    connection: Connection,
    credentials: Mapping[str, Any],
    *,
    base_url: str = "",
    other_account: bool = False,
    person: Any = None,
) -> Connection:
    """Check new credentials live and put them in place of the old ones; then syncs go on at once, by signal.

    A connection that was disconnected is connected again, with the data it kept. Raises Refused and,
    unless `other_account` says that this is wanted, OtherAccount; then nothing is changed.
    """
    connector = connection.connector
    given = _credentials(connector, credentials)
    address = _address(connector, base_url or connection.base_url)
    trial = Connection(wms=connection.wms, base_url=address, sealed_credentials=encrypt(given))
    key = connector.account_key(address, given)
    is_other = key != connection.account_key
    with checked(trial, NOTHING_CHANGED) as (client, health):
        learned = client.learned
    if is_other and not other_account:
        raise OtherAccount
    with transaction.atomic():
        stored = Connection.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=connection.pk)
        moment = now()
        was_live = stored.is_live
        if not was_live:
            stored.connected_at, stored.connected_by, stored.disconnected_at = moment, person, None
        stored.base_url, stored.sealed_credentials, stored.account_key = address, trial.sealed_credentials, key
        stored.learned = learned if is_other else {**stored.learned, **learned}
        stored.status, stored.status_message, stored.checked_at = Status.CONNECTED, health.warning, moment
        stored.save(update_fields=RECONNECTED)
        _note_reconnected(stored, was_live=was_live, is_other=is_other, person=person)
        connection_resumed.send(Connection, connection=stored, person=person, other_account=is_other)
    return stored


def _note_reconnected(connection: Connection, *, was_live: bool, is_other: bool, person: Any) -> None:
    label = connection.connector.label
    text = f"New credentials, which {label} accepted." if was_live else f"Connected to {label} again."
    other = " They are of another login than before: everything is read from the start." if is_other else ""
    kind = EventKind.CREDENTIALS if was_live else EventKind.CONNECTION
    events.record_event(connection, kind, text + other, person=person)


def _connector(wms: str) -> type[Connector]:
    if wms not in CONNECTORS:
        raise Refused(f"Packr does not speak to a WMS called “{wms}”. It knows: {', '.join(sorted(CONNECTORS))}.")
    return CONNECTORS[wms]


def _address(connector: type[Connector], base_url: str) -> str:
    address = base_url.strip().rstrip("/")
    if not address and not connector.base_url:
        raise Refused(f"{connector.label} needs the address of your server: give --base-url https://…")
    return address


def _credentials(connector: type[Connector], given: Mapping[str, Any]) -> dict[str, str]:
    """The given credentials, each a text the connector knows and none of the required ones missing."""
    if not isinstance(given, Mapping):
        raise Refused('The credentials must be a JSON object, such as {"api_key": "…"}.')
    known = {field.name: field for field in connector.credentials}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise Refused(f"{connector.label} has no credential called {', '.join(unknown)}; it takes {', '.join(known)}.")
    missing = [name for name, field in known.items() if field.required and not given.get(name)]
    if missing:
        raise Refused(f"{connector.label} needs {', '.join(missing)} to connect.")
    wrong = [name for name, value in given.items() if not isinstance(value, str) or not value.isprintable()]
    if wrong:
        raise Refused(f"{', '.join(wrong)} must be a line of text.")
    return {name: value.strip() for name, value in given.items() if value}


def _validate(connection: Connection) -> None:
    exclude = ["border", "connected_at", "connected_by", "sealed_credentials", "account_key"]
    try:
        connection.clean_fields(exclude=exclude)
    except ValidationError as error:
        raise Refused(" ".join(f"{field}: {' '.join(texts)}" for field, texts in error.message_dict.items())) from None
    if Connection.objects.filter(workspace=connection.workspace, name=connection.name).exists():
        raise Refused(_name_taken(connection))


def _name_taken(connection: Connection) -> str:
    return f"{connection.workspace.name} already has a connection called “{connection.name}”. Choose another name."


def refresh(connection: Connection) -> Connection:
    """Check the connection with one question to the WMS and note what came of it. Pulls no data, raises nothing."""
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
        set_status(connection, status_after(error), error.message)
    connection.checked_at = now()
    connection.save(update_fields=["checked_at"])
    return connection


def learn(connection: Connection, learned: Mapping[str, Any]) -> None:
    """Keep what was found out about the account, beside what is known; writes only news."""
    if all(connection.learned.get(name) == value for name, value in learned.items()):
        return
    with transaction.atomic():
        current = Connection.objects.select_for_update().get(pk=connection.pk)
        connection.learned = {**current.learned, **learned}
        Connection.objects.filter(pk=connection.pk).update(learned=connection.learned)


def status_after(error: ConnectorError) -> Status:
    """What an error says about the connection as a whole."""
    if error.kind == Kind.CREDENTIALS:
        return Status.NEEDS_ATTENTION
    return Status.CONNECTED if error.kind == Kind.RATE_LIMITED else Status.UNREACHABLE


def set_status(connection: Connection, status: Status, message: str = "") -> None:
    """Note how the connection is; writes only when it is news, and never wakes a disconnected one."""
    if (connection.status, connection.status_message) == (status, message):
        return
    live = Connection.objects.filter(pk=connection.pk).exclude(status=Status.DISCONNECTED)
    with transaction.atomic():
        before = live.select_for_update().values_list("status", flat=True).first()
        if before is None:
            return
        live.update(status=status, status_message=message)
        _note_login(connection, before, status)
    connection.status, connection.status_message = status, message


def _note_login(connection: Connection, before: str, status: Status) -> None:
    """Keep that the WMS refused the login, and that it takes it again."""
    refused = Status.NEEDS_ATTENTION
    if refused in (before, status) and before != status:
        text = "The WMS refused the login." if status == refused else "The WMS no longer refuses the login."
        events.record_event(connection, EventKind.CREDENTIALS, text)


LONGEST_LOOKBACK = 3650  # days


def change_lookback(connection: Connection, days: int, *, person: Any = None) -> None:
    """Read so many days of history before connecting; what is missing of them is read soon. Raises Refused.

    It can only grow: what was read stays, so there is nothing that less could mean.
    """
    with transaction.atomic():
        current = Connection.objects.select_for_update().get(pk=connection.pk)
        if not current.lookback_days <= days <= LONGEST_LOOKBACK:
            raise Refused(
                f"Packr has read {current.lookback_days} days before the connection was made, and keeps them. Choose "
                f"from {current.lookback_days} to {LONGEST_LOOKBACK} days."
            )
        if days > current.lookback_days:
            _raise_lookback(current, days, person)
    connection.lookback_days, connection.border = current.lookback_days, current.border


def _raise_lookback(connection: Connection, days: int, person: Any) -> None:
    before, until = connection.lookback_days, connection.border
    connection.border -= timedelta(days=days - before)
    connection.lookback_days = days
    connection.save(update_fields=["lookback_days", "border"])
    text = f"The lookback was raised from {before} to {days} days."
    events.record_event(connection, EventKind.CONFIGURATION, text, person=person)
    if connection.is_live:
        lookback_raised.send(Connection, connection=connection, until=until, person=person)


def disconnect(connection: Connection, *, delete_data: bool = False, person: Any = None) -> None:
    """End a connection: its schedules stop and its credentials are forgotten. Its data stays unless `delete_data`."""
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(
            status=Status.DISCONNECTED, status_message="", disconnected_at=now(), sealed_credentials=encrypt({})
        )
        connection.refresh_from_db()
        kept = "Its data was deleted." if delete_data else "Its data was kept."
        events.record_event(connection, EventKind.CONNECTION, f"Disconnected. {kept}", person=person)
        connection_ended.send(Connection, connection=connection, person=person)
    if delete_data:
        _delete(connection.pk)


def _delete(connection_id: int, tries: int = 5) -> None:
    """Delete a connection with all its data.

    Whoever writes data of it holds its row, which is why it is taken first: no row of the mirror is made from here on.
    A worker that waits for it with something in hands that has to be deleted makes one of the two begin anew.
    """
    found = Connection.objects.filter(pk=connection_id)
    try:
        with transaction.atomic():
            if connection := found.select_for_update().first():
                connection_deleted.send(Connection, connection=connection)
                connection.delete()
    except OperationalError:
        if tries == 1:
            raise
        _delete(connection_id, tries - 1)
