"""Lookups that the pages of syncs share: the connection, its states and runs, with permission checks."""

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from integrations.bill_access import hidden_entities, may_view_bills
from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.models import TRIGGER_SYNC

from ..models import SyncRun
from ..status.entity_state import EntityState, sync_state
from ..status.recent_runs import EntityRow, state_rows

MAX_KEY = 2**63 - 1


def connection_of(request: HttpRequest, pk: int, permission: str = "") -> Connection:
    """Return the connection. Raises Http404 for another workspace's, PermissionDenied without the permission."""
    return access.get(request.user, Connection.objects.select_related("workspace"), pk, permission)


def states_of(request: HttpRequest, connection: Connection) -> list[EntityState]:
    """Return the state of each entity that the person may see."""
    return sync_state(connection, bills=may_view_bills(request.user, connection))


def rows_of(request: HttpRequest, connection: Connection) -> list[EntityRow]:
    """Return the rows of the table “latest run per table”."""
    return state_rows({connection.pk: states_of(request, connection)})[connection.pk]


def runs_of(request: HttpRequest, connection: Connection) -> "QuerySet[SyncRun, SyncRun]":
    """Return the connection's runs that the person may see, with the relations that pages show."""
    runs = with_people(SyncRun.objects.filter(connection=connection))
    return runs.exclude(entity__in=hidden_entities(bills=may_view_bills(request.user, connection)))


def with_people(runs: "QuerySet[SyncRun, SyncRun]") -> "QuerySet[SyncRun, SyncRun]":
    """Load the people, the lane and the checkpoint with the runs."""
    return runs.select_related("requested_by", "cancelled_by", "reviewed_by", "lane", "checkpoint")


def may_sync(request: HttpRequest, connection: Connection) -> bool:
    """Return whether the person may start and cancel syncs of the connection."""
    return access.allows(request.user, TRIGGER_SYNC, connection.workspace)


def entity_of(request: HttpRequest, connection: Connection, text: str) -> Entity:
    """Return the entity. Raises Http404 if the WMS does not offer it or the person may not see it."""
    offered = {state.entity for state in states_of(request, connection)}
    if text not in offered:
        raise Http404("There is no such data type.")
    return Entity(text)


def parse_key(text: str) -> int:
    """Return a primary key from an address; 0 if the text is not one."""
    return int(text) if text.isdecimal() and len(text) < 20 and int(text) <= MAX_KEY else 0


def parse_keys(request: HttpRequest, name: str) -> list[int]:
    """Return the primary keys in an address, at most one per entity."""
    keys = [parse_key(text) for text in request.GET.getlist(name)[: len(Entity)]]
    return [key for key in keys if key]
