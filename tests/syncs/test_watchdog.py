"""The watchdog: its repairs and incidents, what it ignores, and its cost."""

import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.core.signals import request_finished
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django_q.models import Schedule

from integrations.connection_status import refresh
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection, Status
from integrations.services import Account, connect, disconnect
from syncs.engine import runner
from syncs.models import (
    Beat,
    EntitySchedule,
    Incident,
    Lane,
    Mode,
    Problem,
    State,
    SyncRun,
    Trigger,
)
from syncs.monitoring import watchdog, web_trigger
from syncs.monitoring.incidents import IncidentRegister
from syncs.monitoring.stale_data import max_age_for
from syncs.process import heartbeats
from syncs.process.tick_schedule import ensure
from syncs.runs.claims import LeaseLost, claim, fence
from syncs.runs.enqueue import request_runs
from syncs.runs.planner import reschedule
from syncs.tasks import tick
from tests.kit import factories
from tests.kit.model_wms import ENTITIES, order
from tests.kit.running import drain, sync

SCALE = int(os.environ.get("PACKR_TEST_SCALE", "1"))
ORDERS, INVENTORY, WAREHOUSES = Entity.ORDERS, Entity.INVENTORY, Entity.WAREHOUSES
STEP, LONG = timedelta(seconds=30), timedelta(minutes=15)
REFUSED = ConnectorError(Kind.CREDENTIALS, "The key was revoked.")


@pytest.fixture
def synced(clock, wms, home):
    """A synced connection with live workers, supervisor and tick."""
    ensure(now())
    made = connect(home, Account("model", "Kept", {"key": "kept"}))
    advance(clock, timedelta(minutes=1))
    assert open_problems() == []
    return made


def advance(clock, length, *, step=STEP, cluster=True, workers=True, ticks=True):
    """Let time pass. Every half minute the enabled processes work and the watchdog checks."""
    end = now() + length
    while now() < end:
        clock.shift(step)
        if step > heartbeats.ALIVE_WITHIN:  # the processes were alive all the time
            for kind in [heartbeats.CLUSTER] * cluster + [heartbeats.WORKER] * workers:
                Beat.objects.filter(name__startswith=f"{kind} ").update(at=now())
        if cluster:
            heartbeats.record_process(heartbeats.CLUSTER)
        if ticks and workers:
            tick()
        if workers:
            heartbeats.record_process(heartbeats.WORKER)
            drain()
        watchdog.check()


def record_heartbeats():
    """Record heartbeats as if everything had been running for days."""
    heartbeats.record_process(heartbeats.CLUSTER)
    heartbeats.record_process(heartbeats.WORKER)
    heartbeats.record(heartbeats.TICK)
    Beat.objects.filter(name=heartbeats.RESUMED).update(at=now() - timedelta(days=3))


def open_problems():
    """Return the open incidents after another check."""
    Beat.objects.filter(name="watchdog").delete()
    return [(one.problem, one.connection_id and one.connection.name, one.entity) for one in watchdog.check()]


def all_incidents():
    """Return all incidents ever opened, oldest first, and whether each is closed."""
    return [(one.problem, one.entity, one.closed_at is not None) for one in Incident.objects.order_by("pk")]


def the_schedule(entity=ORDERS):
    return EntitySchedule.objects.get(entity=entity)


# --- Faults ----------------------------------------------------------------------------------------------------------


def test_stopped_workers_open_one_incident(clock, synced):
    """It opens within a minute and closes when they are back. What follows from it opens no incident."""
    advance(clock, timedelta(seconds=60), cluster=False, workers=False)
    assert all_incidents() == []
    advance(clock, timedelta(seconds=30), cluster=False, workers=False)
    assert all_incidents() == [(Problem.NO_WORKER, "", False)]
    advance(clock, timedelta(hours=3), step=LONG, cluster=False, workers=False)
    assert len(all_incidents()) == 1
    advance(clock, timedelta(minutes=15))
    assert all_incidents() == [(Problem.NO_WORKER, "", True)]


