"""Each kind of failure: the run's state and message, its schedule, the connection, and the recovery."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection, Status
from syncs.engine import failures, runner
from syncs.models import EntitySchedule, Lane, Mode, State, SyncRun, Trigger
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs
from syncs.runs.lifecycle import cancel
from syncs.runs.planner import queue_due
from tests.kit.model_wms import item, order
from tests.kit.running import counts, drain, last_run, sync

ORDERS, INVENTORY = Entity.ORDERS, Entity.INVENTORY


@pytest.fixture
def seven(clock, wms, connection):
    """Seven synced orders, all changed since."""
    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(7)))
    sync(connection)
    clock.shift(60)
    wms.put(ORDERS, *(order(f"o{n}", now(), status="shipped") for n in range(7)))
    wms.calls.clear()
    return connection


@pytest.mark.parametrize(
    ("kind", "state", "status"),
    [
        (Kind.CREDENTIALS, State.FAILED, Status.NEEDS_ATTENTION),
        (Kind.FORBIDDEN, State.FAILED, Status.CONNECTED),
        (Kind.NOT_OFFERED, State.FAILED, Status.CONNECTED),
        (Kind.RATE_LIMITED, State.WAITING, Status.CONNECTED),
        (Kind.UNREACHABLE, State.WAITING, Status.UNREACHABLE),
        (Kind.CONTRACT, State.FAILED, Status.CONNECTED),
    ],
)
def test_each_error_kind_during_a_run(seven, wms, kind, state, status):
    """Records read so far stay, the watermark does not move, the message is the error's, and no lane stays leased."""
    before = EntitySchedule.objects.get(connection=seven, entity=ORDERS)
    EntitySchedule.objects.filter(pk=before.pk).update(enabled=True, next_due_at=now() + timedelta(hours=1))
    error = ConnectorError(kind, "What happened.", "What to do.", detail="status 999")
    wms.faults = [None, error]
    run = sync(seven)
    seven.refresh_from_db()
    after = EntitySchedule.objects.get(pk=before.pk)

    assert (run.state, run.failure, run.detail) == (state, kind, "status 999")
    assert run.message == error.message
    assert counts(run) == {"seen": 3, "updated": 3}
    assert seven.status == status
    assert after.watermark == before.watermark
    assert not Lane.objects.exclude(leased_until=None).exists()
    assert (after.enabled, after.off_reason) == ((False, error.message) if kind == Kind.NOT_OFFERED else (True, ""))
    # When the WMS is called again.
    asked = len(wms.calls)
    drain()
    assert len(wms.calls) == asked
    assert (run.completed_at is None) == (state == State.WAITING)


def test_rejected_login_stops_all_syncs_of_connection(clock, wms, seven):
    """After one rejection, queued runs fail with the same message and no run falls due."""
    EntitySchedule.objects.filter(connection=seven).exclude(entity="order-shipments").update(
        enabled=True, next_due_at=now() + timedelta(seconds=30)
    )
    request_runs(seven, [ORDERS, INVENTORY, Entity.CUSTOMERS], trigger=Trigger.MANUAL)
    error = ConnectorError(Kind.CREDENTIALS, "The WMS rejected the login.")
    wms.faults = [error] * 9
    drain()
    runs = SyncRun.objects.filter(created_at__gte=now())
    assert [(run.state, run.message) for run in runs] == [(State.FAILED, error.message)] * 3
    assert len(wms.calls) == 1
    clock.shift(3600)
    queue_due(now())
    assert drain() == 0

    Connection.objects.filter(pk=seven.pk).update(status=Status.CONNECTED)
    wms.faults = []
    queue_due(now())
    drain()
    assert last_run(seven).state == State.SUCCEEDED


