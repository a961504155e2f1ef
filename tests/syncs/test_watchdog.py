"""The watchdog: what it mends, what it tells, what it leaves alone, and what it costs."""

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
def house(clock, wms, home):
    """A connection that was synced, with all that keeps it so: workers, their supervisor, the tick."""
    ensure(now())
    made = connect(home, Account("model", "Kept", {"key": "kept"}))
    go(clock, timedelta(minutes=1))
    assert found() == []
    return made


def go(clock, length, *, step=STEP, cluster=True, workers=True, ticks=True):
    """Time passes; what is on does its part every half minute, and so does the watchdog."""
    end = now() + length
    while now() < end:
        clock.shift(step)
        if step > heartbeats.ALIVE_WITHIN:  # what is on was on all the time
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


def show_life():
    """Everything has been up and running for a long time."""
    heartbeats.record_process(heartbeats.CLUSTER)
    heartbeats.record_process(heartbeats.WORKER)
    heartbeats.record(heartbeats.TICK)
    Beat.objects.filter(name=heartbeats.RESUMED).update(at=now() - timedelta(days=3))


def found():
    """What is open after one more check."""
    Beat.objects.filter(name="watchdog").delete()
    return [(one.problem, one.connection_id and one.connection.name, one.entity) for one in watchdog.check()]


def episodes():
    """All incidents there have ever been, the oldest first: what, and whether it is over."""
    return [(one.problem, one.entity, one.closed_at is not None) for one in Incident.objects.order_by("pk")]


def the_schedule(entity=ORDERS):
    return EntitySchedule.objects.get(entity=entity)


# --- Faults ----------------------------------------------------------------------------------------------------------


def test_all_workers_stopped(clock, house):
    """Issue 3: told within a minute, once, and over when they are back; nothing that follows from it is told."""
    go(clock, timedelta(seconds=60), cluster=False, workers=False)
    assert episodes() == []
    go(clock, timedelta(seconds=30), cluster=False, workers=False)
    assert episodes() == [(Problem.NO_WORKER, "", False)]
    go(clock, timedelta(hours=3), step=LONG, cluster=False, workers=False)
    assert len(episodes()) == 1
    go(clock, timedelta(minutes=15))
    assert episodes() == [(Problem.NO_WORKER, "", True)]


def test_a_worker_that_is_frozen_while_its_supervisor_lives(clock, house):
    """Issue 3: its run stands still and nobody takes it over."""
    request_runs(house, [ORDERS], trigger=Trigger.MANUAL)
    claim()
    go(clock, timedelta(minutes=2), workers=False)
    assert episodes() == []
    go(clock, timedelta(minutes=1), workers=False)
    assert episodes() == [(Problem.NO_WORKER, "", False)]
    go(clock, timedelta(minutes=30), step=LONG, workers=False)
    assert len(episodes()) == 1
    go(clock, timedelta(minutes=15))
    assert episodes() == [(Problem.NO_WORKER, "", True)]


def test_a_run_that_no_worker_carries_on(clock, house):
    """A lapsed lane: other workers live, yet the run stands still beyond two leases."""
    show_life()
    request_runs(house, [ORDERS, INVENTORY], trigger=Trigger.MANUAL)
    claim()
    for _ in range(4):
        clock.shift(30)
        show_life()
        assert found() == []
    clock.shift(1)
    assert found() == [(Problem.STUCK, "Kept", "")]
    message = Incident.objects.get().message
    assert ("orders of Kept" in message) or ("inventory of Kept" in message)
    clock.shift(600)
    tick()
    show_life()
    assert found() == [(Problem.STUCK, "Kept", "")]
    assert Incident.objects.count() == 1
    go(clock, timedelta(minutes=6))
    assert episodes() == [(Problem.STUCK, "", True)]


