"""The end of a walk that was read to its end: only now the watermark moves."""

from datetime import datetime, timedelta

from django.utils.timezone import now

from ..models import EntitySchedule, Mode, RejectedRecord, State, SyncRun
from ..runs import sql
from ..runs.cadence import NIGHTLY_OVERLAP, next_nightly_overlap
from ..runs.lifecycle import complete
from . import missing_rows, post_processing
from .run_slice import RunSlice


def finish_walk(turn: RunSlice, doubt: missing_rows.RemovalCheck = missing_rows.REMOVAL_ALLOWED) -> None:
    """End the run in a transaction of its own."""
    with turn.writing():
        complete_walk(turn, doubt)


def complete_walk(turn: RunSlice, doubt: missing_rows.RemovalCheck = missing_rows.REMOVAL_ALLOWED) -> None:
    """End the walk inside the caller's transaction, and the run with it unless something is to be worked out.

    For a list that is doubted the watermark stays where it is.
    """
    run = turn.run
    state, message = (State(doubt.state), doubt.message) if doubt.state else _outcome(run)
    if run.mode == Mode.FULL and not doubt.state:
        # Everything was read: what could not be understood earlier and did not come again is no more.
        old = RejectedRecord.objects.filter(connection=turn.connection, entity=turn.entity)
        old.filter(last_seen_at__lt=run.started_at).delete()
    if not doubt.state and run.mode != Mode.WINDOW:
        _move_watermark(turn)
    if post_processing.is_needed(turn):
        return post_processing.begin_phase(turn, post_processing.RunOutcome(state, message, doubt.held))
    return complete(
        run,
        state,
        {**turn.progress(), "held": doubt.held},
        message=message,
        has_trail=not turn.is_new,
        due=turn.schedule.next_due_at,
    )


def _outcome(run: SyncRun) -> tuple[State, str]:
    if run.rejected:
        return State.PARTIAL, (
            f"{run.seen - run.rejected} of {run.seen} records were read; {run.rejected} could not be understood. "
            "Packr keeps each with its reason, leaves earlier data as it is, and reads it again by itself when the WMS "
            "sends it again."
        )
    if run.seen != run.created + run.updated + run.unchanged + run.stale:
        return State.PARTIAL, "The counts of this run do not add up; contact support."
    return State.SUCCEEDED, ""


def _move_watermark(turn: RunSlice) -> None:
    watermark = _watermark(turn)
    if watermark is None:
        return
    as_of = min(filter(None, [watermark, turn.checkpoint.crawled]))
    with_it = [entity for entity, parent in turn.connection.connector.read_with.items() if parent == turn.entity]
    entities = [turn.entity, *with_it]
    sql.move_watermark(turn.connection.pk, entities, watermark, as_of)
    reached_back = turn.run.since is None or watermark - turn.run.since >= NIGHTLY_OVERLAP
    if reached_back and turn.schedule.next_wide_at is not None:
        night = next_nightly_overlap(turn.connection, turn.entity, now())
        schedules = EntitySchedule.objects.filter(connection=turn.connection, entity__in=entities)
        schedules.exclude(next_wide_at=None).update(next_wide_at=night)


def _watermark(turn: RunSlice) -> datetime | None:
    """The WMS time up to which everything was read: its clock at the walk's first answer, never past what was asked."""
    checkpoint = turn.checkpoint
    watermark = checkpoint.clock - timedelta(seconds=1) if checkpoint.clock else checkpoint.newest
    return min(filter(None, [watermark, turn.run.until])) if watermark else None
