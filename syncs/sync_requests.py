"""Ask an admin: somebody who may not sync asks for it, and an admin grants it with one click."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection, Status
from packr.workspaces.errors import Refused

from .models import Decision, SyncRequest, Trigger
from .runs.enqueue import request_runs

# For this long people see what became of what they asked for.
REMEMBERED = timedelta(days=1)
LONGEST_NOTE = 500


def ask(connection: Connection, entity: Entity, *, person: Any, note: str = "") -> tuple[SyncRequest, bool]:
    """Ask the admins for a sync; gives the open request, and whether it is new: there is one for each entity.

    Raises Refused for a connection that is disconnected, and for an entity its WMS does not offer.
    """
    connector = connection.connector
    if not connection.is_live:
        raise Refused(f"{connection.name} is disconnected, so nothing can be synced. An admin can connect it again.")
    if entity not in connector.entities():
        raise Refused(f"{connector.label} does not offer {entity.label.lower()}.")
    wanted = {"connection": connection, "entity": connector.read_with.get(entity, entity), "decision": ""}
    try:
        with transaction.atomic():
            return SyncRequest.objects.create(
                **wanted, asked_by=person, asked_at=now(), note=note.replace("\0", "").strip()[:LONGEST_NOTE]
            ), True
    except IntegrityError:  # somebody asked before
        found = SyncRequest.objects.filter(**wanted).first()
    return (found, False) if found else ask(connection, entity, person=person, note=note)


def approve(request: SyncRequest, *, person: Any) -> SyncRequest:
    """Start the sync that was asked for, or join the one that is running. Raises Refused when it can't be."""
    with transaction.atomic():
        current = _open(request)
        requested = request_runs(current.connection, [Entity(current.entity)], trigger=Trigger.MANUAL, person=person)
        current.run = requested[0].run
        _decide(current, Decision.APPROVED, person)
    return current


def decline(request: SyncRequest, *, person: Any) -> SyncRequest:
    """Say no; the person who asked sees who did. Raises Refused when it was decided already."""
    with transaction.atomic():
        current = _open(request)
        _decide(current, Decision.DECLINED, person)
    return current


def open_requests(connections: Sequence[Connection]) -> QuerySet[SyncRequest]:
    """What waits for an admin, the oldest first."""
    live = [one.pk for one in connections if one.status != Status.DISCONNECTED]
    return _with_people().filter(connection__in=live, decision="").order_by("asked_at")


def recent(connections: Sequence[Connection]) -> QuerySet[SyncRequest]:
    """What is open or was decided within the last day, the newest first."""
    lately = Q(decision="") | Q(decided_at__gt=now() - REMEMBERED)
    return _with_people().filter(lately, connection__in=connections)


def _with_people() -> QuerySet[SyncRequest]:
    return SyncRequest.objects.select_related("connection", "asked_by", "decided_by", "run__lane")


def _open(request: SyncRequest) -> SyncRequest:
    locked = SyncRequest.objects.select_for_update(of=("self",)).select_related("connection", "decided_by")
    current = locked.get(pk=request.pk)
    if current.decision:
        by = f" by {current.decided_by.get_full_name() or current.decided_by}" if current.decided_by else ""
        raise Refused(f"This was {current.decision} already{by}.")
    return current


def _decide(request: SyncRequest, decision: Decision, person: Any) -> None:
    request.decision, request.decided_by, request.decided_at = decision, person, now()
    request.save(update_fields=["decision", "decided_by", "decided_at", "run"])