def test_frozen_worker_under_a_live_supervisor_is_detected(clock, synced):
    """Its run makes no progress, and no other worker continues it."""
    request_runs(synced, [ORDERS], trigger=Trigger.MANUAL)
    claim()
    advance(clock, timedelta(minutes=2), workers=False)
    assert all_incidents() == []
    advance(clock, timedelta(minutes=1), workers=False)
    assert all_incidents() == [(Problem.NO_WORKER, "", False)]
    advance(clock, timedelta(minutes=30), step=LONG, workers=False)
    assert len(all_incidents()) == 1
    advance(clock, timedelta(minutes=15))
    assert all_incidents() == [(Problem.NO_WORKER, "", True)]


def test_run_that_no_worker_continues_is_stuck(clock, synced):
    """Other workers are alive, but the run makes no progress for more than two leases."""
    record_heartbeats()
    request_runs(synced, [ORDERS, INVENTORY], trigger=Trigger.MANUAL)
    claim()
    for _ in range(4):
        clock.shift(30)
        record_heartbeats()
        assert open_problems() == []
    clock.shift(1)
    assert open_problems() == [(Problem.STUCK, "Kept", "")]
    message = Incident.objects.get().message
    assert ("orders of Kept" in message) or ("inventory of Kept" in message)
    clock.shift(600)
    tick()
    record_heartbeats()
    assert open_problems() == [(Problem.STUCK, "Kept", "")]
    assert Incident.objects.count() == 1
    advance(clock, timedelta(minutes=6))
    assert all_incidents() == [(Problem.STUCK, "", True)]


@pytest.mark.parametrize("waits", [True, False])
def test_run_between_slices_is_stuck_only_if_it_waits_for_nothing(clock, synced, waits):
    """A rate limit of a day, or another run in the same lane, opens no incident."""
    request_runs(synced, [ORDERS], trigger=Trigger.MANUAL)
    claim()
    day = now() + timedelta(days=1)
    Lane.objects.update(waits_until=day if waits else None, leased_until=None if waits else day)
    advance(clock, timedelta(minutes=4))
    assert (Problem.STUCK, "", False) not in all_incidents()


def test_missing_tick_is_detected_after_three_minutes(clock, synced):
    """Workers are alive, but nothing is scheduled."""
    advance(clock, timedelta(minutes=3), ticks=False)
    assert all_incidents() == []
    advance(clock, timedelta(seconds=30), ticks=False)
    assert all_incidents() == [(Problem.NO_TICK, "", False)]
    advance(clock, timedelta(hours=2), step=LONG, ticks=False)
    assert len(all_incidents()) == 1
    advance(clock, timedelta(minutes=15))
    assert all_incidents() == [(Problem.NO_TICK, "", True)]


TAMPERED = {
    "removed": lambda: Schedule.objects.all().delete(),
    "paused": lambda: Schedule.objects.update(next_run=now() + timedelta(days=3650)),
    "used up": lambda: Schedule.objects.update(repeats=0),
    "another function": lambda: Schedule.objects.update(func="math.sqrt"),
    "another cluster": lambda: Schedule.objects.update(cluster="elsewhere"),
    "once a day": lambda: Schedule.objects.update(schedule_type=Schedule.DAILY),
    "arguments": lambda: Schedule.objects.update(args="(1,)"),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED.keys())
def test_changed_tick_schedule_is_repaired_and_reported(clock, synced, tamper):
    """The incident closes with the next tick."""
    tamper()
    assert open_problems() == [(Problem.NO_TICK, None, "")]
    repaired = Schedule.objects.get()
    assert (repaired.func, repaired.next_run, repaired.repeats, repaired.minutes) == ("syncs.tasks.tick", now(), -1, 1)
    assert open_problems() == [(Problem.NO_TICK, None, "")]
    advance(clock, timedelta(minutes=1))
    assert all_incidents() == [(Problem.NO_TICK, "", True)]


