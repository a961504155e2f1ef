"""What a failure means for its run, its connection and its schedule. What is tried again follows from its kind."""

import random
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from integrations.connectors.parsing import in_words
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection, Status
from integrations.services import set_status

from ..models import EntitySchedule, Lane, State, SyncRun
from ..runs.claims import Claim, fence
from ..runs.lifecycle import end_runs_of, finish

RETRYABLE = (Kind.RATE_LIMITED, Kind.UNREACHABLE)
STATUS_AFTER = {Kind.CREDENTIALS: Status.NEEDS_ATTENTION, Kind.UNREACHABLE: Status.UNREACHABLE}
MIN_PATIENCE, MAX_PATIENCE = timedelta(minutes=15), timedelta(hours=24)
FIRST_PAUSE, MAX_PAUSE = 5.0, 300.0  # seconds
MIN_PAUSE = timedelta(seconds=1)


def handle(claimed: Claim, error: ConnectorError) -> None:
    """Put the run where the error leaves it. Raises LeaseLost, and nothing is written, when the lane is another's."""
    with transaction.atomic():
        fence(claimed)
        SyncRun.objects.filter(pk=claimed.run.pk).update(requests=claimed.run.requests)
        run = SyncRun.objects.select_related("connection", "lane").get(pk=claimed.run.pk)
        # Before the run ends: its end would queue the next one of a sound connection.
        if error.kind in STATUS_AFTER:
            set_status(run.connection, STATUS_AFTER[error.kind], error.message)
        if run.state == State.RUNNING:
            _settle(run, error)
    if error.kind == Kind.CREDENTIALS:
        end_runs_of(claimed.run.connection, error.message, state=State.FAILED, failure=error.kind)


def end_cancelled(run: SyncRun) -> None:
    """End a run that was asked to stop: by a person, by a disconnect, or since the connection's login was refused."""
    kept = f"The {run.seen} records read so far are kept."
    connection = Connection.objects.get(pk=run.connection_id)
    by_person = SyncRun.objects.filter(pk=run.pk, cancelled_by__isnull=False).exists()
    if not connection.is_live:
        finish(run, State.CANCELLED, message=f"The WMS was disconnected. {kept}")
    elif connection.status == Status.NEEDS_ATTENTION and not by_person:
        finish(run, State.FAILED, message=connection.status_message, failure=Kind.CREDENTIALS)
    else:
        finish(run, State.CANCELLED, message=f"Cancelled. {kept}")


def _settle(run: SyncRun, error: ConnectorError) -> None:
    if run.cancel_asked:
        return end_cancelled(run)
    message = error.message
    if error.kind in RETRYABLE:
        until = _next_try(run, error)
        if until <= _patience_ends(run, error.kind):
            return _wait(run, error, until)
        message = _given_up(run, error, until)
    if error.kind == Kind.NOT_OFFERED:
        _switch_off(run.connection, run.entity, error.message)
    return finish(run, State.FAILED, message=message, failure=error.kind, detail=error.detail)


def _next_try(run: SyncRun, error: ConnectorError) -> datetime:
    """When the WMS asked to be tried again, or after a pause; a WMS that asks for no time gets one all the same."""
    if error.retry_at is None:
        return now() + pause(run.waits)
    return max(error.retry_at, now() + (pause(run.waits) if run.waits else MIN_PAUSE))


def pause(waits: int) -> timedelta:
    """How long to wait before the next try: doubling, with a ceiling and jitter."""
    longest = min(MAX_PAUSE, FIRST_PAUSE * 2 ** min(waits, 10))
    return timedelta(seconds=random.uniform(longest / 2, longest))


def _patience_ends(run: SyncRun, kind: Kind) -> datetime:
    """When the run gives up waiting and leaves it to the next one."""
    since = run.waiting_since or now()
    if kind == Kind.RATE_LIMITED:
        return since + MAX_PATIENCE
    schedule = EntitySchedule.objects.filter(connection=run.connection_id, entity=run.entity).first()
    return since + max(schedule.cadence if schedule else MIN_PATIENCE, MIN_PATIENCE)


def _wait(run: SyncRun, error: ConnectorError, until: datetime) -> None:
    """The lane waits in the table, not asleep in a worker, and with it what else was under way on the account."""
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


def _given_up(run: SyncRun, error: ConnectorError, until: datetime) -> str:
    """Return why the run no longer waits, or does not wait at all, and what happens next."""
    if run.waiting_since:
        reason = f"This run gave up after {in_words(now() - run.waiting_since)}."
    else:
        moment = f"{until.astimezone(UTC):%d %B %Y, %H:%M} UTC"
        reason = f"The WMS accepts no requests before {moment}, longer than a sync waits."
    return error.message_with(f"{reason} Earlier data stays. The next run tries again.")


def fail_stuck(claimed: Claim) -> None:
    """End a run that was taken up again and again without getting a page further."""
    _fail(
        claimed,
        "This sync was started five times and never got a page further, so it was stopped. Earlier data stays. "
        "Contact support if the next one fails too.",
    )


def fail_internal_error(claimed: Claim) -> None:
    """End a run that met a fault of Packr's own."""
    _fail(
        claimed,
        "Packr itself failed during this sync; it is not your doing. Earlier data stays, and the next run tries "
        "again. Contact support if this lasts.",
    )


def _fail(claimed: Claim, message: str) -> None:
    with transaction.atomic():
        fence(claimed)
        run = SyncRun.objects.select_related("connection", "lane").get(pk=claimed.run.pk)
        if run.is_active:
            finish(run, State.FAILED, message=message, failure="packr")
