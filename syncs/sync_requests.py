"""Requests for a sync: a person who may not sync asks, and a workspace admin approves or declines."""

from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.errors import Refused
from packr.workspaces.formatting import named
from packr.workspaces.request_context import RequestContext

from .models import Decision, SyncRequest, Trigger
from .runs.enqueue import request_runs
from .status.page_status import page_status

DECISION_SHOWN_FOR = timedelta(days=1)
MAX_NOTE_LENGTH = 500


def request_sync(connection: Connection, entity: Entity, *, person: Any, note: str = "") -> tuple[SyncRequest, bool]:
    """Return the open request for a sync of `entity`, and whether this call made it: each entity has at most one.

    Raises Refused if the connection is disconnected or its WMS doesn't offer the entity.
    """
    connector = connection.connector
    if not connection.is_live:
        raise Refused(f"{connection.name} is disconnected, so nothing can be synced. An admin can reconnect it.")
    if entity not in connector.entities():
        raise Refused(f"{connector.label} does not offer {entity.label.lower()}.")
    wanted = {"connection": connection, "entity": connector.read_with.get(entity, entity), "decision": ""}
    try:
        with transaction.atomic():
            return SyncRequest.objects.create(
                **wanted, asked_by=person, asked_at=now(), note=note.replace("\0", "").strip()[:MAX_NOTE_LENGTH]
            ), True
    except IntegrityError:  # There is an open request already.
        found = SyncRequest.objects.filter(**wanted).first()
    return (found, False) if found else request_sync(connection, entity, person=person, note=note)


def approve(request: SyncRequest, *, person: Any) -> SyncRequest:
    """Start the requested sync, or attach to a running one. Raises Refused if it was decided or can't start."""
    with transaction.atomic():
        current = _lock_open(request)
        requested = request_runs(current.connection, [Entity(current.entity)], trigger=Trigger.MANUAL, person=person)
        current.run = requested[0].run
        _decide(current, Decision.APPROVED, person)
    return current


def decline(request: SyncRequest, *, person: Any) -> SyncRequest:
    """Decline the request; its author sees who did. Raises Refused if it was decided already."""
    with transaction.atomic():
        current = _lock_open(request)
        _decide(current, Decision.DECLINED, person)
    return current


def requests_to_decide(context: RequestContext) -> list[SyncRequest]:
    """Return the open requests that the person may decide, oldest first. Queries nothing if no entity has one."""
    has_any = context.may_sync and any(state.has_open_request for state in page_status(context).all_states)
    return context.shared(_load_open) if has_any else []


def recent_requests(context: RequestContext) -> list[SyncRequest]:
    """Return the requests that are open or were decided within the last day."""
    return context.shared(_load_recent)


def _load_open(context: RequestContext) -> list[SyncRequest]:
    return list(_with_people().filter(connection__in=page_status(context).live, decision="").order_by("asked_at"))


def _load_recent(context: RequestContext) -> list[SyncRequest]:
    is_shown = Q(decision="") | Q(decided_at__gt=now() - DECISION_SHOWN_FOR)
    return list(_with_people().filter(is_shown, connection__in=page_status(context).connections))


def _with_people() -> QuerySet[SyncRequest]:
    return SyncRequest.objects.select_related("connection", "asked_by", "decided_by", "run__lane")


def _lock_open(request: SyncRequest) -> SyncRequest:
    locked = SyncRequest.objects.select_for_update(of=("self",)).select_related("connection", "decided_by")
    current = locked.get(pk=request.pk)
    if current.decision:
        by = f" by {named(current.decided_by)}" if current.decided_by else ""
        raise Refused(f"This request was already {current.decision}{by}.")
    return current


def _decide(request: SyncRequest, decision: Decision, person: Any) -> None:
    request.decision, request.decided_by, request.decided_at = decision, person, now()
    request.save(update_fields=["decision", "decided_by", "decided_at", "run"])
