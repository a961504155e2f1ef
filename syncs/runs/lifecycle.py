"""Ending runs, and queueing the run that follows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from integrations.models import Connection

from ..models import ACTIVE, Checkpoint, State, SyncRun
from . import seen_keys, sql
from .claims import reason_not_to_write
from .enqueue import queue_full_run_after
from .planner import PLANNING_HORIZON, queue_due


def cancel(run: SyncRun, *, person: Any) -> bool:
    """Cancel an active run; a running one ends after its page. Return False if the run had ended already."""
    with transaction.atomic():
        current = SyncRun.objects.select_for_update().get(pk=run.pk)
        if not current.is_active:
            return False
        current.cancel_asked, current.cancelled_by = True, person
        current.save(update_fields=["cancel_asked", "cancelled_by"])
        if current.state != State.RUNNING:
            finish(current, State.CANCELLED, message="Cancelled before it continued. The records read so far are kept.")
    return True


def complete(
    run: SyncRun,
    state: State,
    values: Mapping[str, Any],
    *,
    message: str = "",
    has_trail: bool = True,
    due: datetime | None = None,
) -> None:
    """End a claimed run that is read completely, and store `values` on its row.

    `has_trail`: the run has a checkpoint and seen keys to delete. `due`: when its schedule is next due, if known.
    Raises RunEnded or RunCancelled if the run is no longer wanted.
    """
    _set_end(run, state, message=message)
    stored = {**_end_values(run), **values}
    # Usually no full run was requested meanwhile, and one statement is enough.
    if sql.update_claimed_run(run.pk, stored, unless_full=True):
        return _clean_up_and_queue_next(run, then_full=False, has_trail=has_trail, due=due)
    if not sql.update_claimed_run(run.pk, stored):
        raise reason_not_to_write(run)
    return _clean_up_and_queue_next(run, then_full=True, has_trail=has_trail)


def finish(run: SyncRun, state: State, *, message: str = "", failure: str = "", detail: str = "") -> None:
    """End a run inside the caller's transaction."""
    _set_end(run, state, message=message, failure=failure, detail=detail)
    rows = SyncRun.objects.filter(pk=run.pk)
    rows.update(**_end_values(run))
    then_full = rows.values_list("then_full", flat=True)[0] and state != State.CANCELLED
    _clean_up_and_queue_next(run, then_full=then_full)


def end_active_runs(connection: Connection, message: str, *, state: State = State.CANCELLED, failure: str = "") -> None:
    """End every active run of a connection; a running one ends after its page."""
    with transaction.atomic():
        active = SyncRun.objects.filter(connection=connection, state__in=ACTIVE)
        for run in active.select_for_update().order_by("entity"):
            if run.state == State.RUNNING:
                SyncRun.objects.filter(pk=run.pk).update(cancel_asked=True)
            else:
                finish(run, state, message=message, failure=failure)


def _set_end(run: SyncRun, state: State, *, message: str, failure: str = "", detail: str = "") -> None:
    run.state, run.completed_at = state, now()
    run.message, run.failure, run.detail = message, failure, detail


def _end_values(run: SyncRun) -> dict[str, Any]:
    return {name: getattr(run, name) for name in ("state", "completed_at", "message", "failure", "detail")}


def _clean_up_and_queue_next(
    run: SyncRun, *, then_full: bool, has_trail: bool = True, due: datetime | None = None
) -> None:
    if has_trail:
        Checkpoint.objects.filter(run=run).delete()
        seen_keys.delete_keys(run)
    if then_full and run.connection.is_live:
        SyncRun.objects.filter(pk=run.pk).update(followed_by=queue_full_run_after(run))
    moment = now()
    if due is None or due <= moment + PLANNING_HORIZON:  # the tick queues later ones
        queue_due(moment, only=Q(connection=run.connection_id, entity=run.entity))
