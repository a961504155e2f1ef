"""The sync status that the parts of one page share: read once per request, on first use."""

from dataclasses import dataclass
from functools import cached_property

from integrations.models import Connection, Status
from packr.warehouse.visibility import known_connections
from packr.workspaces.request_context import RequestContext

from ..process import heartbeats
from .entity_state import EntityState, sync_states
from .recent_runs import EntityRow, state_rows


@dataclass
class PageStatus:
    """The connections visible in a request, with the state of their entities."""

    context: RequestContext

    @cached_property
    def connections(self) -> list[Connection]:
        """The visible connections by name, disconnected ones included."""
        return known_connections(self.context)

    @cached_property
    def states(self) -> dict[int, list[EntityState]]:
        """The entity states of each live connection, by its primary key."""
        return sync_states(self.live, bills=self.context.may_view_bills)

    @cached_property
    def rows(self) -> dict[int, list[EntityRow]]:
        """The states with the latest runs of each entity, by the connection's primary key."""
        return state_rows(self.states)

    @cached_property
    def signs_of_life(self) -> heartbeats.Heartbeats:
        """The last heartbeats of Packr's own processes, from the query for the states where there was one."""
        loaded = (heartbeats.from_row(state.schedule) for state in self.all_states)
        return next(filter(None, loaded), None) or heartbeats.last_heartbeats()

    @property
    def live(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.is_live]

    @property
    def ended(self) -> list[Connection]:
        return [connection for connection in self.connections if not connection.is_live]

    @property
    def troubled(self) -> list[Connection]:
        return [connection for connection in self.live if connection.status != Status.CONNECTED]

    @property
    def all_states(self) -> list[EntityState]:
        """The states of all live connections."""
        return [state for states in self.states.values() for state in states]

    def of(self, *entities: str, connection_id: int | None = None) -> list[EntityState]:
        """Return the states of these entities, of one connection if it is given."""
        return [
            state
            for state in self.all_states
            if state.entity in entities and connection_id in (None, state.connection.pk)
        ]


def page_status(context: RequestContext) -> PageStatus:
    """Return the sync status of a request, the same object for all parts of its page."""
    return context.shared(PageStatus)
