"""What the pages of syncs share: whose connection it is, and its runs."""

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from integrations.entities import Entity
from integrations.models import Connection
from integrations.permissions import hidden_entities, may_view_bills
from packr.workspaces import access
from packr.workspaces.models import TRIGGER_SYNC

from ..models import SyncRun
from ..status.entity_state import EntityState, sync_state
from ..status.recent_runs import EntityRow, state_rows

LARGEST_KEY = 2**63 - 1


def connection_of(request: HttpRequest, pk: int, permission: str = "") -> Connection:
    """The connection of an address: 404 for another workspace's, 403 without the permission."""
    return access.get(request.user, Connection.objects.select_related("workspace"), pk, permission)


def states_of(request: HttpRequest, connection: Connection) -> list[EntityState]:
    """The state of each entity that the person may know of."""
    return sync_state(connection, bills=may_view_bills(request.user, connection))


def rows_of(request: HttpRequest, connection: Connection) -> list[EntityRow]:
    """A row of “latest run per table” for each of them."""
    return state_rows({connection.pk: states_of(request, connection)})[connection.pk]


def runs_of(request: HttpRequest, connection: Connection) -> "QuerySet[SyncRun, SyncRun]":
    """The connection's runs that the person may know of, with what a page says of them."""
    runs = with_people(SyncRun.objects.filter(connection=connection))
    return runs.exclude(entity__in=hidden_entities(bills=may_view_bills(request.user, connection)))


def with_people(runs: "QuerySet[SyncRun, SyncRun]") -> "QuerySet[SyncRun, SyncRun]":
    """Runs with who began, cancelled and judged them, and how far they are."""
    return runs.select_related("requested_by", "cancelled_by", "reviewed_by", "lane", "checkpoint")


def may_sync(request: HttpRequest, connection: Connection) -> bool:
    """Whether the person may start and cancel syncs of the connection."""
    return access.allows(request.user, TRIGGER_SYNC, connection.workspace)


def entity_of(request: HttpRequest, connection: Connection, text: str) -> Entity:
    """The entity of an address; Http404 for one that the WMS does not offer or the person may not know of."""
    offered = {state.entity for state in states_of(request, connection)}
    if text not in offered:
        raise Http404("There is no such type of data.")
    return Entity(text)


def parse_key(text: str) -> int:
    """A key from an address; 0 for what is none."""
    return int(text) if text.isdecimal() and len(text) < 20 and int(text) <= LARGEST_KEY else 0


def parse_keys(request: HttpRequest, name: str) -> list[int]:
    """The keys in an address, no more than there can be runs to watch."""
    found = [parse_key(text) for text in request.GET.getlist(name)[: len(Entity)]]
    return [one for one in found if one]
