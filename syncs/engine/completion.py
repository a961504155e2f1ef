"""The end of a complete pass, the only time at which the watermark moves."""

from datetime import datetime, timedelta

from django.utils.timezone import now

from ..models import EntitySchedule, Mode, RejectedRecord, State, SyncRun
from ..runs import sql
from ..runs.cadence import NIGHTLY_OVERLAP, next_nightly_overlap
from ..runs.lifecycle import complete
from . import post_processing
from .missing_rows import REMOVAL_ALLOWED, RemovalCheck
from .run_slice import RunSlice


def finish_pass(run_slice: RunSlice, check: RemovalCheck = REMOVAL_ALLOWED) -> None:
    """Complete the pass in its own transaction."""
    with run_slice.writing():
        complete_pass(run_slice, check)


def complete_pass(run_slice: RunSlice, check: RemovalCheck = REMOVAL_ALLOWED) -> None:
    """Complete the pass inside the caller's transaction, and the run too unless post-processing follows.

    The watermark stays if `check` doubts the list.
    """
    run = run_slice.run
    state, message = (check.state, check.message) if check.state else _outcome(run)
    if run.mode == Mode.FULL and not check.state:
        # The WMS no longer sends the records that were rejected before this run and not again by it.
        rejected = RejectedRecord.objects.filter(connection=run_slice.connection, entity=run_slice.entity)
        rejected.filter(last_seen_at__lt=run.started_at).delete()
    if not check.state and run.mode != Mode.WINDOW:
        _move_watermark(run_slice)
    if post_processing.is_needed(run_slice):
        return post_processing.begin_phase(run_slice, state=state, message=message, held=check.held)
    return complete(
        run,
        state,
        {**run_slice.progress(), "held": check.held},
        message=message,
        has_trail=not run_slice.is_new,
        due=run_slice.schedule.next_due_at,
    )


def _outcome(run: SyncRun) -> tuple[State, str]:
    if run.rejected:
        return State.PARTIAL, (
            f"Packr read {run.seen - run.rejected:,} of {run.seen:,} records and rejected {run.rejected:,}. Each "
            "rejected record is kept with the reason, earlier data stays, and Packr reads the record again "
            "automatically when the WMS sends it again."
        )
    if run.seen != run.created + run.updated + run.unchanged + run.stale:
        return State.PARTIAL, "The counts of this run do not add up. Contact support."
    return State.SUCCEEDED, ""


def _move_watermark(run_slice: RunSlice) -> None:
    connection, run = run_slice.connection, run_slice.run
    watermark = _watermark(run_slice)
    if watermark is None:
        return
    as_of = min(filter(None, [watermark, run_slice.checkpoint.crawled]))
    read_with = [entity for entity, parent in connection.connector.read_with.items() if parent == run_slice.entity]
    entities = [run_slice.entity, *read_with]
    sql.move_watermark(connection.pk, entities, watermark, as_of)
    read_late_commits = run.since is None or watermark - run.since >= NIGHTLY_OVERLAP
    if read_late_commits and run_slice.schedule.next_wide_at is not None:
        schedules = EntitySchedule.objects.filter(connection=connection, entity__in=entities)
        next_night = next_nightly_overlap(connection, run_slice.entity, now())
        schedules.exclude(next_wide_at=None).update(next_wide_at=next_night)


def _watermark(run_slice: RunSlice) -> datetime | None:
    """Return the WMS time up to which everything was read: its clock at the first response, at most `run.until`."""
    checkpoint = run_slice.checkpoint
    watermark = checkpoint.clock - timedelta(seconds=1) if checkpoint.clock else checkpoint.newest
    return min(filter(None, [watermark, run_slice.run.until])) if watermark else None