def test_duplicate_tick_is_removed_without_an_incident(clock, synced):
    """A second tick does no harm."""
    (one,) = Schedule.objects.all()
    one.pk = None
    one.save()
    assert open_problems() == []
    assert Schedule.objects.count() == 1


def test_new_installation_creates_its_tick_without_an_incident(clock, db):
    """Nothing has gone wrong yet; the processes have a minute to start."""
    assert open_problems() == []
    assert Schedule.objects.get().func == "syncs.tasks.tick"
    clock.shift(60)
    assert open_problems() == []
    clock.shift(1)
    assert open_problems() == [(Problem.NO_WORKER, None, "")]


def test_schedule_switched_off_without_reason_is_reported(clock, synced):
    """The incident closes when the schedule is on again or has a reason."""
    EntitySchedule.objects.filter(entity=ORDERS).update(enabled=False)
    advance(clock, timedelta(hours=3), step=LONG)
    assert all_incidents() == [(Problem.NOT_SCHEDULED, ORDERS, False)]
    EntitySchedule.objects.filter(entity=ORDERS).update(off_reason="The brand has left.")
    assert open_problems() == []
    EntitySchedule.objects.filter(entity=ORDERS).update(off_reason="")
    assert open_problems() == [(Problem.NOT_SCHEDULED, "Kept", ORDERS)]
    schedule = the_schedule()
    schedule.enabled = True
    reschedule(schedule, now())
    assert (Problem.NOT_SCHEDULED, "Kept", ORDERS) not in open_problems()
    advance(clock, timedelta(minutes=6))  # its next due time, wherever it is within the cadence
    assert open_problems() == []


def test_deleted_schedule_is_restored_and_reported(clock, synced):
    """Its data is fresh again within minutes."""
    gone = [ORDERS, Entity.ORDER_SHIPMENTS, WAREHOUSES]
    EntitySchedule.objects.filter(entity__in=gone).delete()
    advance(clock, timedelta(minutes=20))
    assert all_incidents() == [(Problem.NOT_SCHEDULED, entity, True) for entity in gone]
    assert the_schedule().every_seconds == 300
    assert now() - the_schedule().as_of < timedelta(minutes=6)
    assert the_schedule(WAREHOUSES).as_of is not None
    assert the_schedule(Entity.ORDER_SHIPMENTS).next_due_at is None


def test_new_entity_of_a_connector_gets_a_schedule_without_an_incident(clock, synced):
    """An existing connection gets the schedule and the data. No sync was lost."""
    SyncRun.objects.filter(entity=WAREHOUSES).delete()
    EntitySchedule.objects.filter(entity=WAREHOUSES).delete()
    advance(clock, timedelta(minutes=20))
    assert all_incidents() == []
    assert the_schedule(WAREHOUSES).as_of is not None


@pytest.mark.parametrize("entity", [ORDERS, Entity.PRODUCTS, WAREHOUSES])
@pytest.mark.parametrize("due", [None, timedelta(days=400)])
def test_schedule_without_valid_due_time_is_repaired_and_reported(clock, synced, entity, due):
    """Its next run is due within its cadence."""
    EntitySchedule.objects.filter(entity=entity).update(next_due_at=now() + due if due else None)
    SyncRun.objects.filter(entity=entity, state=State.QUEUED).delete()
    advance(clock, timedelta(minutes=2))
    assert all_incidents() == [(Problem.NOT_SCHEDULED, entity, True)]
    schedule = the_schedule(entity)
    assert now() < schedule.next_due_at <= now() + schedule.cadence + timedelta(hours=1)
    if schedule.daily_at:
        assert schedule.next_due_at.time() == schedule.daily_at