@pytest.mark.parametrize("waits", [True, False])
def test_a_run_between_two_slices_stands_still_only_if_nothing_keeps_it_waiting(clock, house, waits):
    """A rate limit of a day, or another run's turn, is no incident."""
    request_runs(house, [ORDERS], trigger=Trigger.MANUAL)
    claim()
    day = now() + timedelta(days=1)
    Lane.objects.update(waits_until=day if waits else None, leased_until=None if waits else day)
    go(clock, timedelta(minutes=4))
    assert (Problem.STUCK, "", False) not in episodes()


def test_the_tick_was_killed(clock, house):
    """Issue 3: workers live, but nothing is planned: told after three minutes."""
    go(clock, timedelta(minutes=3), ticks=False)
    assert episodes() == []
    go(clock, timedelta(seconds=30), ticks=False)
    assert episodes() == [(Problem.NO_TICK, "", False)]
    go(clock, timedelta(hours=2), step=LONG, ticks=False)
    assert len(episodes()) == 1
    go(clock, timedelta(minutes=15))
    assert episodes() == [(Problem.NO_TICK, "", True)]


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
def test_the_ticks_schedule_was_tampered_with(clock, house, tamper):
    """Issue 3: mended and told at once; over with the next tick."""
    tamper()
    assert found() == [(Problem.NO_TICK, None, "")]
    mended = Schedule.objects.get()
    assert (mended.func, mended.next_run, mended.repeats, mended.minutes) == ("syncs.tasks.tick", now(), -1, 1)
    assert found() == [(Problem.NO_TICK, None, "")]
    go(clock, timedelta(minutes=1))
    assert episodes() == [(Problem.NO_TICK, "", True)]


def test_a_doubled_tick_is_made_one_without_a_word(clock, house):
    """It costs nothing that it ran twice."""
    (one,) = Schedule.objects.all()
    one.pk = None
    one.save()
    assert found() == []
    assert Schedule.objects.count() == 1


def test_a_new_packr_gets_its_tick_without_a_word(clock, db):
    """Before anything ran nothing has gone wrong; after that it has a minute to come to life."""
    assert found() == []
    assert Schedule.objects.get().func == "syncs.tasks.tick"
    clock.shift(60)
    assert found() == []
    clock.shift(1)
    assert found() == [(Problem.NO_WORKER, None, "")]


def test_a_schedule_switched_off_behind_the_products_back(clock, house):
    """Issue 3: nobody said why. Told at once; over when it is on again, or the reason is given."""
    EntitySchedule.objects.filter(entity=ORDERS).update(enabled=False)
    go(clock, timedelta(hours=3), step=LONG)
    assert episodes() == [(Problem.NOT_SCHEDULED, ORDERS, False)]
    EntitySchedule.objects.filter(entity=ORDERS).update(off_reason="The brand has left.")
    assert found() == []
    EntitySchedule.objects.filter(entity=ORDERS).update(off_reason="")
    assert found() == [(Problem.NOT_SCHEDULED, "Kept", ORDERS)]
    schedule = the_schedule()
    schedule.enabled = True
    reschedule(schedule, now())
    assert (Problem.NOT_SCHEDULED, "Kept", ORDERS) not in found()
    go(clock, timedelta(minutes=6))  # its next turn, wherever that lies within the cadence
    assert found() == []


def test_a_schedule_that_was_deleted(clock, house):
    """Made anew, told once, and its data fresh again within minutes."""
    gone = [ORDERS, Entity.ORDER_SHIPMENTS, WAREHOUSES]
    EntitySchedule.objects.filter(entity__in=gone).delete()
    go(clock, timedelta(minutes=20))
    assert episodes() == [(Problem.NOT_SCHEDULED, entity, True) for entity in gone]
    assert the_schedule().every_seconds == 300
    assert now() - the_schedule().as_of < timedelta(minutes=6)
    assert the_schedule(WAREHOUSES).as_of is not None
    assert the_schedule(Entity.ORDER_SHIPMENTS).next_due_at is None


