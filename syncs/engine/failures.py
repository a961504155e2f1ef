"""What a failure does to its run, its connection and its schedule. Retries follow from the kind of error."""

import random
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from integrations.connection_status import set_status
from integrations.connectors.parsing import in_words
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection, Status

from ..models import EntitySchedule, Lane, State, SyncRun
from ..runs.claims import Claim, fence
from ..runs.lifecycle import end_active_runs, finish

RETRYABLE_KINDS = (Kind.RATE_LIMITED, Kind.UNREACHABLE)
STATUS_AFTER = {Kind.CREDENTIALS: Status.NEEDS_ATTENTION, Kind.UNREACHABLE: Status.UNREACHABLE}
MIN_WAIT_LIMIT, RATE_LIMIT_WAIT_LIMIT = timedelta(minutes=15), timedelta(hours=24)
FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 5.0, 300.0
MIN_BACKOFF = timedelta(seconds=1)

STUCK_MESSAGE = (
    "Packr started this sync five times without reading another page, so it was stopped. Earlier data stays. If the "
    "next run fails too, contact support."
)
INTERNAL_ERROR_MESSAGE = (
    "Packr had an internal error during this sync. Earlier data stays, and the next run tries again. If this keeps "
    "happening, contact support."
)


def handle(claimed: Claim, error: ConnectorError) -> None:
    """Store the consequences of an error. Raises LeaseLost and writes nothing if another worker holds the lane."""
    with transaction.atomic():
        fence(claimed)
        SyncRun.objects.filter(pk=claimed.run.pk).update(requests=claimed.run.requests)
        run = SyncRun.objects.select_related("connection", "lane").get(pk=claimed.run.pk)
        # Before the run ends, since ending it queues the next run of a working connection.
        if error.kind in STATUS_AFTER:
            set_status(run.connection, STATUS_AFTER[error.kind], error.message)
        if run.state == State.RUNNING:
            _wait_or_fail(run, error)
    if error.kind == Kind.CREDENTIALS:
        end_active_runs(claimed.run.connection, error.message, state=State.FAILED, failure=error.kind)


def end_cancelled(run: SyncRun) -> None:
    """End a run that was asked to stop by a person, a disconnect or a rejected login."""
    kept = f"The {run.seen} records read so far are kept."
    connection = Connection.objects.get(pk=run.connection_id)
    by_person = SyncRun.objects.filter(pk=run.pk, cancelled_by__isnull=False).exists()
    if not connection.is_live:
        finish(run, State.CANCELLED, message=f"The WMS was disconnected. {kept}")
    elif connection.status == Status.NEEDS_ATTENTION and not by_person:
        finish(run, State.FAILED, message=connection.status_message, failure=Kind.CREDENTIALS)
    else:
        finish(run, State.CANCELLED, message=f"Cancelled. {kept}")


def _wait_or_fail(run: SyncRun, error: ConnectorError) -> None:
    if run.cancel_asked:
        return end_cancelled(run)
    message = error.message
    if error.kind in RETRYABLE_KINDS:
        until = _retry_at(run, error)
        if until <= _wait_limit(run, error.kind):
            return _wait(run, error, until)
        message = _message_after_waiting(run, error, until)
    if error.kind == Kind.NOT_OFFERED:
        _switch_off(run.connection, run.entity, error.message)
    return finish(run, State.FAILED, message=message, failure=error.kind, detail=error.detail)


def _retry_at(run: SyncRun, error: ConnectorError) -> datetime:
    """Return the time that the WMS asked for, or a backoff. Even if the WMS asks for no wait, there is a short one."""
    if error.retry_at is None:
        return now() + backoff(run.waits)
    return max(error.retry_at, now() + (backoff(run.waits) if run.waits else MIN_BACKOFF))


def backoff(waits: int) -> timedelta:
    """Return the time to wait before the next try: doubling up to a maximum, with jitter."""
    longest = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(waits, 10))
    return timedelta(seconds=random.uniform(longest / 2, longest))


def _wait_limit(run: SyncRun, kind: Kind) -> datetime:
    """Return when the run stops waiting and fails, so that the next run tries again."""
    since = run.waiting_since or now()
    if kind == Kind.RATE_LIMITED:
        return since + RATE_LIMIT_WAIT_LIMIT
    schedule = EntitySchedule.objects.filter(connection=run.connection_id, entity=run.entity).first()
    return since + max(schedule.cadence if schedule else MIN_WAIT_LIMIT, MIN_WAIT_LIMIT)


def _wait(run: SyncRun, error: ConnectorError, until: datetime) -> None:
    """Let the lane wait in the table, not in a sleeping worker, and all running runs of the account with it."""
    Lane.objects.filter(pk=run.lane_id).update(waits_until=until)
    SyncRun.objects.filter(pk=run.pk).update(claims=0, waits=F("waits") + 1)
    SyncRun.objects.filter(lane=run.lane_id, state=State.RUNNING).update(
        state=State.WAITING,
        ready_at=until,
        waiting_since=Coalesce("waiting_since", Value(now(), DateTimeField())),
        failure=error.kind,
        message=error.message,
        detail=error.detail,
    )


def _switch_off(connection: Connection, entity: str, reason: str) -> None:
    EntitySchedule.objects.filter(connection=connection, entity=entity).update(
        enabled=False, off_reason=reason, offered=False
    )


def _message_after_waiting(run: SyncRun, error: ConnectorError, until: datetime) -> str:
    """Return why the run no longer waits, or does not wait at all, and what happens next."""
    if run.waiting_since:
        reason = f"This run gave up after {in_words(now() - run.waiting_since)}."
    else:
        moment = f"{until.astimezone(UTC):%d %B %Y, %H:%M} UTC"
        reason = f"The WMS accepts no requests before {moment}, longer than a sync waits."
    return error.message_with(f"{reason} Earlier data stays. The next run tries again.")


def fail(claimed: Claim, message: str) -> None:
    """Fail a run because of Packr itself."""
    with transaction.atomic():
        fence(claimed)
        run = SyncRun.objects.select_related("connection", "lane").get(pk=claimed.run.pk)
        if run.is_active:
            finish(run, State.FAILED, message=message, failure="packr")
