"""Connecting to a WMS, checking the connection, and ending it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from packr.workspaces.models import Workspace

from . import events
from .connector import Connector
from .credentials import Unreadable, seal
from .errors import ConnectorError, Kind
from .http import GOES_ON, Client
from .models import Connection, EventKind, Status
from .registry import CONNECTORS
from .signals import connection_ended, connection_made, lookback_raised

LONGEST_REQUEST = 30  # seconds


class Refused(Exception):
    """A connection that can't be made; the text says why and what to do."""


def client_for(
    connector: type[Connector], base_url: str, credentials: Mapping[str, str], learned: Mapping[str, Any] | None = None
) -> Client:
    """A client for an account; ConnectorError(contract) for an address Packr must not talk to."""
    client = Client(
        base_url or connector.base_url,
        credentials=dict(credentials),
        learned=dict(learned or {}),
        deadline=timedelta(seconds=min(settings.LEASE_SECONDS / 2, LONGEST_REQUEST)),
        per_second=connector.reads_per_second,
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
class Account:
    """What a person says to connect a WMS."""

    wms: str
    name: str
    credentials: Mapping[str, Any]
    base_url: str = ""
    lookback_days: int = 30


def connect(workspace: Workspace, account: Account, *, person: Any = None, first_sync: bool = True) -> Connection:
    """Check the account live and store the connection; schedules and first runs follow by signal.

    Raises Refused, and ConnectorError from the check; then nothing is stored.
    """
    connector = _connector(account.wms)
    credentials = _credentials(connector, account.credentials)
    base_url = account.base_url.strip().rstrip("/")
    if not base_url and not connector.base_url:
        raise Refused(f"{connector.label} needs the address of your server: give --base-url https://…")
    connection = Connection(
        workspace=workspace,
        wms=account.wms,
        name=account.name.strip(),
        base_url=base_url,
        sealed_credentials=seal(credentials),
        account_key=connector.account_key(base_url, credentials),
        lookback_days=account.lookback_days,
        connected_by=person,
    )
    _validate(connection)
    client = client_for(connector, base_url, credentials)
    try:
        health = connector.check(client, connecting=True)
    except ConnectorError as error:  # what is true of a connection that exists is not of one that can't be made
        error.message = error.message.replace(GOES_ON, "Nothing was stored; try again when that is mended.")
        raise
    finally:
        client.close()
    moment = now()
    connection.learned = client.learned
    connection.connected_at = connection.checked_at = moment
    connection.status_message = health.warning
    connection.border = (health.clock or moment) - timedelta(days=account.lookback_days)
    try:
        with transaction.atomic():
            connection.save(force_insert=True)
            events.note(connection, EventKind.CONNECTION, f"Connected to {connector.label}.", person=person)
            connection_made.send(Connection, connection=connection, first_sync=first_sync)
    except IntegrityError:
        raise Refused(_name_taken(connection)) from None
    return connection


def _connector(wms: str) -> type[Connector]:
    if wms not in CONNECTORS:
        raise Refused(f"Packr does not speak to a WMS called “{wms}”. It knows: {', '.join(sorted(CONNECTORS))}.")
    return CONNECTORS[wms]


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
        set_status(connection, Status.CONNECTED, health.warning)
    except ConnectorError as error:
        set_status(connection, status_after(error), error.message)
    connection.checked_at = now()
    connection.save(update_fields=["checked_at"])
    return connection


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
        events.note(connection, EventKind.CREDENTIALS, text)


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
    events.note(connection, EventKind.CONFIGURATION, text, person=person)
    if connection.is_live:
        lookback_raised.send(Connection, connection=connection, until=until, person=person)


def disconnect(connection: Connection, *, delete_data: bool = False, person: Any = None) -> None:
    """End a connection: its schedules stop and its credentials are forgotten. Its data stays unless `delete_data`."""
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(
            status=Status.DISCONNECTED, status_message="", disconnected_at=now(), sealed_credentials=seal({})
        )
        connection.refresh_from_db()
        kept = "Its data was deleted." if delete_data else "Its data was kept."
        events.note(connection, EventKind.CONNECTION, f"Disconnected. {kept}", person=person)
        connection_ended.send(Connection, connection=connection, person=person)
    if delete_data:
        _delete(connection.pk)


def _delete(connection_id: int, tries: int = 5) -> None:
    """Delete a connection with all its data. What a worker wrote meanwhile, in its last page, makes it start anew."""
    try:
        with transaction.atomic():
            Connection.objects.filter(pk=connection_id).delete()
    except IntegrityError:
        if tries == 1:
            raise
        _delete(connection_id, tries - 1)
