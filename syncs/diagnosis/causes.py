"""The vocabulary of a diagnosis: causes, findings and calls to action."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.request_context import RequestContext

from ..status.entity_state import EntityState


class StaleCause(Enum):
    """Why data is not newer. Of several causes of one entity, the one that comes first here is reported first."""

    UNMAPPED = auto()
    NOT_CONNECTED = auto()
    DISCONNECTED = auto()
    NOT_OFFERED = auto()
    OFF = auto()
    CREDENTIALS = auto()
    NO_WORKER = auto()
    FORBIDDEN = auto()
    REVIEW = auto()
    LIMITED = auto()
    UNREACHABLE = auto()
    STUCK = auto()
    FIRST_SYNC = auto()
    RUNNING = auto()
    QUEUED = auto()
    PAUSED = auto()
    NO_PLAN = auto()
    OURS = auto()
    FAILED = auto()
    EMPTY_LIST = auto()
    CANCELLED = auto()
    OVERDUE = auto()
    SOURCE = auto()
    OTHER_ACCOUNT = auto()
    REJECTED = auto()
    NOT_DUE = auto()
    UNKNOWN = auto()


# Problems of Packr itself. A diagnosis reports each once, not once per connection.
INTERNAL_CAUSES = (StaleCause.NO_WORKER, StaleCause.NO_PLAN)


@dataclass(frozen=True, slots=True)
class CallToAction:
    """An advice, and the label and address of its button. `asks_admin`: the button asks an admin for a sync."""

    advice: str
    label: str
    url: str
    asks_admin: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause and its message: what happened, what it means for the person, what happens next automatically."""

    cause: StaleCause
    remedy: "Remedy"
    happened: str
    meaning: str
    next_step: str
    entity: Entity
    connection: Connection | None
    state: EntityState | None

    @property
    def message(self) -> str:
        return " ".join(filter(None, (self.happened, self.meaning, self.next_step)))

    @property
    def is_expected(self) -> bool:
        """Whether nothing is wrong: newer data is simply not due yet."""
        return self.cause == StaleCause.NOT_DUE

    def call_to_action(self, context: RequestContext) -> CallToAction:
        """Return what the person can do about it."""
        return self.remedy(self, context)


Remedy = Callable[[Finding, RequestContext], CallToAction]
