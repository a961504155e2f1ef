"""The first sync, the watermark, and what incremental runs read."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.timezone import now

from integrations.connectors.base import Page
from integrations.entities import Entity
from integrations.errors import CursorExpired
from integrations.models import Connection
from syncs.models import Checkpoint, EntitySchedule, Mode, SeenPage, State, Trigger
from syncs.runs.enqueue import request_runs
from syncs.runs.planner import queue_due
from tests.kit.model_wms import ENTITIES, connector_for, customer, item, order
from tests.kit.running import counts, drain, last_run, present, sync

ORDERS, INVENTORY, CUSTOMERS = Entity.ORDERS, Entity.INVENTORY, Entity.CUSTOMERS


def schedule(connection, entity=ORDERS):
    return EntitySchedule.objects.get(connection=connection, entity=entity)


def test_first_sync_is_full_and_reads_from_history_start(clock, wms, connection):
    """A new connection reads the last 30 days by the WMS's clock; an incremental before that is upgraded."""
    old, edge, fresh = (now() - timedelta(days=days) for days in (31, 30, 1))
    wms.put(ORDERS, order("old", old), order("edge", edge), order("fresh", fresh))

    run = sync(connection, ORDERS, Mode.INCREMENTAL)

    assert (run.mode, run.state, run.since, run.border) == (Mode.FULL, State.SUCCEEDED, None, edge)
    assert present(connection) == ["edge", "fresh"]
    assert counts(run) == {"seen": 2, "created": 2}


def test_connecting_queues_first_run_of_every_entity(clock, wms, home):
    """Each entity is pulled by a run with trigger *first*; order shipments come with their orders."""
    from integrations.services import Account, connect

    wms.put(ORDERS, order("o1", now()))
    made = connect(home, Account("model", "New", {"key": "k"}))
    drain()

    runs = list(made.runs.exclude(trigger=Trigger.SCHEDULE))
    assert sorted(run.entity for run in runs) == sorted(ENTITIES)
    assert {(run.trigger, run.mode, run.state) for run in runs} == {(Trigger.FIRST, Mode.FULL, State.SUCCEEDED)}


def test_history_start_uses_wms_clock(clock, wms, home):
    """Connect time by the WMS less the lookback, not by our clock."""
    from integrations.services import Account, connect

    wms.skew = timedelta(minutes=-10)
    made = connect(home, Account("model", "New", {"key": "k"}, lookback_days=7), first_sync=False)
    assert made.border == now() - timedelta(days=7, minutes=10)


@pytest.mark.parametrize("skew", [timedelta(0), timedelta(minutes=10), timedelta(minutes=-10)])
def test_watermark_is_wms_clock_of_first_response_minus_a_second(clock, wms, connection, skew):
    """Never our clock, and not the WMS's clock of a later page."""
    wms.skew = skew
    wms.put(ORDERS, *(order(f"o{number}", now()) for number in range(7)))
    began = now() + skew
    wms.faults = [lambda call: clock.shift(60)] * 3

    sync(connection)

    # The clock advanced before each of the three responses; the first one counts.
    assert schedule(connection).watermark == began + timedelta(seconds=59)


def test_missing_clock_in_first_response_is_not_taken_from_later_one(clock, wms, connection):
    """If only the second response has a Date, changes since the first one may be missing."""
    stamp = now() - timedelta(hours=2)
    wms.put(ORDERS, *(order(f"o{number}", stamp) for number in range(4)))

    def first(call):
        wms.has_clock = False

    def second(call):
        wms.has_clock = True

    wms.faults = [first, second]
    sync(connection)
    assert schedule(connection).watermark == stamp


def test_watermark_without_clock_is_highest_plausible_stamp(clock, wms, connection):
    """A stamp in 2999 is stored and does not move the watermark."""
    wms.has_clock = False
    stamp = now() - timedelta(hours=3)
    wms.put(ORDERS, order("o1", stamp), order("o2", datetime(2999, 1, 1, tzinfo=UTC)))
    sync(connection)
    assert schedule(connection).watermark == stamp
    assert present(connection) == ["o1", "o2"]


def test_incremental_run_requests_overlap_and_keeps_watermark(clock, wms, connection):
    """Since = watermark - 15 min; the stored watermark is never watermark - overlap."""
    sync(connection)
    first = schedule(connection).watermark
    clock.shift(timedelta(hours=1))
    run = sync(connection)
    assert wms.asked()[-1].ask.since == run.since == first - timedelta(minutes=15)
    assert schedule(connection).watermark == now() - timedelta(seconds=1)
    assert run.mode == Mode.INCREMENTAL