@pytest.mark.parametrize("reread", [None, timedelta(days=100)])
def test_missing_full_refresh_time_is_repaired(clock, synced, reread):
    """Without full refreshes, removals would never be found."""
    EntitySchedule.objects.filter(entity=INVENTORY).update(next_reread_at=now() + reread if reread else None)
    before = the_schedule(INVENTORY).next_due_at
    assert open_problems() == [(Problem.NOT_SCHEDULED, "Kept", INVENTORY)]
    assert open_problems() == []
    after = the_schedule(INVENTORY)
    assert now() < after.next_reread_at <= now() + timedelta(days=1)
    assert 1 <= after.next_reread_at.hour < 5
    assert after.next_due_at == before


def test_overdue_schedule_is_reported(clock, synced):
    """The tick queues the other schedules but not this one."""
    EntitySchedule.objects.filter(entity=ORDERS).update(next_due_at=now() - timedelta(minutes=6))
    SyncRun.objects.filter(entity=ORDERS, state=State.QUEUED).delete()
    clock.shift(timedelta(minutes=6))
    record_heartbeats()
    EntitySchedule.objects.exclude(entity=ORDERS).exclude(next_due_at=None).update(next_due_at=now())
    assert open_problems() == [(Problem.NOT_SCHEDULED, "Kept", ORDERS)]
    tick()
    assert open_problems() == []


def test_rejected_login_opens_one_incident(clock, wms, synced):
    """One incident for all entities, with the WMS's message. It closes after reconnecting."""
    wms.faults.append(REFUSED)
    advance(clock, timedelta(minutes=2))
    advance(clock, timedelta(hours=8), step=LONG)
    assert all_incidents() == [(Problem.CREDENTIALS, "", False)]
    assert "The key was revoked." in Incident.objects.get().message
    refresh(Connection.objects.get())
    record_heartbeats()
    assert open_problems() == open_problems() == []  # the delayed entities have some minutes to recover
    advance(clock, timedelta(minutes=15))
    assert all_incidents() == [(Problem.CREDENTIALS, "", True)]


def test_pending_removals_open_an_incident(clock, wms, synced):
    """The incident is open while the newest full run has pending removals."""
    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(40)))
    sync(synced, mode=Mode.FULL)
    clock.shift(30)
    wms.drop(ORDERS, *(f"o{n}" for n in range(1, 31)))
    assert sync(synced, mode=Mode.FULL).state == State.NEEDS_REVIEW
    assert open_problems() == [(Problem.REVIEW, "Kept", ORDERS)]
    clock.shift(20)
    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(30)))
    assert sync(synced, mode=Mode.FULL).state == State.SUCCEEDED
    assert open_problems() == []


# --- Age -------------------------------------------------------------------------------------------------------------


def test_unreachable_wms_makes_each_entity_stale_by_its_cadence(clock, wms, synced):
    """At twice the cadence plus grace. The message names the reason, and the next sync closes the incident."""
    down = ConnectorError(Kind.UNREACHABLE, "The WMS does not answer.")
    wms.faults += [down] * 10_000
    advance(clock, timedelta(minutes=10))
    assert all_incidents() == []
    advance(clock, timedelta(minutes=12))
    assert sorted(all_incidents()) == [(Problem.STALE, INVENTORY, False), (Problem.STALE, ORDERS, False)]
    wms.faults.clear()
    advance(clock, timedelta(minutes=12))
    assert {over for *_, over in all_incidents()} == {True}
    assert len(all_incidents()) == 2


def test_stale_incident_stays_open_when_the_workers_stop_too(clock, wms, synced):
    """An incident stays open until its problem is gone, whatever else happens."""
    forbidden = ConnectorError(Kind.FORBIDDEN, "The account may not read orders. Ask the WMS for that right.")
    wms.faults += [lambda call: fail(forbidden) if call.entity == ORDERS else None] * 10_000
    advance(clock, timedelta(minutes=20))
    assert all_incidents() == [(Problem.STALE, ORDERS, False)]
    assert "The account may not read orders." in Incident.objects.get().message
    advance(clock, timedelta(minutes=20), cluster=False, workers=False)
    advance(clock, timedelta(minutes=20))
    assert all_incidents() == [(Problem.STALE, ORDERS, False), (Problem.NO_WORKER, "", True)]


