"""What a request's place sees of the syncs, read once however many parts of the page ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from integrations.models import Connection, Status
from packr.warehouse.visibility import known_connections
from packr.workspaces.request_context import Place

from ..process import heartbeats
from .freshness import EntityState, sync_states


@dataclass(frozen=True, slots=True)
class Here:
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


def here(place: Place) -> Here:
    """The same for everything that is made for the place."""
    return cast(Here, once(place, "syncs", lambda: _here(place)))


def _here(place: Place) -> Here:
    ours = known_connections(place)
    return Here(ours, sync_states([one for one in ours if one.is_live], bills=place.may_view_bills))


def signs(place: Place) -> heartbeats.Signs:
    """When Packr's own processes last showed themselves."""
    return cast(heartbeats.Signs, once(place, "signs", lambda: _signs(here(place))))


def _signs(around: Here) -> heartbeats.Signs:
    read_before = (heartbeats.read(state.schedule) for states in around.states.values() for state in states)
    return next(filter(None, read_before), None) or heartbeats.signs()


def once(place: Place, name: str, read: Callable[[], Any]) -> Any:
    """What `read` gives, asked for once for the place."""
    if name not in place.known:
        place.known[name] = read()
    return place.known[name]