def test_a_type_of_data_that_packr_learned_to_read(clock, house):
    """L14, L17: a connection of before gets its schedule and its data; nobody lost anything, so nothing is told."""
    SyncRun.objects.filter(entity=WAREHOUSES).delete()
    EntitySchedule.objects.filter(entity=WAREHOUSES).delete()
    go(clock, timedelta(minutes=20))
    assert episodes() == []
    assert the_schedule(WAREHOUSES).as_of is not None


@pytest.mark.parametrize("entity", [ORDERS, Entity.PRODUCTS, WAREHOUSES])
@pytest.mark.parametrize("due", [None, timedelta(days=400)])
def test_a_schedule_without_a_moment_to_come(clock, house, entity, due):
    """Planned anew within its cadence, told once."""
    EntitySchedule.objects.filter(entity=entity).update(next_due_at=now() + due if due else None)
    SyncRun.objects.filter(entity=entity, state=State.QUEUED).delete()
    go(clock, timedelta(minutes=2))
    assert episodes() == [(Problem.NOT_SCHEDULED, entity, True)]
    schedule = the_schedule(entity)
    assert now() < schedule.next_due_at <= now() + schedule.cadence + timedelta(hours=1)
    if schedule.daily_at:
        assert schedule.next_due_at.time() == schedule.daily_at


@pytest.mark.parametrize("reread", [None, timedelta(days=100)])
def test_a_re_read_that_would_never_come(clock, house, reread):
    """Without it removals would never be found."""
    EntitySchedule.objects.filter(entity=INVENTORY).update(next_reread_at=now() + reread if reread else None)
    before = the_schedule(INVENTORY).next_due_at
    assert found() == [(Problem.NOT_SCHEDULED, "Kept", INVENTORY)]
    assert found() == []
    after = the_schedule(INVENTORY)
    assert now() < after.next_reread_at <= now() + timedelta(days=1)
    assert 1 <= after.next_reread_at.hour < 5
    assert after.next_due_at == before


def test_an_overdue_schedule(clock, house):
    """The tick runs and plans the others, this one it does not: expected and actual differ."""
    EntitySchedule.objects.filter(entity=ORDERS).update(next_due_at=now() - timedelta(minutes=6))
    SyncRun.objects.filter(entity=ORDERS, state=State.QUEUED).delete()
    clock.shift(timedelta(minutes=6))
    show_life()
    EntitySchedule.objects.exclude(entity=ORDERS).exclude(next_due_at=None).update(next_due_at=now())
    assert found() == [(Problem.NOT_SCHEDULED, "Kept", ORDERS)]
    tick()
    assert found() == []


def test_refused_credentials(clock, wms, house):
    """One incident, however many entities wait for it, and in the WMS's words; over with new credentials."""
    wms.faults.append(REFUSED)
    go(clock, timedelta(minutes=2))
    go(clock, timedelta(hours=8), step=LONG)
    assert episodes() == [(Problem.CREDENTIALS, "", False)]
    assert "The key was revoked." in Incident.objects.get().message
    refresh(Connection.objects.get())
    show_life()
    assert found() == found() == []  # what waited for it has some minutes now
    go(clock, timedelta(minutes=15))
    assert episodes() == [(Problem.CREDENTIALS, "", True)]


def test_removals_that_wait_for_a_decision(clock, wms, house):
    """DESIGN 7: told while the newest full run holds them back."""
    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(40)))
    sync(house, mode=Mode.FULL)
    clock.shift(30)
    wms.drop(ORDERS, *(f"o{n}" for n in range(1, 31)))
    assert sync(house, mode=Mode.FULL).state == State.NEEDS_REVIEW
    assert found() == [(Problem.REVIEW, "Kept", ORDERS)]
    clock.shift(20)
    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(30)))
    assert sync(house, mode=Mode.FULL).state == State.SUCCEEDED
    assert found() == []


# --- Age -------------------------------------------------------------------------------------------------------------