def test_incremental_run_reads_and_writes_only_changes(clock, wms, connection):
    """3 of 30 change; the next run reads those 3 and writes 3."""
    wms.page_size = 10
    wms.put(ORDERS, *(order(f"o{number:02}", now() - timedelta(hours=2)) for number in range(30)))
    sync(connection)
    clock.shift(timedelta(hours=1))
    wms.put(ORDERS, *(order(f"o{number:02}", now(), status="shipped") for number in (3, 14, 25)))
    run = sync(connection)
    assert counts(run) == {"seen": 3, "updated": 3}


def test_late_commit_within_overlap_is_found(clock, wms, connection):
    """It is stamped before the watermark and visible after it."""
    sync(connection)
    stamp = now()
    clock.shift(timedelta(minutes=5))
    sync(connection)
    clock.shift(timedelta(minutes=5))
    wms.put(ORDERS, order("late", stamp))
    assert counts(sync(connection)) == {"seen": 1, "created": 1}


def test_records_with_equal_stamps_at_watermark_are_all_read(clock, wms, connection):
    """Many rows have the stamp of one second, more than fit on a page."""
    sync(connection)
    edge = schedule(connection).watermark - timedelta(minutes=15)
    clock.shift(timedelta(minutes=5))
    wms.put(ORDERS, *(order(f"o{number}", edge) for number in range(8)))
    assert counts(sync(connection)) == {"seen": 8, "created": 8}


def test_records_without_stamp_are_always_applied(clock, wms, connection):
    wms.put(INVENTORY, item("A", "7", None))
    sync(connection, INVENTORY)
    clock.shift(timedelta(hours=1))
    wms.put(INVENTORY, item("A", "5", None))
    assert counts(sync(connection, INVENTORY)) == {"seen": 1, "updated": 1}


def test_daily_entities_are_always_read_in_full(clock, wms, connection):
    """Warehouses and shipping methods are always read in full, a manual sync included."""
    sync(connection, Entity.WAREHOUSES)
    clock.shift(timedelta(hours=1))
    assert sync(connection, Entity.WAREHOUSES).mode == Mode.FULL


def test_as_of_is_earlier_of_watermark_and_crawl(clock, wms, connection):
    """A copy is no fresher than its last crawl; the children show the parent's."""
    crawled = now() - timedelta(minutes=40)
    wms.crawls = {ORDERS: crawled}
    sync(connection)
    found = schedule(connection), schedule(connection, Entity.ORDER_SHIPMENTS)
    assert [(one.as_of, one.watermark) for one in found] == [(crawled, now() - timedelta(seconds=1))] * 2


def test_ended_run_leaves_no_checkpoint_or_seen_keys(clock, wms, connection):
    """Checkpoint and seen pages go when a run ends."""
    wms.put(ORDERS, *(order(f"o{number}", now()) for number in range(7)))
    sync(connection)
    assert not Checkpoint.objects.exists()
    assert not SeenPage.objects.exists()


def test_learned_facts_reach_connection_and_open_client(clock, wms, connection):
    """A fact learned from a response is stored once, and the next request already uses it."""
    wms.learned = {"no_dates": True, "paths": ["a", "b"]}
    sync(connection)
    assert Connection.objects.get(pk=connection.pk).learned == wms.learned
    from syncs.engine import client_pool

    (client,) = client_pool._idle_clients.values()
    assert client.learned == wms.learned


# --- PackageBee's Smart Sync, to the letter -------------------------------------------------------------

TWO_PM = datetime(2020, 3, 2, 14, 0, tzinfo=UTC)
PRINTED = (
    ("A", "7", datetime(2020, 2, 28, 8, 45, tzinfo=UTC)),
    ("B", "10", datetime(2020, 3, 2, 13, 30, tzinfo=UTC)),
    ("C", "3", datetime(2020, 2, 25, 11, 0, tzinfo=UTC)),
)


@pytest.fixture
def two_pm(clock, wms, home):
    """Return the printed list, synced at 2 PM with an hourly schedule."""
    from integrations.services import Account, connect

    clock.move_to(TWO_PM - timedelta(minutes=30))
    made = connect(home, Account("model", "Store", {"key": "store"}), first_sync=False)
    EntitySchedule.objects.filter(connection=made).update(enabled=False)
    EntitySchedule.objects.filter(connection=made, entity=INVENTORY).update(
        enabled=True, every_seconds=3600, next_due_at=TWO_PM, next_reread_at=None, reread="none"
    )
    wms.put(INVENTORY, *(item(*row) for row in PRINTED))
    clock.move_to(TWO_PM)
    queue_due(now())
    drain()
    assert counts(last_run(made, INVENTORY)) == {"seen": 3, "created": 3}
    return made


