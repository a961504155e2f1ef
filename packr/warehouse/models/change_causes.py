"""The causes of changes to mirrored records."""

from dataclasses import dataclass
from enum import StrEnum


class CauseKind(StrEnum):
    RUN = "run"
    ACTION = "action"
    POINT_REFRESH = "point-refresh"
    WEBHOOK = "webhook"
    OVERRIDE = "override"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a record changes: `id` is the key of the run, action or override, `text` a description that is kept after it.

    `first`: it is the first sync, so every record is new and none needs a history entry.
    """

    kind: CauseKind
    id: int | None = None
    text: str = ""
    first: bool = False


UNKNOWN_CAUSE = Cause(CauseKind.UNKNOWN)
