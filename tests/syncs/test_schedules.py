"""Schedules over days of simulated time: cadences, first due times, full refreshes and changes of the clock."""

import itertools
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection, Status
from integrations.services import Account, connect
from syncs.models import EntitySchedule, Mode, Reread, State, SyncRun, Trigger
from syncs.runs.cadence import local_moment, next_daily
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs
from syncs.runs.planner import queue_due
from syncs.tasks import tick
from tests.kit.model_wms import ENTITIES
from tests.kit.running import drain, sync

ORDERS, INVENTORY, PRODUCTS = Entity.ORDERS, Entity.INVENTORY, Entity.PRODUCTS

# Simulated days, months and years.
pytestmark = pytest.mark.one_database

RUNS_PER_DAY = {  # runs of each entity per day
    ORDERS: 288,
    INVENTORY: 288,
    Entity.INBOUND_SHIPMENTS: 96,
    PRODUCTS: 24,
    Entity.CUSTOMERS: 24,
    Entity.WAREHOUSES: 1,
    Entity.SHIPPING_METHODS: 1,
}


def live_through(clock, length, step=timedelta(seconds=60)):
    """Run the tick once a minute, each followed by a worker."""
    end = now() + length
    while now() < end:
        clock.shift(step)
        tick()
        drain()


@pytest.fixture
def kept(clock, wms, home):
    """Return a connection with the default schedules after its first sync."""
    made = connect(home, Account("model", "Kept", {"key": "kept"}))
    drain()
    return made


@pytest.mark.parametrize(("seconds", "planned"), [(80, True), (100, False)])
def test_ended_run_queues_successor_due_soon(clock, wms, kept, seconds, planned):
    """A run that falls due before the next tick is queued immediately; the tick queues later ones."""
    due = now() + timedelta(seconds=seconds)
    EntitySchedule.objects.filter(connection=kept, entity=ORDERS).update(next_due_at=due)
    SyncRun.objects.filter(entity=ORDERS, state=State.QUEUED).delete()
    sync(kept, ORDERS)
    queued = SyncRun.objects.filter(entity=ORDERS, state=State.QUEUED)
    assert list(queued.values_list("due_at", flat=True)) == ([due] if planned else [])


def test_default_cadences_for_a_day(clock, wms, kept):
    """Each entity runs at its own cadence without drifting."""
    live_through(clock, timedelta(hours=24))
    runs = list(SyncRun.objects.filter(connection=kept, trigger=Trigger.SCHEDULE).exclude(started_at=None))
    counted = Counter(run.entity for run in runs)
    for entity, expected in RUNS_PER_DAY.items():
        assert abs(counted[entity] - expected) <= 1, entity
    assert {run.state for run in runs} == {State.SUCCEEDED}
    # From one due moment to the next it is exactly the cadence, however late a worker was.
    dues = sorted(run.due_at for run in runs if run.entity == ORDERS)
    assert {later - earlier for earlier, later in itertools.pairwise(dues)} == {timedelta(minutes=5)}
    starts = sorted(run.started_at for run in runs if run.entity == ORDERS)
    longest = max(later - earlier for earlier, later in itertools.pairwise(starts))
    assert longest <= timedelta(minutes=6)
    # One full refresh of the state entities, in the quiet hours; history entities have theirs weekly.
    full = Counter(run.entity for run in runs if run.mode == Mode.FULL)
    assert full[INVENTORY] == full[PRODUCTS] == 1
    assert all(
        1 <= run.due_at.hour < 5 for run in runs if run.mode == Mode.FULL and run.entity in (INVENTORY, PRODUCTS)
    )


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Pacific/Auckland"])
def test_daily_entities_run_once_per_local_day(clock, wms, home, zone):
    """Shipping methods and warehouses run once per local day for seven days, in the quiet hours."""
    home.timezone = zone
    home.save()
    made = connect(home, Account("model", "Kept", {"key": "kept"}))
    drain()
    daily = (Entity.WAREHOUSES, Entity.SHIPPING_METHODS)
    EntitySchedule.objects.filter(connection=made).exclude(entity__in=daily).update(enabled=False)
    SyncRun.objects.filter(state=State.QUEUED).delete()
    start = now()
    live_through(clock, timedelta(days=7), timedelta(minutes=20))
    for entity in daily:
        runs = SyncRun.objects.filter(entity=entity, trigger=Trigger.SCHEDULE, due_at__gt=start)
        local = [run.due_at.astimezone(ZoneInfo(zone)) for run in runs]
        assert len({moment.date() for moment in local}) == len(local) == 7
        assert all(1 <= moment.hour < 5 for moment in local)
        assert {run.mode for run in runs} == {Mode.FULL}