def at_three(clock, connection):
    clock.move_to(TWO_PM + timedelta(hours=1))
    queue_due(now())
    drain()
    run = last_run(connection, INVENTORY)
    assert (run.started_at, run.trigger) == (TWO_PM + timedelta(hours=1), Trigger.SCHEDULE)
    return run


def changed(connection, since):
    from packr.warehouse.models import InventoryItem

    rows = InventoryItem.objects.filter(connection=connection, changed_at__gt=since).order_by("external_id")
    return [(row.external_id, row.onhand) for row in rows]


@pytest.mark.parametrize("filters", [True, False], ids=["asks for changes", "gets the whole list"])
def test_only_changed_item_is_synchronised(clock, wms, two_pm, filters):
    """Rows and times as printed: A changes from 7 to 5 at 2:30 PM, runs at 2 and 3 PM. Only A is synchronised."""
    wms.filters = filters
    wms.put(INVENTORY, item("A", "5", datetime(2020, 3, 2, 14, 30, tzinfo=UTC)))
    run = at_three(clock, two_pm)
    assert (run.mode, run.updated, run.created, run.removed) == (Mode.INCREMENTAL, 1, 0, 0)
    assert run.unchanged == run.seen - 1 == (0 if filters else 2)
    assert changed(two_pm, TWO_PM) == [("A", 5)]


@pytest.mark.parametrize(
    ("row", "written"),
    [
        pytest.param(("A", "7", TWO_PM + timedelta(minutes=30)), [], id="stamp moved, quantity equal"),
        pytest.param(("B", "9", PRINTED[1][2]), [("B", 9)], id="quantity moved, stamp equal"),
        pytest.param(("A", "5", TWO_PM + timedelta(minutes=30)), [("A", 5)], id="both moved"),
    ],
)
def test_smart_sync_misses_nothing_in_three_special_cases(clock, wms, two_pm, row, written):
    """The quantity counts, not the stamp."""
    wms.filters = False
    wms.put(INVENTORY, item(*row))
    run = at_three(clock, two_pm)
    assert changed(two_pm, TWO_PM) == written
    assert (run.updated, run.unchanged) == (len(written), 3 - len(written))


def test_full_refresh_finds_quantity_changed_without_stamp(clock, wms, two_pm):
    """If the WMS filters by stamp, no incremental run can find it. The regular full run does."""
    wms.put(INVENTORY, item("C", "2", PRINTED[2][2]))
    assert at_three(clock, two_pm).seen == 0
    run = sync(two_pm, INVENTORY, Mode.FULL)
    assert counts(run) == {"seen": 3, "updated": 1, "unchanged": 2}


def test_full_run_reads_every_item_and_writes_none(clock, wms, connection):
    """A full run processes 1,000 unchanged items and changes none."""
    wms.page_size = 400
    wms.put(INVENTORY, *(item(f"S{number}", "1", now()) for number in range(1000)))
    sync(connection, INVENTORY)
    clock.shift(timedelta(hours=1))
    assert counts(sync(connection, INVENTORY, Mode.FULL)) == {"seen": 1000, "unchanged": 1000}


def test_list_without_change_filter_is_compared_by_digest(clock, wms, connection, monkeypatch):
    """A list without a filter for changes is read completely each time."""
    from integrations.connectors.registry import CONNECTORS

    monkeypatch.setitem(CONNECTORS, "model", connector_for(wms, whole=[CUSTOMERS]))
    wms.put(CUSTOMERS, customer("c1"), customer("c2"))
    sync(connection, CUSTOMERS)
    clock.shift(timedelta(hours=1))
    wms.put(CUSTOMERS, customer("c2", "Acme"))
    run = sync(connection, CUSTOMERS)
    assert (run.mode, run.since, counts(run)) == (Mode.INCREMENTAL, None, {"seen": 2, "updated": 1, "unchanged": 1})


def test_empty_page_with_cursor_is_not_the_end(clock, wms, connection):
    """The list ends where the WMS says so."""
    wms.put(ORDERS, order("o1", now()))
    wms.faults = [lambda call: Page((), cursor={"start": 0}, clock=wms.now())]
    assert counts(sync(connection)) == {"seen": 1, "created": 1}