def test_an_unreachable_wms_makes_each_entity_stale_in_its_time(clock, wms, house):
    """Twice the cadence and the grace; the sentence names the reason; over with the next sync."""
    down = ConnectorError(Kind.UNREACHABLE, "The WMS does not answer.")
    wms.faults += [down] * 10_000
    go(clock, timedelta(minutes=10))
    assert episodes() == []
    go(clock, timedelta(minutes=12))
    assert sorted(episodes()) == [(Problem.STALE, INVENTORY, False), (Problem.STALE, ORDERS, False)]
    wms.faults.clear()
    go(clock, timedelta(minutes=12))
    assert {over for *_, over in episodes()} == {True}
    assert len(episodes()) == 2


def test_a_stale_entity_stays_one_episode_when_the_workers_stop_as_well(clock, wms, house):
    """What is wrong stays open until it is healed, whatever else comes."""
    forbidden = ConnectorError(Kind.FORBIDDEN, "The account may not read orders. Ask the WMS for that right.")
    wms.faults += [lambda call: fail(forbidden) if call.entity == ORDERS else None] * 10_000
    go(clock, timedelta(minutes=20))
    assert episodes() == [(Problem.STALE, ORDERS, False)]
    assert "The account may not read orders." in Incident.objects.get().message
    go(clock, timedelta(minutes=20), cluster=False, workers=False)
    go(clock, timedelta(minutes=20))
    assert episodes() == [(Problem.STALE, ORDERS, False), (Problem.NO_WORKER, "", True)]


def fail(error):
    raise error


def test_nothing_is_older_than_48_hours_without_an_incident(clock, house):
    """I14, D12: whatever else was told, and though nobody looked."""
    Connection.objects.update(status=Status.NEEDS_ATTENTION)
    base = now()
    EntitySchedule.objects.filter(connection=house).update(as_of=base)
    for hours, stale in ((47, 0), (49, len(ENTITIES))):
        clock.move_to(base + timedelta(hours=hours))
        show_life()
        assert len([one for one in found() if one[0] == Problem.STALE]) == stale


@pytest.mark.parametrize(
    ("cadence", "expected"),
    [
        (timedelta(minutes=5), timedelta(minutes=11)),
        (timedelta(hours=1), timedelta(minutes=132)),
        (timedelta(days=1), timedelta(hours=48)),
        (timedelta(days=7), timedelta(days=8, hours=9, minutes=36)),
    ],
)
def test_the_limit_of_each_cadence(cadence, expected):
    """Golden: twice and some; two days at most, unless support itself has set a longer cadence."""
    assert max_age_for(cadence) == expected


def test_a_copy_that_is_not_refreshed_is_told_as_such(clock, wms, house):
    """The syncs succeed, the data is old all the same."""
    wms.crawls = dict.fromkeys(ENTITIES, now())
    go(clock, timedelta(minutes=30))
    stale = Incident.objects.filter(problem=Problem.STALE, entity=ORDERS)
    assert "Its syncs succeed" in stale.get().message


def test_a_clock_ten_minutes_behind_is_no_age(clock, wms, house):
    """RELIABILITY 3.4."""
    wms.skew = -timedelta(minutes=10)
    go(clock, timedelta(minutes=30))
    assert episodes() == []


@pytest.mark.parametrize("what", ["paused", "off with a reason", "disconnected"])
def test_what_was_stopped_on_purpose_is_left_alone(clock, house, what):
    if what == "paused":
        EntitySchedule.objects.update(paused_until=now() + timedelta(days=10))
    elif what == "disconnected":
        disconnect(house)
    else:
        EntitySchedule.objects.update(enabled=False, off_reason="The season is over.")
    for _ in range(4):
        clock.shift(timedelta(days=1))
        show_life()
        assert found() == []


def test_work_that_is_resumed_after_a_day_is_not_told_per_entity(clock, house):
    """The machine was off, the watchdog too: on return everything has some minutes to settle."""
    clock.shift(timedelta(days=1))
    heartbeats.record_process(heartbeats.CLUSTER)
    assert found() == []
    go(clock, timedelta(minutes=20))
    assert episodes() == []


# --- Mending ---------------------------------------------------------------------------------------------------------