def test_history_has_weekly_full_refresh(clock, wms, kept):
    """Four weeks, four full runs of the orders, a week apart, whatever day it is spread to."""
    for entity in (ORDERS, Entity.INBOUND_SHIPMENTS):
        one = EntitySchedule.objects.get(connection=kept, entity=entity)
        planned = []
        for _ in range(5):
            planned.append(one.next_reread_at)
            EntitySchedule.objects.filter(pk=one.pk).update(next_due_at=one.next_reread_at)
            clock.move_to(one.next_reread_at)
            SyncRun.objects.filter(state=State.QUEUED).delete()
            queue_due(now(), only=Q(pk=one.pk))
            assert SyncRun.objects.get(connection=kept, entity=entity, state=State.QUEUED).mode == Mode.FULL
            one.refresh_from_db()
        assert {later - earlier for earlier, later in itertools.pairwise(planned)} == {timedelta(days=7)}


def test_full_refresh_skipped_by_active_run_stays_due(clock, wms, kept):
    """The occurrence is skipped and the full refresh stays due, so the next run is full."""
    one = EntitySchedule.objects.get(connection=kept, entity=ORDERS)
    SyncRun.objects.filter(state=State.QUEUED).delete()
    clock.move_to(one.next_reread_at - timedelta(seconds=5))
    EntitySchedule.objects.filter(pk=one.pk).update(next_due_at=one.next_reread_at)
    request_runs(kept, [ORDERS], trigger=Trigger.MANUAL)
    held = claim(connection=kept)
    clock.shift(10)
    queue_due(now(), only=Q(pk=one.pk))
    one.refresh_from_db()
    assert one.next_due_at > now()
    from syncs.engine import runner

    runner.work(held)
    clock.move_to(one.next_due_at)
    queue_due(now(), only=Q(pk=one.pk))
    assert SyncRun.objects.get(entity=ORDERS, state=State.QUEUED).mode == Mode.FULL


def test_first_due_times_are_spread(clock, wms, home):
    """Many connections do not fall due in one second, and each within its cadence."""
    seconds = set()
    for number in range(30):
        made = connect(home, Account("model", f"C{number}", {"key": str(number)}), first_sync=False)
        due = EntitySchedule.objects.get(connection=made, entity=ORDERS).next_due_at
        assert now() <= due < now() + timedelta(minutes=5)
        seconds.add(due)
    assert len(seconds) > 20


def test_manual_run_does_not_change_schedule(clock, wms, kept):
    """The next scheduled time is unchanged."""
    live_through(clock, timedelta(minutes=7))
    one = EntitySchedule.objects.get(connection=kept, entity=PRODUCTS)
    before = one.next_due_at
    run = sync(kept, PRODUCTS, person=User.objects.get(username="ada"))
    one.refresh_from_db()
    assert (run.state, one.next_due_at) == (State.SUCCEEDED, before)