def test_run_between_slices_fails_with_its_connection(settings, clock, wms, seven):
    """A run that yielded before the login was rejected fails; it was not cancelled."""
    settings.SLICE_SECONDS = 0
    request_runs(seven, [ORDERS], trigger=Trigger.MANUAL)
    runner.work(claim())
    clock.shift(1)
    request_runs(seven, [INVENTORY], trigger=Trigger.MANUAL, person=User.objects.get(username="ada"))
    error = ConnectorError(Kind.CREDENTIALS, "The WMS rejected the login.")
    wms.faults = [error] * 3
    drain()
    assert {(run.entity, run.state, run.message) for run in SyncRun.objects.exclude(message="")} == {
        ("orders", State.FAILED, error.message),
        ("inventory", State.FAILED, error.message),
    }


def test_forbidden_entity_does_not_stop_others(wms, seven):
    """A failing entity never stops another one."""
    request_runs(seven, [ORDERS, INVENTORY], trigger=Trigger.MANUAL)
    wms.faults = [ConnectorError(Kind.FORBIDDEN, "Not for you.")]
    drain()
    assert last_run(seven, INVENTORY).state == State.SUCCEEDED


@pytest.mark.parametrize("seconds", [1, 30, 3600, 23 * 3600])
def test_rate_limited_run_waits_in_table_until_retry_time(clock, wms, seven, seconds):
    """No worker sleeps. The whole account waits, then the run resumes at its page."""
    until = now() + timedelta(seconds=seconds)
    wms.faults = [None, ConnectorError(Kind.RATE_LIMITED, "Wait.", retry_at=until)]
    run = sync(seven)
    assert (run.state, run.ready_at, run.lane.waits_until) == (State.WAITING, until, until)
    request_runs(seven, [INVENTORY], trigger=Trigger.MANUAL)
    clock.move_to(until - timedelta(milliseconds=1))
    assert drain() == 0
    clock.move_to(until)
    drain()
    run.refresh_from_db()
    assert (run.state, run.waits, run.waiting_since, run.message) == (State.SUCCEEDED, 0, None, "")
    assert [call.cursor for call in wms.asked(entity=ORDERS)] == [None, {"start": 3}, {"start": 3}, {"start": 6}]


def test_other_running_runs_of_account_wait_too(settings, clock, wms, seven):
    """A run between two slices does not stay *running* without a heartbeat while its account waits."""
    settings.SLICE_SECONDS = 0
    wms.put(INVENTORY, *(item(f"i{n}", "1", now()) for n in range(7)))
    request_runs(seven, [ORDERS], trigger=Trigger.MANUAL)
    runner.work(claim())
    request_runs(seven, [INVENTORY], trigger=Trigger.MANUAL, person=User.objects.get(username="ada"))
    until = now() + timedelta(minutes=3)
    error = ConnectorError(Kind.RATE_LIMITED, "Slow down.", retry_at=until)
    wms.faults = [error]
    runner.work(claim())
    waiting = SyncRun.objects.filter(state=State.WAITING)
    assert {(run.entity, run.ready_at, run.message) for run in waiting} == {
        ("orders", until, error.message),
        ("inventory", until, error.message),
    }
    assert last_run(seven, ORDERS).waits == 0
    clock.shift(timedelta(minutes=3))
    drain()
    assert {run.state for run in SyncRun.objects.all()} == {State.SUCCEEDED}


def test_wait_over_24_hours_fails_with_reason(clock, wms, seven):
    """A run waits 24 h at most, whatever Retry-After says. Then the next due run tries again."""
    wms.faults = [ConnectorError(Kind.RATE_LIMITED, "Wait.", retry_at=now() + timedelta(hours=24, seconds=1))]
    run = sync(seven)
    assert (run.state, run.failure) == (State.FAILED, "rate_limited")


def test_retry_after_zero_still_backs_off(clock, wms, seven):
    """The waits grow even if the WMS always sends Retry-After: 0."""
    wms.faults = [lambda call: _raise(ConnectorError(Kind.RATE_LIMITED, "Wait.", retry_at=now()))] * 10_000
    request_runs(seven, [ORDERS], trigger=Trigger.MANUAL)
    for _ in range(3600):
        drain()
        clock.shift(1)
    assert 10 < len(wms.calls) < 40


def _raise(error):
    raise error


