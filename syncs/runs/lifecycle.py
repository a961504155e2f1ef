"""Ending runs: by a person, by the engine, or with their connection; and the run that follows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection

from ..models import ACTIVE, Checkpoint, Mode, State, SyncRun, Trigger
from . import seen_keys, sql
from .claims import reason_not_to_write
from .enqueue import RunRequest, new_run
from .planner import PLANNING_HORIZON, queue_due


def cancel(run: SyncRun, *, person: Any) -> bool:
    """Cancel an active run: one that waits at once, one that works after its page. False when it had ended already."""
    with transaction.atomic():
        current = SyncRun.objects.select_for_update().get(pk=run.pk)
        if not current.is_active:
            return False
        current.cancel_asked, current.cancelled_by = True, person
        current.save(update_fields=["cancel_asked", "cancelled_by"])
        if current.state != State.RUNNING:
            finish(current, State.CANCELLED, message="Cancelled before it went on. What was read so far is kept.")
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
    """End a run that a worker has read to its end, `values` in its row. Raises Gone, and Cancelled when asked to.

    `has_trail`: something was kept to resume it from. `due`: when its schedule falls due next, as far as is known.
    """
    _end(run, state, message=message)
    everything = {**_final_values(run), **values}
    # The usual end in one statement: nobody asked for anything meanwhile.
    if sql.update_claimed_run(run.pk, everything, unless_full=True):
        return _queue_follower(run, then_full=False, has_trail=has_trail, due=due)
    if not sql.update_claimed_run(run.pk, everything):
        raise reason_not_to_write(run)
    return _queue_follower(run, then_full=True, has_trail=has_trail)


def finish(run: SyncRun, state: State, *, message: str = "", failure: str = "", detail: str = "") -> None:
    """End a run, inside the caller's transaction; what comes after it is queued with it."""
    _end(run, state, message=message, failure=failure, detail=detail)
    rows = SyncRun.objects.filter(pk=run.pk)
    rows.update(**_final_values(run))
    _queue_follower(run, then_full=rows.values_list("then_full", flat=True)[0] and state != State.CANCELLED)


def _end(run: SyncRun, state: State, *, message: str, failure: str = "", detail: str = "") -> None:
    run.state, run.completed_at = state, now()
    run.message, run.failure, run.detail = message, failure, detail


def _final_values(run: SyncRun) -> dict[str, Any]:
    return {name: getattr(run, name) for name in ("state", "completed_at", "message", "failure", "detail")}


def _queue_follower(run: SyncRun, *, then_full: bool, has_trail: bool = True, due: datetime | None = None) -> None:
    """What a run leaves behind goes, and what comes after it is queued."""
    if has_trail:
        Checkpoint.objects.filter(run=run).delete()
        seen_keys.delete_keys(run)
    if then_full and run.connection.is_live:
        follower = new_run(run.connection, run.lane, Entity(run.entity), RunRequest(Mode.FULL, Trigger(run.trigger)))
        SyncRun.objects.filter(pk=run.pk).update(followed_by=follower)
    moment = now()
    if due is None or due <= moment + PLANNING_HORIZON:  # later ones are the tick's
        queue_due(moment, only=Q(connection=run.connection_id, entity=run.entity))


def end_runs_of(connection: Connection, message: str, *, state: State = State.CANCELLED, failure: str = "") -> None:
    """End every active run of a connection that no worker holds; a running one ends at its next page."""
    with transaction.atomic():
        active = SyncRun.objects.filter(connection=connection, state__in=ACTIVE)
        for run in active.select_for_update().order_by("entity"):
            if run.state == State.RUNNING:
                SyncRun.objects.filter(pk=run.pk).update(cancel_asked=True)
            else:
                finish(run, state, message=message, failure=failure)
