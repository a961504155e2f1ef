"""What makes a mirrored record change."""

from dataclasses import dataclass
from enum import StrEnum


class CauseKind(StrEnum):
    """Where a change came from."""

    RUN = "run"
    ACTION = "action"
    POINT_REFRESH = "point-refresh"
    WEBHOOK = "webhook"
    OVERRIDE = "override"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a record changes: `id` is the key of the run, action or override. `text` outlives it: a few plain words.

    `first`: nothing was known before, so every record is new and none needs an entry of its own.
    """

    kind: CauseKind
    id: int | None = None
    text: str = ""
    first: bool = False


UNKNOWN_CAUSE = Cause(CauseKind.UNKNOWN)
