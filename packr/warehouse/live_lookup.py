"""Live lookup: reads one record from the WMS on request, and accepts the answer into the mirror.

The answer is kept until the person accepts it. No watermark moves, and syncs are not affected.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from django.db import transaction
from django.utils.timezone import now

from integrations.clients import open_client
from integrations.connection_status import set_status
from integrations.connectors.base import Page, Resource
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection, Status
from packr.workspaces.formatting import named

from .mirror import sql, writer
from .mirror.schema import TABLES
from .mirror.write_plan import WritePolicy
from .models import Look, Mirrored
from .models.change_causes import Cause, CauseKind
from .models.live_lookup import GOOD_FOR

TIMEOUT = timedelta(seconds=10)  # short, since a person waits
RETENTION = timedelta(days=90)
NOTHING_HERE = "Nothing changed in Packr. Try again in a moment."


class LookupOutcome(StrEnum):
    """Result of accepting an answer."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    SUPERSEDED = "superseded"  # the row has changed since the WMS was asked
    EXPIRED = "expired"


def unavailable_reason(connection: Connection, entity: Entity) -> str:
    """Return why single records of an entity can't be read from the WMS; "" if they can."""
    connector = connection.connector
    plural = entity.label.lower()
    if not connection.is_live:
        return f"{connection.name} is disconnected, so {connector.label} can’t be asked."
    if entity in connector.read_with:
        parent = connector.read_with[entity].label.lower()
        return f"{connector.label} sends {plural} inside its {parent}: check the record it belongs to."
    resource = connector.resources.get(entity)
    if resource is None or not (resource.single or resource.lookup):
        return f"{connector.label} can’t send a single record of its {plural}. Sync all {plural} instead: they are few."
    return ""


def look_up(connection: Connection, entity: Entity, external_id: str, *, person: Any = None) -> Look:
    """Ask the WMS for one record and store the answer. Never raises for the WMS: `trouble` says what went wrong."""
    look = Look(connection=connection, entity=entity, external_id=external_id, person=person, asked_at=now())
    look.trouble = unavailable_reason(connection, entity)
    if not look.trouble:
        _ask(look, connection.connector.resources[entity])
    look.save()
    return look


def _ask(look: Look, resource: Resource) -> None:
    began = time.monotonic()
    try:
        page = read_live(look.connection, resource, [look.external_id])
    except ConnectorError as error:
        look.trouble = failure_message(look.connection, error)
        return
    finally:
        look.latency_ms = round((time.monotonic() - began) * 1000)
    look.wms_clock = page.clock
    record = next((one for one in page.records if one.external_id == look.external_id), None)
    if record is not None:
        look.found, look.answer = True, msgspec.to_builtins(record)
    elif page.rejected:
        look.trouble = f"The WMS has this record, but Packr can’t read it: {page.rejected[0].reason}"
    else:
        look.found, look.is_certain = False, resource.single is not None


def read_live(connection: Connection, resource: Resource, ids: Sequence[str]) -> Page:
    """Read these records from the WMS in one call, without pacing since a person waits. Raises ConnectorError."""
    client = open_client(connection)
    client.transport.timeout = min(client.transport.timeout, TIMEOUT)
    try:
        if resource.single and len(ids) == 1:
            return resource.single(client, ids[0])
        assert resource.lookup is not None
        return resource.lookup(client, ids)
    finally:
        client.close()


def failure_message(connection: Connection, error: ConnectorError) -> str:
    """Return the message of a failure for the person who waits. A rejected login is recorded on the connection."""
    if error.kind == Kind.CREDENTIALS:
        set_status(connection, Status.NEEDS_ATTENTION, error.message)
        return error.message
    if error.kind == Kind.RATE_LIMITED:
        until = f" after {error.retry_at.astimezone(UTC):%H:%M:%S} UTC" if error.retry_at else " in a minute"
        return f"{connection.connector.label} is limiting requests. Nothing changed in Packr. Try again{until}."
    return error.message_with(NOTHING_HERE)


def latest(connection: Connection, entity: Entity, external_id: str, person: Any) -> Look | None:
    """Return this person's last lookup of a record, if its answer can still be accepted."""
    recent = Look.objects.filter(connection=connection, entity=entity, external_id=external_id, person=person)
    return recent.filter(asked_at__gt=now() - GOOD_FOR, taken_at=None).order_by("-asked_at", "-pk").first()


def accept(look: Look, row: Mirrored) -> LookupOutcome:
    """Write the answer to the mirror, once. A row that has changed since the WMS was asked stays as it is."""
    moment = now()
    still_open = Look.objects.filter(pk=look.pk, taken_at=None, asked_at__gt=moment - GOOD_FOR)
    with transaction.atomic():
        if not look.can_be_taken or not still_open.update(taken_at=moment, answer=None):
            return LookupOutcome.EXPIRED
        # Other writers of this connection wait for this lock.
        list(Connection.objects.select_for_update().filter(pk=look.connection_id).values("pk"))
        if not sql.unchanged_since(type(row), [row.pk], look.asked_at):
            return LookupOutcome.SUPERSEDED
        return _write(look, row, moment)


def _write(look: Look, row: Mirrored, moment: datetime) -> LookupOutcome:
    entity = Entity(look.entity)
    cause = Cause(CauseKind.POINT_REFRESH, look.pk, f"{named(look.person)} checked it in the WMS")
    if look.answer is None:
        writer.remove(look.connection_id, entity, [row.pk], now=moment, cause=cause)
        return LookupOutcome.REMOVED
    record = msgspec.convert(look.answer, TABLES[entity].record_type)
    applied = writer.apply(
        look.connection_id,
        entity,
        [record],
        now=moment,
        clock=look.wms_clock,
        policy=WritePolicy.lookup(),  # if the record is older than its row, the WMS was restored and is right
        cause=cause,
    )
    if applied.stale:
        return LookupOutcome.SUPERSEDED
    return LookupOutcome.ACCEPTED if applied.created or applied.updated else LookupOutcome.UNCHANGED


def prune(moment: datetime) -> None:
    """Delete old lookups, and the answers that nobody accepted in time."""
    Look.objects.filter(asked_at__lt=moment - RETENTION).delete()
    Look.objects.filter(asked_at__lt=moment - GOOD_FOR, answer__isnull=False).update(answer=None)
