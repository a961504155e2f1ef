"""The words of a diagnosis: what can keep data from being newer, what leads out of it, and one finding."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from integrations.entities import Entity
from integrations.models import Connection

from ..models import SyncRun
from ..status.freshness import EntityState


class Cause(Enum):
    """What keeps data from being newer, from what stands in the way of everything to what is as it should be."""

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


INTERNAL_CAUSES = (Cause.NO_WORKER, Cause.NO_PLAN)


class Remedy(StrEnum):
    """What leads out of it; `syncs.diagnosis.remedies` knows the way for each person."""

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
    """One cause, in words: what happened, what it means for the person, what happens next by itself."""

    cause: Cause
    cure: Remedy
    happened: str
    means: str = ""
    goes_on: str = ""
    entity: Entity | None = None
    connection: Connection | None = None
    run: SyncRun | None = None
    state: EntityState | None = None

    @property
    def words(self) -> str:
        return " ".join(filter(None, (self.happened, self.means, self.goes_on)))

    @property
    def is_expected(self) -> bool:
        """Whether all is as it should be: newer data is simply not due yet."""
        return self.cause == Cause.NOT_DUE