def test_day_without_ticks_queues_one_run_per_entity(clock, wms, kept):
    """After a pause of a day each entity runs once, not once for each run it missed."""
    SyncRun.objects.filter(state=State.QUEUED).delete()
    planned = EntitySchedule.objects.get(connection=kept, entity=ORDERS).next_due_at
    clock.shift(timedelta(hours=26, seconds=7))
    before = SyncRun.objects.count()
    due = EntitySchedule.objects.filter(next_due_at__lte=now()).count()
    tick()
    assert due == len(ENTITIES)
    assert SyncRun.objects.count() - before == due
    one = EntitySchedule.objects.get(connection=kept, entity=ORDERS)
    assert now() < one.next_due_at <= now() + timedelta(minutes=5)
    assert (one.next_due_at - planned) % timedelta(minutes=5) == timedelta(0)
    drain()
    later = SyncRun.objects.filter(created_at=now(), started_at=now()).values_list("entity", flat=True)
    assert sorted(later) == sorted(ENTITIES)


def test_duplicate_tick_changes_nothing(clock, wms, kept):
    """Wake-ups and ticks may come twice: one run."""
    clock.shift(timedelta(minutes=5))
    tick()
    found = set(SyncRun.objects.values_list("pk", "due_at"))
    tick()
    assert set(SyncRun.objects.values_list("pk", "due_at")) == found


def test_planning_needs_few_statements(clock, wms, home, django_assert_max_num_queries):
    """However many fall due."""
    for number in range(12):
        connect(home, Account("model", f"C{number}", {"key": str(number)}), first_sync=False)
    tick()  # the first one prunes as well
    SyncRun.objects.all().delete()
    EntitySchedule.objects.exclude(next_due_at=None).update(next_due_at=now())
    with django_assert_max_num_queries(14):
        tick()
    assert SyncRun.objects.count() == 12 * len(ENTITIES)


def test_long_run_does_not_block_other_entities(settings, clock, wms, kept):
    """Products take 30 minutes while orders still run every five."""
    settings.SLICE_SECONDS = 0
    from tests.kit.model_wms import records

    wms.page_size = 1
    wms.put(PRODUCTS, *(records.Product(external_id=f"p{n}", updated_at=now()) for n in range(30)))
    request_runs(kept, [PRODUCTS], mode=Mode.FULL, trigger=Trigger.MANUAL)
    start = now()
    from syncs.engine import runner

    # A page of products takes a minute.
    while SyncRun.objects.filter(entity=PRODUCTS, trigger=Trigger.MANUAL, completed_at=None).exists():
        tick()
        claimed = claim()
        if claimed and claimed.run.entity == PRODUCTS:
            clock.shift(60)
        if claimed:
            runner.work(claimed)
    assert now() - start >= timedelta(minutes=30)
    orders = SyncRun.objects.filter(entity=ORDERS, trigger=Trigger.SCHEDULE, completed_at__gt=start, due_at__gt=start)
    assert orders.count() >= (now() - start) // timedelta(minutes=5) - 1


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: EntitySchedule.objects.filter(connection=kept).update(enabled=False),
        lambda kept: EntitySchedule.objects.update(paused_until=now() + timedelta(days=1)),
        lambda kept: Connection.objects.update(status=Status.NEEDS_ATTENTION),
        lambda kept: Connection.objects.update(status=Status.DISCONNECTED),
    ],
    ids=["off", "paused", "needs attention", "disconnected"],
)
def test_disabled_schedules_do_not_fall_due(clock, wms, kept, change):
    SyncRun.objects.filter(state=State.QUEUED).delete()
    change(kept)
    clock.shift(timedelta(hours=2))
    tick()
    assert not SyncRun.objects.filter(state=State.QUEUED).exists()


def test_run_queued_before_outage_covers_occurrences_during_it(clock, wms, kept):
    """If a worker comes before the tick, each entity runs once: the queued run covers the missed occurrences."""
    live_through(clock, timedelta(minutes=9))
    began = now() + timedelta(days=1)
    clock.shift(timedelta(days=1))
    drain()
    tick()
    drain()
    runs = SyncRun.objects.filter(started_at__gte=began, due_at__lte=began)
    assert Counter(run.entity for run in runs) == dict.fromkeys(RUNS_PER_DAY, 1)
    assert not EntitySchedule.objects.filter(connection=kept, next_due_at__lte=now()).exists()


