"""What a request's place sees of the syncs, read once however many parts of the page ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from integrations.models import Connection, Status
from packr.warehouse.visibility import known_connections
from packr.workspaces.request_context import RequestContext

from ..process import heartbeats
from .freshness import EntityState, sync_states


@dataclass(frozen=True, slots=True)
class PageStatus:
    """The connections a place sees, each with the state of its entities (none once disconnected)."""

    connections: list[Connection]
    states: dict[int, list[EntityState]]

    @property
    def live(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.is_live]

    @property
    def ended(self) -> list[Connection]:
        return [connection for connection in self.connections if not connection.is_live]

    @property
    def troubled(self) -> list[Connection]:
        return [connection for connection in self.live if connection.status != Status.CONNECTED]

    def of(self, *entities: str, connection_id: int | None = None) -> list[EntityState]:
        """The states of these entities, of one connection if it is given."""
        return [
            state
            for key, states in self.states.items()
            for state in states
            if state.entity in entities and connection_id in (None, key)
        ]

    def connection(self, state: EntityState) -> Connection:
        """The connection whose state this is."""
        return next(one for one in self.connections if one.pk == state.schedule.connection_id)


def page_status(place: RequestContext) -> PageStatus:
    """The same for everything that is made for the place."""
    return cast(PageStatus, request_cache(place, "syncs", lambda: _here(place)))


def _here(place: RequestContext) -> PageStatus:
    ours = known_connections(place)
    return PageStatus(ours, sync_states([one for one in ours if one.is_live], bills=place.may_view_bills))


def signs_of_life(place: RequestContext) -> heartbeats.SignsOfLife:
    """When Packr's own processes last showed themselves."""
    return cast(heartbeats.SignsOfLife, request_cache(place, "signs", lambda: _signs(page_status(place))))


def _signs(around: PageStatus) -> heartbeats.SignsOfLife:
    read_before = (heartbeats.read(state.schedule) for states in around.states.values() for state in states)
    return next(filter(None, read_before), None) or heartbeats.signs()


def request_cache(place: RequestContext, name: str, read: Callable[[], Any]) -> Any:
    """What `read` gives, asked for once for the place."""
    if name not in place.known:
        place.known[name] = read()
    return place.known[name]
