"""A run's last phase: updates derived data for what changed.

It is sliced, fenced and checkpointed like the pages, so it resumes after a kill. The data is complete before it begins
and the watermark has moved. How the run ends is decided by then and kept in the checkpoint.
"""

from typing import Any
from zoneinfo import ZoneInfo

from django.utils.timezone import now

from packr.warehouse.metrics import pipeline
from packr.warehouse.metrics.compute import today

from ..models import Phase, State
from ..runs.lifecycle import complete
from .run_slice import RunSlice

# A first sync with this many new rows leaves post-processing, which takes minutes, to the next run.
MAX_ROWS_IN_FIRST_SYNC = 10_000


def is_needed(run_slice: RunSlice) -> bool:
    """Return whether there are unprocessed changes or a new day has begun for the metrics."""
    run, state = run_slice.run, run_slice.schedule_state
    if run_slice.entity not in pipeline.STEPS:
        return False
    if run_slice.is_first_sync and run.created >= MAX_ROWS_IN_FIRST_SYNC:
        return False
    if run.created or run.updated or run.removed or state.has_unprocessed_changes:
        return True
    return state.processed_day is not None and state.processed_day < today(ZoneInfo(state.timezone), now())


def begin_phase(run_slice: RunSlice, *, state: State, message: str, held: int) -> None:
    """Begin the phase in the transaction that completes the pass. The run ends with these values after it."""
    progress = pipeline.begin(run_slice.connection, run_slice.entity, now())
    run_slice.checkpoint.phase = Phase.POST_PROCESS
    run_slice.checkpoint.cursor = {
        "place": progress.stored(),
        "state": state.value,
        "message": message,
        "held": held,
    }


def process_portion(run_slice: RunSlice) -> None:
    """Process the next portion. End the run after the last one."""
    stored: Any = run_slice.checkpoint.cursor
    with run_slice.writing():
        done = pipeline.Progress(**stored["place"])
        count, progress = pipeline.run_portion(run_slice.connection, run_slice.entity, done, now())
        run_slice.count(processed=count)
        if progress is not None:
            run_slice.checkpoint.cursor = stored | {"place": progress.stored()}
            return
        complete(
            run_slice.run,
            State(stored["state"]),
            {**run_slice.progress(), "held": stored["held"]},
            message=stored["message"],
            due=run_slice.schedule.next_due_at,
        )