def test_runs_of_a_disconnected_connection_are_ended(clock, house):
    """Left behind by a process that died between the two."""
    request_runs(house, [ORDERS, INVENTORY], trigger=Trigger.MANUAL)
    taken = claim()
    Connection.objects.update(status=Status.DISCONNECTED)
    assert found() == []
    states = dict(SyncRun.objects.filter(completed_at=None).values_list("entity", "state"))
    assert states == {taken.run.entity: State.RUNNING}
    runner.work(taken)
    assert not SyncRun.objects.filter(completed_at=None).exists()


def test_an_account_is_taken_back_from_a_silent_worker(clock, house):
    """After two leases its token is worth nothing, and a lease without a run is cleared."""
    request_runs(house, [ORDERS], trigger=Trigger.MANUAL)
    taken = claim()
    clock.shift(119)
    found()
    with transaction.atomic():
        fence(taken)  # renewed: it was only slow
    clock.shift(121)
    found()
    with pytest.raises(LeaseLost), transaction.atomic():
        fence(taken)
    assert Lane.objects.get().leased_until is not None  # shown as interrupted
    SyncRun.objects.filter(pk=taken.run.pk).update(state=State.CANCELLED, completed_at=now())
    found()
    assert Lane.objects.get().leased_until is None


# --- Side by side, and costs -----------------------------------------------------------------------------------------


def test_one_of_many_looks(clock, house, monkeypatch):
    """Under the lease of ten seconds the others only read what is open."""
    looks = []
    monkeypatch.setattr(watchdog._Inspection, "run", lambda self: looks.append(self.now))
    clock.shift(60)
    start = now()
    for _ in range(25):
        watchdog.check()
        watchdog.check()
        clock.shift(1)
    assert looks == [start, start + timedelta(seconds=10), start + timedelta(seconds=20)]


def test_two_that_look_at_once_open_one_incident(clock, house):
    """The constraint decides, without an error, with and without a connection."""
    EntitySchedule.objects.filter(entity=ORDERS).update(enabled=False)
    clock.shift(120)
    first, second = IncidentRegister(now(), STEP), IncidentRegister(now(), STEP)
    look = watchdog._Inspection(now())
    for register in (first, second):
        look.register, look.problems = register, []
        look.run()
        EntitySchedule.objects.filter(entity=INVENTORY).update(enabled=False)  # only the second sees this one
    off = [(Problem.NOT_SCHEDULED, entity, False) for entity in (INVENTORY, ORDERS)]
    assert sorted(episodes()) == [(Problem.NO_WORKER, "", False), *off]


def test_a_check_costs_the_same_for_3_and_for_30_connections(clock, wms, home):
    """DESIGN 13; with an incident each as well as without."""
    ensure(now())
    costs = []
    for count in (3, 30):
        for number in range(Connection.objects.count(), count):
            connect(home, Account("model", f"C{number}", {"key": str(number)}), first_sync=False)
        for enabled in (True, False, True):
            EntitySchedule.objects.filter(entity=ORDERS).update(enabled=enabled)
            clock.shift(15)
            show_life()
            with CaptureQueriesContext(
                connection,
            ) as statements:
                incidents = watchdog.check()
            costs.append(len(statements))
            assert len(incidents) == (0 if enabled else count)
    assert costs[1:3] == costs[4:6]
    assert max(costs[1:]) <= 26


def test_each_message_says_what_why_and_what_to_do(clock, wms, house):
    """UX 6: sentences for the people who read them, and none of the words we use among ourselves."""
    EntitySchedule.objects.filter(entity=INVENTORY).update(enabled=False)
    EntitySchedule.objects.filter(entity=WAREHOUSES).delete()
    Schedule.objects.all().delete()
    found()
    request_runs(house, [ORDERS], trigger=Trigger.MANUAL)
    claim()
    go(clock, timedelta(minutes=4), workers=False)
    Connection.objects.update(status=Status.NEEDS_ATTENTION)
    found()
    messages = list(Incident.objects.values_list("message", flat=True))
    assert len({one.problem for one in Incident.objects.all()}) == 4
    for message in messages:
        words = set(message.lower().replace(",", " ").replace(".", " ").split())
        assert message.endswith(".")
        assert message.count(". ") >= 1
        assert not words & {"lane", "slice", "digest", "tick", "watermark", "checkpoint", "lease"}