def fail(error):
    raise error


@pytest.mark.one_database
def test_data_older_than_48_hours_always_has_an_incident(clock, synced):
    """Even if other incidents are open and nobody looked."""
    Connection.objects.update(status=Status.NEEDS_ATTENTION)
    base = now()
    EntitySchedule.objects.filter(connection=synced).update(as_of=base)
    for hours, stale in ((47, 0), (49, len(ENTITIES))):
        clock.move_to(base + timedelta(hours=hours))
        record_heartbeats()
        assert len([one for one in open_problems() if one[0] == Problem.STALE]) == stale


@pytest.mark.parametrize(
    ("cadence", "expected"),
    [
        (timedelta(minutes=5), timedelta(minutes=11)),
        (timedelta(hours=1), timedelta(minutes=132)),
        (timedelta(days=1), timedelta(hours=48)),
        (timedelta(days=7), timedelta(days=8, hours=9, minutes=36)),
    ],
)
def test_max_age_of_each_cadence(cadence, expected):
    """Twice the cadence plus grace, at most two days unless the cadence itself is longer."""
    assert max_age_for(cadence) == expected


def test_old_copy_of_the_wms_is_reported_as_the_reason(clock, wms, synced):
    """The syncs succeed, but the data they get is old."""
    wms.crawls = dict.fromkeys(ENTITIES, now())
    advance(clock, timedelta(minutes=30))
    stale = Incident.objects.filter(problem=Problem.STALE, entity=ORDERS)
    assert "Its syncs succeed" in stale.get().message


def test_wms_clock_ten_minutes_behind_is_not_stale(clock, wms, synced):
    """The age of data counts from the WMS's clock, which may be behind."""
    wms.skew = -timedelta(minutes=10)
    advance(clock, timedelta(minutes=30))
    assert all_incidents() == []


@pytest.mark.parametrize("what", ["paused", "off with a reason", "disconnected"])
def test_deliberate_stop_opens_no_incident(clock, synced, what):
    if what == "paused":
        EntitySchedule.objects.update(paused_until=now() + timedelta(days=10))
    elif what == "disconnected":
        disconnect(synced)
    else:
        EntitySchedule.objects.update(enabled=False, off_reason="The season is over.")
    for _ in range(4):
        clock.shift(timedelta(days=1))
        record_heartbeats()
        assert open_problems() == []


def test_resuming_after_a_day_opens_no_incident_per_entity(clock, synced):
    """After an outage of the whole machine, everything has some minutes to recover."""
    clock.shift(timedelta(days=1))
    heartbeats.record_process(heartbeats.CLUSTER)
    assert open_problems() == []
    advance(clock, timedelta(minutes=20))
    assert all_incidents() == []


# --- Repairs ---------------------------------------------------------------------------------------------------------


def test_active_runs_of_a_disconnected_connection_are_ended(clock, synced):
    """A process died between disconnecting and ending the runs."""
    request_runs(synced, [ORDERS, INVENTORY], trigger=Trigger.MANUAL)
    taken = claim()
    Connection.objects.update(status=Status.DISCONNECTED)
    assert open_problems() == []
    states = dict(SyncRun.objects.filter(completed_at=None).values_list("entity", "state"))
    assert states == {taken.run.entity: State.RUNNING}
    runner.work(taken)
    assert not SyncRun.objects.filter(completed_at=None).exists()