def test_backoff_doubles_with_jitter_up_to_maximum():
    """5 s, 10 s, … 5 min, each reduced by up to half."""
    for waits, longest in ((0, 5), (1, 10), (5, 160), (6, 300), (500, 300)):
        found = {failures.backoff(waits).total_seconds() for _ in range(50)}
        assert longest / 2 <= min(found) < max(found) <= longest


@pytest.mark.parametrize(
    ("entity", "minutes"),
    [pytest.param(ORDERS, 15, id="at least 15 min"), pytest.param(Entity.PRODUCTS, 60, id="its cadence")],
)
def test_run_fails_after_unreachable_wait_limit(clock, wms, connection, entity, minutes):
    """A run waits at most max(its cadence, 15 min). Its message says so, and the connection shows it."""
    wms.faults = [ConnectorError(Kind.UNREACHABLE, "The WMS can't be reached.")] * 1000
    request_runs(connection, [entity], trigger=Trigger.MANUAL)
    began = now()
    while (run := SyncRun.objects.get()).is_active:
        drain()
        clock.shift(5)
    assert run.state == State.FAILED
    assert timedelta(minutes=minutes - 5) <= run.completed_at - began <= timedelta(minutes=minutes)
    assert "This run gave up after" in run.message
    assert run.message.endswith("Earlier data stays. The next run tries again.")
    connection.refresh_from_db()
    assert connection.status == Status.UNREACHABLE

    wms.faults = []
    clock.shift(300)
    assert sync(connection, entity).state == State.SUCCEEDED
    connection.refresh_from_db()
    assert (connection.status, connection.status_message) == (Status.CONNECTED, "")


def test_failed_run_keeps_earlier_data(clock, wms, seven):
    """No failure changes the mirror."""
    from tests.kit.running import mirrored

    before = mirrored(seven)
    for kind in Kind:
        Connection.objects.filter(pk=seven.pk).update(status=Status.CONNECTED)
        SyncRun.objects.filter(state=State.WAITING).update(state=State.CANCELLED)
        Lane.objects.update(waits_until=None)
        wms.faults = [ConnectorError(kind, "No.")]
        seven.refresh_from_db()
        sync(seven, mode=Mode.FULL)
    assert mirrored(seven) == before


# --- Cancelling -----------------------------------------------------------------------------------------------------


def test_queued_run_is_cancelled_immediately(wms, seven):
    ada = User.objects.get(username="ada")
    (one,) = request_runs(seven, [ORDERS], trigger=Trigger.MANUAL)
    assert cancel(one.run, person=ada)
    one.run.refresh_from_db()
    assert (one.run.state, one.run.cancelled_by) == (State.CANCELLED, ada)
    assert one.run.completed_at is not None
    assert drain() == 0
    assert not cancel(one.run, person=ada)


@pytest.mark.usefixtures("page_by_page")
def test_running_run_is_cancelled_at_next_page(wms, seven):
    """The message says how many records are kept."""
    ada = User.objects.get(username="ada")
    wms.faults = [None, lambda call: cancel(last_run(seven), person=ada) and None]
    run = sync(seven)
    assert (run.state, run.message) == (State.CANCELLED, "Cancelled. The 3 records read so far are kept.")
    assert counts(run) == {"seen": 3, "updated": 3}
    assert len(wms.asked()) == 2


def test_waiting_run_is_cancelled_immediately(wms, seven):
    wms.faults = [ConnectorError(Kind.RATE_LIMITED, "Wait.", retry_at=now() + timedelta(hours=1))]
    run = sync(seven)
    assert cancel(run, person=None)
    run.refresh_from_db()
    assert run.state == State.CANCELLED


def test_cancel_takes_precedence_over_wms_error(wms, seven):
    """A cancellation takes precedence over the error."""

    def both(call):
        cancel(last_run(seven), person=User.objects.get(username="ada"))
        raise ConnectorError(Kind.CONTRACT, "Nonsense.")

    wms.faults = [both]
    assert sync(seven).state == State.CANCELLED
