"""The vocabulary of a diagnosis: causes, remedies, and a finding with its message."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from integrations.entities import Entity
from integrations.models import Connection

from ..status.entity_state import EntityState


class Cause(Enum):
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
INTERNAL_CAUSES = (Cause.NO_WORKER, Cause.NO_PLAN)


class Remedy(StrEnum):
    """What resolves a cause; `remedies.call_to_action` turns it into a button for each person."""

    CONNECT = "connect"
    MAP = "map"
    RECONNECT = "reconnect"
    SWITCH_ON = "switch_on"
    SYNC = "sync"
    WATCH = "watch"
    REVIEW = "review"
    REJECTED = "rejected"
    CONNECTION = "connection"
    SUPPORT = "support"


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause and its message: what happened, what it means for the person, what happens next automatically."""

    cause: Cause
    remedy: Remedy
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
        return self.cause == Cause.NOT_DUE