def test_lease_of_a_silent_worker_is_revoked(clock, synced):
    """After two leases its token is invalid, and a lease without a run is cleared."""
    request_runs(synced, [ORDERS], trigger=Trigger.MANUAL)
    taken = claim()
    clock.shift(119)
    open_problems()
    with transaction.atomic():
        fence(taken)  # the worker was only slow, and renews its lease
    clock.shift(121)
    open_problems()
    with pytest.raises(LeaseLost), transaction.atomic():
        fence(taken)
    assert Lane.objects.get().leased_until is not None  # shown as interrupted
    SyncRun.objects.filter(pk=taken.run.pk).update(state=State.CANCELLED, completed_at=now())
    open_problems()
    assert Lane.objects.get().leased_until is None


# --- Concurrency and cost --------------------------------------------------------------------------------------------


def test_one_of_many_concurrent_checks_inspects(clock, synced, monkeypatch):
    """Within ten seconds, the other checks only read the open incidents."""
    checks = []
    monkeypatch.setattr(watchdog._Inspection, "run", lambda self: checks.append(self.now))
    clock.shift(60)
    start = now()
    for _ in range(25):
        watchdog.check()
        watchdog.check()
        clock.shift(1)
    assert checks == [start, start + timedelta(seconds=10), start + timedelta(seconds=20)]


def test_concurrent_inspections_open_one_incident(clock, synced):
    """The database constraint prevents duplicates without an error, with and without a connection."""
    EntitySchedule.objects.filter(entity=ORDERS).update(enabled=False)
    clock.shift(120)
    first, second = IncidentRegister(now(), STEP), IncidentRegister(now(), STEP)
    look = watchdog._Inspection(now())
    for register in (first, second):
        look.register, look.problems = register, []
        look.run()
        EntitySchedule.objects.filter(entity=INVENTORY).update(enabled=False)  # for the second only
    off = [(Problem.NOT_SCHEDULED, entity, False) for entity in (INVENTORY, ORDERS)]
    assert sorted(all_incidents()) == [(Problem.NO_WORKER, "", False), *off]


def test_check_costs_the_same_for_3_and_30_connections(clock, wms, home):
    """Both with and without an incident for each connection."""
    ensure(now())
    costs = []
    for count in (3, 30):
        for number in range(Connection.objects.count(), count):
            connect(home, Account("model", f"C{number}", {"key": str(number)}), first_sync=False)
        for enabled in (True, False, True):
            EntitySchedule.objects.filter(entity=ORDERS).update(enabled=enabled)
            clock.shift(15)
            record_heartbeats()
            with CaptureQueriesContext(
                connection,
            ) as statements:
                incidents = watchdog.check()
            costs.append(len(statements))
            assert len(incidents) == (0 if enabled else count)
    assert costs[1:3] == costs[4:6]
    assert max(costs[1:]) <= 26


def test_each_message_says_what_happened_and_what_to_do(clock, wms, synced):
    """Messages are full sentences without internal terms."""
    EntitySchedule.objects.filter(entity=INVENTORY).update(enabled=False)
    EntitySchedule.objects.filter(entity=WAREHOUSES).delete()
    Schedule.objects.all().delete()
    open_problems()
    request_runs(synced, [ORDERS], trigger=Trigger.MANUAL)
    claim()
    advance(clock, timedelta(minutes=4), workers=False)
    Connection.objects.update(status=Status.NEEDS_ATTENTION)
    open_problems()
    messages = list(Incident.objects.values_list("message", flat=True))
    assert len({one.problem for one in Incident.objects.all()}) == 4
    for message in messages:
        words = set(message.lower().replace(",", " ").replace(".", " ").split())
        assert message.endswith(".")
        assert message.count(". ") >= 1
        assert not words & {"lane", "slice", "digest", "tick", "watermark", "checkpoint", "lease"}


def test_command_prints_the_open_incidents(clock, synced, capsys):
    """It checks once, for cron, and exits with 0."""
    EntitySchedule.objects.filter(entity=ORDERS).update(enabled=False)
    clock.shift(15)
    call_command("watchdog")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("2026-02-04T09:01:15Z A sync is not scheduled: northbay/Kept orders: Orders of Kept is ")