def test_the_command_prints_what_is_open(clock, house, capsys):
    """DESIGN, commands: one check, for cron; exit 0."""
    EntitySchedule.objects.filter(entity=ORDERS).update(enabled=False)
    clock.shift(15)
    call_command("watchdog")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("2026-02-04T09:01:15Z A sync is not scheduled: northbay/Kept orders: Orders of Kept is ")


# --- On the occasion of a web request --------------------------------------------------------------------------------


@pytest.fixture
def looks(monkeypatch, settings):
    """The checks that requests began, on a clock of the test's own."""
    settings.WEB_WATCHES_EVERY = timedelta(minutes=1)
    seconds = [100.0]
    made = []
    monkeypatch.setattr(web_trigger, "_last_check", None)
    monkeypatch.setattr(web_trigger, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    monkeypatch.setattr(watchdog, "check", lambda every: made.append(every))
    return SimpleNamespace(seconds=seconds, made=made)


def test_a_request_looks_once_a_minute(client, db, looks):
    for _ in range(130):
        client.get("/healthz")
        looks.seconds[0] += 1
    assert looks.made == [timedelta(minutes=1)] * 3


def test_a_request_does_not_fail_by_the_watchdog(client, db, looks, monkeypatch):
    def broken(every):
        looks.made.append(every)
        raise DatabaseError("gone")

    monkeypatch.setattr(watchdog, "check", broken)
    assert client.get("/healthz").status_code == 200
    assert len(looks.made) == 1


def test_a_request_really_looks(client, clock, house, settings, monkeypatch):
    """From the web to an incident, with no worker anywhere."""
    settings.WEB_WATCHES_EVERY = timedelta(minutes=1)
    monkeypatch.setattr(web_trigger, "_last_check", None)
    clock.shift(120)
    client.get("/healthz")
    assert episodes() == [(Problem.NO_WORKER, "", False)]
    assert web_trigger.check_after_response in [receiver() for *_, receiver, _ in request_finished.receivers]


# --- Month after month -----------------------------------------------------------------------------------------------


def test_thirty_days_without_a_fault_open_no_incident(clock, wms, home):
    """Issue 3: the real engine, every due moment of thirty days; looked at when data is oldest and when it is new.

    At scale 1 what usually runs many times a day runs twice, all at one moment; the larger the scale the more often, up
    to the usual cadences.
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
            show_life()
            if moment == now():
                tick()
                runs += drain()
            assert watchdog.check() == [], now()
            Beat.objects.filter(name="watchdog").delete()
    assert episodes() == []
    assert runs >= expected
    assert SyncRun.objects.filter(connection=made).exclude(state__in=[State.SUCCEEDED, State.QUEUED]).count() == 0


def next_moment():
    """When the next sync is due."""
    due = EntitySchedule.objects.exclude(next_due_at=None).order_by("next_due_at").values_list("next_due_at", flat=True)
    queued = SyncRun.objects.filter(state=State.QUEUED).order_by("ready_at").values_list("ready_at", flat=True)
    return min([*due[:1], *queued[:1]])


def test_actions_that_are_due_are_looked_after_by_a_wake_up(clock, connection, monkeypatch):
    """M9: in the watchdog's rhythm, whatever became of the process that sent them."""
    sent = []
    monkeypatch.setattr(watchdog.wakeups, "settle", lambda: sent.append(now()))
    factories.action(connection, state="unknown", settle_at=now() + timedelta(seconds=30))
    watchdog.check()
    assert sent == []
    clock.shift(31)
    watchdog.check()
    assert sent == [now()]