def test_request_for_child_entity_runs_its_parent(clock, wms, connection):
    """Syncing order shipments runs the orders, once."""
    (one,) = request_runs(connection, [Entity.ORDER_SHIPMENTS, ORDERS], trigger=Trigger.MANUAL)
    assert one.run.entity == ORDERS


def test_incremental_run_reads_fraction_of_full_run(clock, wms, connection):
    """20 of 400 items changed. The incremental run requests only those, the full run every page."""
    wms.page_size = 20
    wms.put(INVENTORY, *(item(f"i{n:03}", "5", now() - timedelta(days=1)) for n in range(400)))
    sync(connection, INVENTORY)
    clock.shift(3600)
    wms.put(INVENTORY, *(item(f"i{n:03}", "6", now()) for n in range(20)))
    wms.calls.clear()
    smart = sync(connection, INVENTORY)
    assert (smart.seen, smart.updated, len(wms.asked("fetch", INVENTORY))) == (20, 20, 1)
    wms.calls.clear()
    full = sync(connection, INVENTORY, Mode.FULL)
    assert (full.seen, full.unchanged, len(wms.asked("fetch", INVENTORY))) == (400, 400, 20)


# --- The end of an incremental window --------------------------------------------------------------------------------


def last_request(wms):
    return wms.asked(entity=ORDERS)[-1].ask


@pytest.mark.parametrize("skew", [timedelta(0), timedelta(minutes=10), timedelta(minutes=-10)])
def test_incremental_window_ends_a_minute_past_known_clock(clock, wms, connection, skew):
    """An incremental window has two ends, by the WMS's clock in an earlier response. A full run has no end."""
    wms.skew = skew
    full = sync(connection)
    assert (full.until, last_request(wms).until) == (None, None)
    clock.shift(timedelta(minutes=5))
    run = sync(connection)
    assert last_request(wms).until == run.until == now() + skew + timedelta(minutes=1)
    wms.put(ORDERS, order("later", wms.now() + timedelta(minutes=2)))
    assert counts(sync(connection)) == {}
    clock.shift(timedelta(minutes=5))
    assert counts(sync(connection)) == {"seen": 1, "created": 1}


def test_incremental_window_has_no_end_without_known_clock(clock, wms, connection):
    """A worker that has no response of the WMS yet does not guess its time."""
    from syncs.engine import client_pool

    sync(connection)
    client_pool._idle_clients.clear()
    assert sync(connection).until is None


def test_nightly_overlap_run_has_no_window_end(clock, wms, connection):
    """Records with a future stamp are read at least once a night."""
    sync(connection)
    EntitySchedule.objects.filter(connection=connection, entity=ORDERS).update(next_wide_at=now())
    wms.put(ORDERS, order("far", now() + timedelta(days=365_000)))
    run = sync(connection)
    assert (run.until, counts(run)) == (None, {"seen": 1, "created": 1})


def test_clock_past_window_end_restarts_request_without_end(clock, wms, connection):
    """If the WMS's clock was changed, current changes are not left to the next run."""
    wms.skew = timedelta(minutes=-10)
    sync(connection)
    wms.skew = timedelta(0)
    wms.put(ORDERS, order("new", wms.now()))
    run = sync(connection)
    assert (run.until, counts(run)) == (None, {"seen": 1, "created": 1})
    assert schedule(connection).watermark == wms.now() - timedelta(seconds=1)


def test_watermark_never_passes_window_end(clock, wms, connection):
    """A pass that restarts minutes later keeps its end, since later changes were not requested."""
    sync(connection)
    clock.shift(timedelta(minutes=5))
    wms.put(ORDERS, *(order(f"o{number}", wms.now()) for number in range(4)))
    until = now() + timedelta(minutes=1)

    def forgets(call):
        clock.shift(timedelta(minutes=5))
        raise CursorExpired("Forgotten.")

    wms.faults = [None, forgets]
    run = sync(connection)
    assert (run.state, run.until) == (State.SUCCEEDED, until)
    assert schedule(connection).watermark == until


# --- Implausible stamps ----------------------------------------------------------------------------------------------


def test_future_stamp_does_not_block_corrections(clock, wms, connection):
    """It is stored but not trusted, so an incremental run applies the corrected record immediately."""
    wms.put(ORDERS, order("o1", now() + timedelta(days=365_000), status="wrong"))
    sync(connection)
    clock.shift(timedelta(minutes=5))
    wms.put(ORDERS, order("o1", wms.now(), status="right"))
    run = sync(connection)
    assert counts(run) == {"seen": 1, "updated": 1}
