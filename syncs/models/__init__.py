"""The tables of syncs."""

from .bookkeeping import Beat, DailyTally, Incident, SyncRequest
from .choices import (
    ACTIVE,
    COMPLETE,
    ENTITIES,
    SCHEDULED_MODES,
    Decision,
    Mode,
    Phase,
    Problem,
    Reread,
    Review,
    State,
    Trigger,
)
from .run import Checkpoint, Lane, RejectedRecord, SeenPage, SyncRun
from .schedule import REMOVAL_LIMIT_HELP, EntitySchedule

__all__ = [
    "ACTIVE",
    "COMPLETE",
    "ENTITIES",
    "REMOVAL_LIMIT_HELP",
    "SCHEDULED_MODES",
    "Beat",
    "Checkpoint",
    "DailyTally",
    "Decision",
    "EntitySchedule",
    "Incident",
    "Lane",
    "Mode",
    "Phase",
    "Problem",
    "RejectedRecord",
    "Reread",
    "Review",
    "SeenPage",
    "State",
    "SyncRequest",
    "SyncRun",
    "Trigger",
]