def test_unreachable_wms_is_retried_by_schedule(clock, wms, kept):
    SyncRun.objects.filter(state=State.QUEUED).delete()
    Connection.objects.update(status=Status.UNREACHABLE)
    clock.shift(timedelta(hours=2))
    tick()
    drain()
    assert Connection.objects.get().status == Status.CONNECTED


# --- Daily times on the days of a clock change -----------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("at", [time(2, 0), time(1, 30), time(2, 30)])
def test_daily_time_comes_once_per_local_date_for_a_year(zone, at):
    """Exactly one moment per local date, at the wall time or the first moment after a gap."""
    place = ZoneInfo(zone)
    moment, dates = datetime(2026, 1, 1, tzinfo=UTC), []
    while moment < datetime(2027, 1, 1, tzinfo=UTC):
        moment = next_daily(at, place, moment)
        local = moment.astimezone(place)
        dates.append(local.date())
        if local.time() != at:  # a gap: just before it, it was earlier than `at`
            before = (moment - timedelta(seconds=1)).astimezone(place)
            assert before.time() < at < local.time()
            assert before.utcoffset() != local.utcoffset()
    days = [later - earlier for earlier, later in itertools.pairwise(dates)]
    assert set(days) == {timedelta(days=1)}


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        # Spring: 02:00 to 03:00 does not exist.
        ("America/New_York", (2026, 3, 8), time(2, 0), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("America/New_York", (2026, 3, 8), time(2, 59), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("Europe/Berlin", (2026, 3, 29), time(2, 30), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        # Autumn: the hour comes twice, and the first one counts.
        ("America/New_York", (2026, 11, 1), time(1, 30), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("Europe/Berlin", (2026, 10, 25), time(2, 0), datetime(2026, 10, 25, 0, 0, tzinfo=UTC)),
        # Half an hour only.
        ("Australia/Lord_Howe", (2026, 10, 4), time(2, 15), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        # At midnight.
        ("Africa/Cairo", (2026, 4, 24), time(0, 30), datetime(2026, 4, 23, 22, 0, tzinfo=UTC)),
    ],
)
def test_daily_times_on_clock_changes(zone, day, at, expected):
    from datetime import date

    assert local_moment(date(*day), at, ZoneInfo(zone)) == expected


@pytest.mark.parametrize("around", ["2026-03-08", "2026-11-01"])
def test_two_accounts_over_a_clock_change(wms, home, around):
    """Two accounts in two zones, 2 AM each, ten days around the night: exactly one run per local date."""
    from packr.workspaces.services import save_workspace

    start = datetime.fromisoformat(f"{around}T12:00:00+00:00") - timedelta(days=5)
    with time_machine.travel(start, tick=False) as clock:
        zones = {"America/New_York": None, "Asia/Kolkata": None}
        for zone in zones:
            place = save_workspace(zone.lower().replace("/", "-").replace("_", "-"), timezone=zone)
            made = connect(place, Account("model", "Nightly", {"key": zone}), first_sync=False)
            EntitySchedule.objects.filter(connection=made).update(enabled=False)
            one = EntitySchedule.objects.filter(connection=made, entity=ORDERS)
            one.update(enabled=True, every_seconds=None, daily_at=time(2, 0), reread=Reread.NONE)
            one.update(next_due_at=next_daily(time(2, 0), ZoneInfo(zone), now()))
            zones[zone] = made
        live_through(clock, timedelta(days=10), timedelta(minutes=30))
        for zone, made in zones.items():
            runs = SyncRun.objects.filter(connection=made, due_at__lte=now()).order_by("due_at")
            local = [run.due_at.astimezone(ZoneInfo(zone)) for run in runs]
            assert len({moment.date() for moment in local}) == len(local) == 10
            assert {moment.hour for moment in local} <= {2, 3}
