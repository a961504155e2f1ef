"""Reading one record in the WMS at a person's word, and taking over what it says: one call in place of a sync.

The answer waits in the table for the person's word. No watermark moves; a sync goes on as if nobody had looked.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from django.db import transaction
from django.utils.timezone import now

from integrations.connectors.base import Page, Resource
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.http.client import Client
from integrations.models import Connection, Status
from integrations.services import open_client, set_status
from packr.workspaces.formatting import named

from .mirror import sql, writer
from .mirror.schema import TABLES
from .mirror.write_plan import WritePolicy
from .models import Look, Mirrored
from .models.change_causes import Cause, CauseKind
from .models.live_lookup import GOOD_FOR

TIMEOUT = timedelta(seconds=10)  # a person waits
KEPT = timedelta(days=90)
NOTHING_HERE = "Nothing changed in Packr. Try again in a moment."


class Outcome(StrEnum):
    """What came of taking an answer over."""

    TAKEN = "taken"
    SAME = "same"
    REMOVED = "removed"
    OVERTAKEN = "overtaken"  # the row changed since the WMS was asked
    EXPIRED = "expired"


def why_not(connection: Connection, entity: Entity) -> str:
    """Why a record of this entity can't be read by itself, in a sentence; empty when it can."""
    connector = connection.connector
    if not connection.is_live:
        return f"{connection.name} is disconnected, so {connector.label} can’t be asked."
    if entity in connector.read_with:
        parent = connector.read_with[entity].label.lower()
        return f"{connector.label} sends {entity.label.lower()} inside its {parent}: check the record it belongs to."
    resource = connector.resources.get(entity)
    if resource is None or not (resource.single or resource.lookup):
        what = entity.label.lower()
        return f"{connector.label} can’t be asked for one of its {what} alone. Sync {what} instead: they are few."
    return ""


def look_up(connection: Connection, entity: Entity, external_id: str, *, person: Any = None) -> Look:
    """Ask the WMS for one record and keep what it says. Raises nothing: why nothing is known is in `trouble`."""
    asked = Look(connection=connection, entity=entity, external_id=external_id, person=person, asked_at=now())
    asked.trouble = why_not(connection, entity)
    if not asked.trouble:
        _ask(asked, connection.connector.resources[entity])
    asked.save()
    return asked


def _ask(asked: Look, resource: Resource) -> None:
    began = time.monotonic()
    try:
        page = read_live(asked.connection, resource, [asked.external_id])
    except ConnectorError as error:
        asked.trouble = failure_message(asked.connection, error)
        return
    finally:
        asked.latency_ms = round((time.monotonic() - began) * 1000)
    asked.wms_clock = page.clock
    record = next((one for one in page.records if one.external_id == asked.external_id), None)
    if record is not None:
        asked.found, asked.answer = True, msgspec.to_builtins(record)
    elif page.rejected:
        asked.trouble = f"The WMS has this record, but Packr can’t understand it: {page.rejected[0].reason}"
    else:
        asked.found, asked.is_certain = False, resource.single is not None


def read_live(connection: Connection, resource: Resource, ids: Sequence[str]) -> Page:
    """These records as the WMS has them now, in one call; a person waits, so it is not paced. Raises ConnectorError."""
    client = open_client(connection)
    client.transport.timeout = min(client.transport.timeout, TIMEOUT)
    try:
        return _read(client, resource, ids)
    finally:
        client.close()


def _read(client: Client, resource: Resource, ids: Sequence[str]) -> Page:
    if resource.single and len(ids) == 1:
        return resource.single(client, ids[0])
    assert resource.lookup is not None
    return resource.lookup(client, ids)


def failure_message(connection: Connection, error: ConnectorError) -> str:
    """What a failure means for the person who asked. A login that the WMS refuses is the whole connection's matter."""
    if error.kind == Kind.CREDENTIALS:
        set_status(connection, Status.NEEDS_ATTENTION, error.message)
        return error.message
    if error.kind == Kind.RATE_LIMITED:
        until = f" after {error.retry_at.astimezone(UTC):%H:%M:%S} UTC" if error.retry_at else " in a minute"
        return f"{connection.connector.label} is limiting requests. Nothing changed in Packr. Try again{until}."
    return error.message_with(NOTHING_HERE)


def latest(connection: Connection, entity: Entity, external_id: str, person: Any) -> Look | None:
    """What this person last asked about a record, while it is new enough to be acted upon."""
    recent = Look.objects.filter(connection=connection, entity=entity, external_id=external_id, person=person)
    return recent.filter(asked_at__gt=now() - GOOD_FOR, taken_at=None).order_by("-asked_at", "-pk").first()


def take(look: Look, row: Mirrored) -> Outcome:
    """Take over what a look has found, once. A row that has changed since the WMS was asked stays as it is."""
    moment = now()
    still_open = Look.objects.filter(pk=look.pk, taken_at=None, asked_at__gt=moment - GOOD_FOR)
    with transaction.atomic():
        if not look.can_be_taken or not still_open.update(taken_at=moment, answer=None):
            return Outcome.EXPIRED
        list(Connection.objects.select_for_update().filter(pk=look.connection_id).values("pk"))  # other writers wait
        if not sql.unchanged_since(type(row), [row.pk], look.asked_at):
            return Outcome.OVERTAKEN
        return _write(look, row, moment)


def _write(look: Look, row: Mirrored, moment: datetime) -> Outcome:
    entity = Entity(look.entity)
    cause = Cause(CauseKind.POINT_REFRESH, look.pk, f"{named(look.person)} checked it in the WMS")
    if look.answer is None:
        writer.remove(look.connection_id, entity, [row.pk], now=moment, cause=cause)
        return Outcome.REMOVED
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
        return Outcome.OVERTAKEN
    return Outcome.TAKEN if applied.created or applied.updated else Outcome.SAME


def prune(moment: datetime) -> None:
    """Forget looks of long ago, and the answers that nobody took over in time."""
    Look.objects.filter(asked_at__lt=moment - KEPT).delete()
    Look.objects.filter(asked_at__lt=moment - GOOD_FOR, answer__isnull=False).update(answer=None)
