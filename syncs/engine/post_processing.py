"""A run's last phase: what is worked out from the mirror, for what changed alone.

It is sliced, fenced and checkpointed like the pages: killed anywhere, it goes on where it stood. The data is complete
before it begins, so the watermark has moved already; how the run ends was settled then, and is kept for the end.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.timezone import now

from packr.warehouse.metrics import pipeline
from packr.warehouse.metrics.compute import today

from ..models import Phase, State
from ..runs.lifecycle import complete
from .run_slice import RunSlice

# So many new rows in a first sync take minutes to be worked in.
ANALYZE_AFTER_ROWS = 10_000


@dataclass(frozen=True)
class RunOutcome:
    """How a run ends when its processing is done."""

    state: State
    message: str
    held: int


def is_needed(turn: RunSlice) -> bool:
    """Whether anything was changed that is not worked in yet, or a new day began for the metrics."""
    if turn.entity not in pipeline.STEPS:
        return False
    run = turn.run
    if turn.schedule.watermark is None and run.created >= ANALYZE_AFTER_ROWS:
        # What people wait for is the data itself; the next run works out what follows from it.
        return False
    has_changes = run.created or run.updated or run.removed or turn.schedule_state.has_unprocessed_changes
    return bool(has_changes) or _is_new_day(turn, now())


def _is_new_day(turn: RunSlice, moment: datetime) -> bool:
    day = turn.schedule_state.processed_day
    return day is not None and day < today(ZoneInfo(turn.schedule_state.timezone), moment)


def begin_phase(turn: RunSlice, outcome: RunOutcome) -> None:
    """Begin the phase, in the transaction that ends the walk."""
    place = pipeline.begin(turn.connection, turn.entity, now())
    turn.checkpoint.phase = Phase.POST_PROCESS
    turn.checkpoint.cursor = {
        "place": place.stored(),
        "state": outcome.state.value,
        "message": outcome.message,
        "held": outcome.held,
    }


def process_portion(turn: RunSlice) -> None:
    """Work in the next portion, and end the run after the last one."""
    kept: Any = turn.checkpoint.cursor
    with turn.writing():
        count, place = pipeline.go_on(turn.connection, turn.entity, pipeline.Progress(**kept["place"]), now())
        turn.count(processed=count)
        if place is not None:
            turn.checkpoint.cursor = kept | {"place": place.stored()}
            return
        complete(
            turn.run,
            State(kept["state"]),
            {**turn.progress(), "held": kept["held"]},
            message=kept["message"],
            due=turn.schedule.next_due_at,
        )