# --- Checks after web requests ---------------------------------------------------------------------------------------


@pytest.fixture
def checks(monkeypatch, settings):
    """Record the checks that requests start, on a clock of the test."""
    settings.WEB_WATCHES_EVERY = timedelta(minutes=1)
    seconds = [100.0]
    made = []
    monkeypatch.setattr(web_trigger, "_last_check", None)
    monkeypatch.setattr(web_trigger, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    monkeypatch.setattr(watchdog, "check", lambda every: made.append(every))
    return SimpleNamespace(seconds=seconds, made=made)


def test_web_requests_check_once_a_minute(client, db, checks):
    for _ in range(130):
        client.get("/healthz")
        checks.seconds[0] += 1
    assert checks.made == [timedelta(minutes=1)] * 3


def test_failing_check_does_not_fail_the_request(client, db, checks, monkeypatch):
    def broken(every):
        checks.made.append(every)
        raise DatabaseError("gone")

    monkeypatch.setattr(watchdog, "check", broken)
    assert client.get("/healthz").status_code == 200
    assert len(checks.made) == 1


def test_web_request_alone_opens_the_incident(client, clock, synced, settings, monkeypatch):
    """No worker is running."""
    settings.WEB_WATCHES_EVERY = timedelta(minutes=1)
    monkeypatch.setattr(web_trigger, "_last_check", None)
    clock.shift(120)
    client.get("/healthz")
    assert all_incidents() == [(Problem.NO_WORKER, "", False)]
    assert web_trigger.check_after_response in [receiver() for *_, receiver, _ in request_finished.receivers]


# --- Month after month -----------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_thirty_days_without_a_fault_open_no_incident(clock, wms, home):
    """Run the real engine at every due time of thirty days, and check when data is oldest and when it is new.

    At scale 1, frequent syncs run only twice a day, all at the same moment. Larger scales run them more often, up to
    the usual cadences.
    """
    ensure(now())
    made = connect(home, Account("model", "Kept", {"key": "kept"}))
    factor = max(1, 144 // SCALE)
    for schedule in EntitySchedule.objects.exclude(every_seconds=None):
        schedule.every_seconds = min(schedule.every_seconds * factor, 43_200)
        schedule.next_due_at = schedule.next_due_at and now() + timedelta(seconds=60)
        schedule.save()
    expected = sum(timedelta(days=30) // one.cadence for one in EntitySchedule.objects.exclude(next_due_at=None))
    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(5)))
    drain()
    start, runs = now(), 0
    while now() < start + timedelta(days=30):
        for moment in (next_moment() - timedelta(seconds=1), next_moment()):
            clock.move_to(max(moment, now()))
            record_heartbeats()
            if moment == now():
                tick()
                runs += drain()
            assert watchdog.check() == [], now()
            Beat.objects.filter(name="watchdog").delete()
    assert all_incidents() == []
    assert runs >= expected
    assert SyncRun.objects.filter(connection=made).exclude(state__in=[State.SUCCEEDED, State.QUEUED]).count() == 0


def next_moment():
    """Return when the next sync is due."""
    due = EntitySchedule.objects.exclude(next_due_at=None).order_by("next_due_at").values_list("next_due_at", flat=True)
    queued = SyncRun.objects.filter(state=State.QUEUED).order_by("ready_at").values_list("ready_at", flat=True)
    return min([*due[:1], *queued[:1]])


def test_due_actions_get_a_wake_up(clock, connection, monkeypatch):
    """The watchdog queues it even if the process that sent the action is gone."""
    sent = []
    monkeypatch.setattr(watchdog.wakeups, "settle", lambda: sent.append(now()))
    factories.action(connection, state="unknown", settle_at=now() + timedelta(seconds=30))
    watchdog.check()
    assert sent == []
    clock.shift(31)
    watchdog.check()
    assert sent == [now()]
