"""Full runs: removal of missing records with recheck and removal limit, older versions, and rejected records."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.connectors.base import Page
from integrations.connectors.registry import CONNECTORS
from integrations.entities import Entity
from integrations.models import Connection
from packr.warehouse.mirror import writer
from packr.warehouse.models import Order, OrderShipment
from syncs.models import EntitySchedule, Mode, RejectedRecord, State
from tests.kit.model_wms import connector_for, customer, item, order, shipment
from tests.kit.running import counts, present, sync

ORDERS, INVENTORY, CUSTOMERS = Entity.ORDERS, Entity.INVENTORY, Entity.CUSTOMERS
FULL = Mode.FULL


def fill(wms, number, entity=CUSTOMERS):
    made = [customer(f"c{n:03}") for n in range(number)]
    wms.put(entity, *made)
    return [one.external_id for one in made]


def watermark(connection, entity=CUSTOMERS):
    return EntitySchedule.objects.get(connection=connection, entity=entity).watermark


def test_missing_record_is_looked_up_before_removal(clock, wms, connection):
    """The row is kept, hidden and counted, and restored when the WMS sends it again."""
    fill(wms, 7)
    sync(connection, CUSTOMERS)
    clock.shift(3600)
    wms.drop(CUSTOMERS, "c002", "c005")
    run = sync(connection, CUSTOMERS, FULL)
    assert counts(run) == {"seen": 5, "unchanged": 5, "removed": 2}
    assert run.state == State.SUCCEEDED
    assert [call.ids for call in wms.asked("lookup")] == [("c002", "c005")]
    assert present(connection, CUSTOMERS) == ["c000", "c001", "c003", "c004", "c006"]

    wms.put(CUSTOMERS, customer("c002"))
    assert counts(sync(connection, CUSTOMERS, FULL)) == {"seen": 6, "updated": 1, "unchanged": 5}
    assert "c002" in present(connection, CUSTOMERS)


def test_record_missed_by_paging_is_found_by_recheck(clock, wms, connection):
    """A record that moved between pages during the pass stays, and its changes are applied."""
    fill(wms, 7)
    sync(connection, CUSTOMERS)
    clock.shift(3600)
    wms.put(CUSTOMERS, customer("c006", "News"))

    def drifted(call):
        return Page([customer(f"c{n:03}") for n in (0, 1, 2, 3, 4)], clock=wms.now())

    wms.faults = [drifted]
    run = sync(connection, CUSTOMERS, FULL)
    assert counts(run) == {"seen": 7, "updated": 1, "unchanged": 6}
    assert len(present(connection, CUSTOMERS)) == 7


def test_repeated_lookup_results_still_add_up(clock, wms, connection):
    """Duplicates in a recheck are one record."""
    fill(wms, 3)
    sync(connection, CUSTOMERS)
    clock.shift(60)
    twice = Page([customer("c001", "Old"), customer("c001", "New")], clock=wms.now())
    wms.faults = [lambda call: Page([customer("c000"), customer("c002")], clock=wms.now()), lambda call: twice]
    run = sync(connection, CUSTOMERS, FULL)
    assert counts(run) == {"seen": 3, "updated": 1, "unchanged": 2}


@pytest.mark.parametrize(("rows", "gone", "held"), [(30, 20, False), (30, 21, True), (220, 22, False), (220, 23, True)])
def test_removal_limit(clock, wms, connection, rows, gone, held):
    """More than 20 rows and more than 10 % are not removed without a review; one row fewer is."""
    wms.page_size = 100
    ids = fill(wms, rows)
    sync(connection, CUSTOMERS)
    before = watermark(connection)
    clock.shift(3600)
    wms.drop(CUSTOMERS, *ids[:gone])
    run = sync(connection, CUSTOMERS, FULL)
    assert (run.state, run.removed) == ((State.NEEDS_REVIEW, 0) if held else (State.SUCCEEDED, gone))
    assert len(present(connection, CUSTOMERS)) == (rows if held else rows - gone)
    if held:
        assert f"{gone} of {rows} records" in run.message
        assert wms.asked("lookup") == []
        # The list may also lack changes, so the mirror is complete only up to the last complete list.
        assert watermark(connection) == before


def test_history_before_history_start_is_not_removed(clock, wms, connection):
    """Older records were not requested, so their absence means nothing."""
    history_start = connection.border
    wms.put(ORDERS, order("old", now(), created_at=history_start - timedelta(days=1)))
    wms.put(
        ORDERS,
        order("on it", now(), created_at=history_start),
        order("new", now(), created_at=history_start + timedelta(1)),
    )
    sync(connection)
    clock.shift(60)
    wms.drop(ORDERS, "old", "on it", "new")
    wms.put(ORDERS, order("other", now()))
    assert sync(connection, mode=FULL).removed == 1
    assert present(connection) == ["old", "on it", "other"]


@pytest.mark.parametrize("mode", [Mode.INCREMENTAL, Mode.FULL])
def test_unexpected_empty_list_removes_nothing(clock, wms, connection, monkeypatch, mode):
    """If a list is empty for the first time, the run is partial, removes nothing and moves no watermark."""
    monkeypatch.setitem(CONNECTORS, "model", connector_for(wms, whole=[CUSTOMERS]))
    ids = fill(wms, 5)
    sync(connection, CUSTOMERS, FULL)
    before = watermark(connection)
    wms.drop(CUSTOMERS, *ids)
    # One run every five minutes; the first one at least 15 minutes after the first empty list is accepted.
    states = []
    for _ in range(4):
        clock.shift(300)
        run = sync(connection, CUSTOMERS, mode)
        states.append(run.state)
        if run.state == State.PARTIAL:
            assert "list was empty" in run.message
            assert watermark(connection) == before
    assert states == [State.PARTIAL, State.PARTIAL, State.PARTIAL, State.SUCCEEDED]
    assert watermark(connection) > before
    assert len(present(connection, CUSTOMERS)) == (0 if mode == FULL else 5)


def test_records_after_empty_list_reset_its_confirmation(clock, wms, connection):
    """An empty list, a full one and an empty one: the last counts as the first empty one."""
    ids = fill(wms, 3)
    sync(connection, CUSTOMERS)
    for empty in (True, False, True):
        clock.shift(3600)
        wms.drop(CUSTOMERS, *list(wms.rows[CUSTOMERS])) if empty else fill(wms, 3)
        run = sync(connection, CUSTOMERS, FULL)
    assert run.state == State.PARTIAL
    assert present(connection, CUSTOMERS) == ids


def test_list_that_was_always_empty_succeeds(clock, wms, connection):
    run = sync(connection, CUSTOMERS)
    assert (run.state, counts(run)) == (State.SUCCEEDED, {})
    assert watermark(connection) is not None


def test_incremental_run_without_changes_succeeds(clock, wms, connection):
    """Only a list that is read completely can be unexpectedly empty."""
    wms.put(ORDERS, order("o1", now() - timedelta(hours=2)))
    sync(connection)
    clock.shift(3600)
    run = sync(connection)
    assert (run.state, run.seen) == (State.SUCCEEDED, 0)


@pytest.mark.usefixtures("page_by_page")
def test_rows_changed_by_webhook_during_run_stay(clock, wms, connection):
    """A record that arrived during the pass was not on its pages, and is not missing."""
    fill(wms, 4)
    sync(connection, CUSTOMERS)
    clock.shift(3600)

    def meanwhile(call):
        clock.shift(1)
        writer.apply(connection.pk, CUSTOMERS, [customer("new")], now=now())

    wms.faults = [None, meanwhile]
    run = sync(connection, CUSTOMERS, FULL)
    assert counts(run) == {"seen": 4, "unchanged": 4}
    assert "new" in present(connection, CUSTOMERS)


# --- Older versions -------------------------------------------------------------------------------------------------


def test_older_version_is_stale_in_incremental_run(clock, wms, connection):
    wms.put(ORDERS, order("o1", now(), status="shipped"))
    sync(connection)
    wms.put(ORDERS, order("o1", now() - timedelta(minutes=5)))
    run = sync(connection)
    assert counts(run) == {"seen": 1, "stale": 1}
    assert Order.objects.get().status == "shipped"


def test_full_run_applies_older_version_confirmed_by_recheck(clock, wms, connection):
    """A restored WMS is right, but each stale record is read again first."""
    wms.put(ORDERS, *(order(f"o{n}", now(), status="shipped") for n in range(5)))
    sync(connection)
    older = now() - timedelta(hours=1)
    wms.put(ORDERS, *(order(f"o{n}", older) for n in (1, 3)))
    run = sync(connection, mode=FULL)
    assert counts(run) == {"seen": 5, "updated": 2, "unchanged": 3}
    assert [call.ids for call in wms.asked("lookup")] == [("o1",), ("o3",)]
    assert Order.objects.get(external_id="o3").updated_at == older


def test_full_run_drops_older_version_not_confirmed(clock, wms, connection):
    """The recheck returns the newer version, which stays."""
    wms.put(ORDERS, order("o1", now(), status="shipped"))
    sync(connection)
    wms.faults = [lambda call: Page([order("o1", now() - timedelta(hours=1))], clock=wms.now())]
    run = sync(connection, mode=FULL)
    assert counts(run) == {"seen": 1, "unchanged": 1}
    assert Order.objects.get().status == "shipped"


def test_stale_record_deleted_before_recheck_stays_stale(clock, wms, connection):
    """The record was in the list, so it is not missing. The next full run removes it."""
    wms.put(ORDERS, order("o1", now(), status="shipped"), order("o2", now()))
    sync(connection)
    wms.put(ORDERS, order("o1", now() - timedelta(hours=1)))
    wms.faults = [None, lambda call: Page([], clock=wms.now())]
    run = sync(connection, mode=FULL)
    assert counts(run) == {"seen": 2, "unchanged": 1, "stale": 1}


# --- Rejected records -----------------------------------------------------------------------------------------------


def test_invalid_record_is_rejected_and_the_rest_applied(clock, wms, connection):
    """The run is partial and states the counts. The rejected record has its reason and run."""
    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(5)))
    wms.bad[ORDERS] = {"o1": "total_price: 12,5 is not a number"}
    run = sync(connection)
    assert (run.state, counts(run)) == (State.PARTIAL, {"seen": 5, "created": 4, "rejected": 1})
    assert run.message.startswith(
        "Packr read 4 of 5 records and rejected 1. Each rejected record is kept with the reason"
    )
    kept = RejectedRecord.objects.get()
    assert (kept.external_id, kept.reason, kept.run) == ("o1", "total_price: 12,5 is not a number", run)


def test_repeated_rejected_record_is_one_row(clock, wms, connection):
    wms.put(ORDERS, order("o1", now()))
    wms.bad[ORDERS] = {"o1": "bad", None: "the record has no id"}
    sync(connection)
    clock.shift(60)
    run = sync(connection)
    assert sorted(RejectedRecord.objects.values_list("external_id", "run", "last_seen_at")) == [
        ("", run.pk, now()),
        ("o1", run.pk, now()),
    ]
    assert set(RejectedRecord.objects.values_list("first_seen_at", flat=True)) == {now() - timedelta(seconds=60)}


def test_accepted_record_clears_its_rejection(clock, wms, connection):
    wms.put(ORDERS, order("o1", now()), order("o2", now()))
    wms.bad[ORDERS] = {"o1": "bad", "o2": "bad"}
    sync(connection)
    del wms.bad[ORDERS]["o1"]
    sync(connection)
    assert [one.external_id for one in RejectedRecord.objects.all()] == ["o2"]


def test_full_run_deletes_rejections_no_longer_sent(clock, wms, connection):
    """A rejection without an id is deleted by the next full run that does not see it."""
    wms.put(ORDERS, order("o1", now()), order("gone", now()))
    wms.bad[ORDERS] = {"gone": "bad", None: "the record has no id"}
    sync(connection)
    clock.shift(60)
    wms.drop(ORDERS, "gone")
    wms.bad[ORDERS] = {}
    run = sync(connection, mode=FULL)
    assert (run.state, RejectedRecord.objects.count()) == (State.SUCCEEDED, 0)


def test_rejected_record_is_not_missing(clock, wms, connection):
    """A known record that is now rejected is found by the recheck and stays unchanged."""
    wms.put(ORDERS, order("o1", now()), order("o2", now()))
    sync(connection)
    wms.bad[ORDERS] = {"o1": "bad"}
    run = sync(connection, mode=FULL)
    assert counts(run) == {"seen": 2, "unchanged": 1, "rejected": 1}
    assert present(connection) == ["o1", "o2"]


def test_page_of_rejected_records_needs_few_statements(clock, wms, connection):
    """A thousand rejected records need no more statements than ten."""
    from django.db import connection as database
    from django.test.utils import CaptureQueriesContext

    numbers = []
    for number in (10, 400):
        wms.page_size = number
        wms.put(ORDERS, *(order(f"{number}-{n}", now()) for n in range(number)))
        wms.rows[ORDERS] = {key: row for key, row in wms.rows[ORDERS].items() if key.startswith(f"{number}-")}
        wms.bad[ORDERS] = dict.fromkeys(wms.rows[ORDERS], "bad")
        with CaptureQueriesContext(database) as queries:
            sync(connection, mode=FULL)
        numbers.append(len(queries))
    assert numbers[1] <= numbers[0] + 8


# --- Children -------------------------------------------------------------------------------------------------------


def test_shipments_are_removed_and_restored_with_their_order(clock, wms, connection):
    """Written and removed as a set with the parent."""
    wms.put(ORDERS, order("o1", now(), shipments=[shipment("s1", "o1"), shipment("s2", "o1")]), order("o2", now()))
    sync(connection)
    assert present(connection, Entity.ORDER_SHIPMENTS) == ["s1", "s2"]
    kept = wms.rows[ORDERS]["o1"]
    clock.shift(60)
    wms.drop(ORDERS, "o1")
    sync(connection, mode=FULL)
    assert present(connection, Entity.ORDER_SHIPMENTS) == []
    assert OrderShipment.objects.count() == 2
    wms.put(ORDERS, kept)
    sync(connection, mode=FULL)
    assert present(connection, Entity.ORDER_SHIPMENTS) == ["s1", "s2"]


# --- Connections that end in the middle -----------------------------------------------------------------------------


@pytest.mark.usefixtures("page_by_page")
@pytest.mark.parametrize("mode", [Mode.INCREMENTAL, Mode.FULL])
def test_disconnect_during_run_ends_it_after_its_page(clock, wms, connection, mode):
    """Its page is the last one, no further request is sent, and the run says why it ended."""
    from integrations.services import disconnect

    sync(connection)
    wms.calls.clear()
    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(9)))
    wms.faults = [None, lambda call: disconnect(Connection.objects.get(pk=connection.pk))]
    run = sync(connection, mode=mode)
    assert (run.state, len(wms.asked())) == (State.CANCELLED, 2)
    assert run.message == "The WMS was disconnected. The 3 records read so far are kept."
    assert len(present(connection)) == 3


@pytest.mark.usefixtures("page_by_page")
@pytest.mark.parametrize("changed", [True, False])
@pytest.mark.parametrize("mode", [Mode.INCREMENTAL, Mode.FULL])
def test_deleting_connection_during_run_leaves_nothing(clock, wms, connection, caplog, mode, changed):
    """No row of the connection comes back, and the worker continues."""
    from integrations.services import disconnect
    from syncs.engine import runner
    from syncs.models import Lane, SyncRun, Trigger
    from syncs.runs.claims import claim
    from syncs.runs.enqueue import request_runs

    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(9)))
    if not changed:
        sync(connection)
    wms.faults = [None, lambda call: disconnect(Connection.objects.get(pk=connection.pk), delete_data=True)]
    request_runs(connection, [ORDERS], mode=mode, trigger=Trigger.MANUAL)
    runner.work(claim())
    assert not SyncRun.objects.exists()
    assert not Order.objects.exists()
    assert not Lane.objects.exclude(leased_until=None).exists()
    assert "Traceback" not in caplog.text


def test_inventory_keeps_its_digest_through_a_full_reread(clock, wms, connection):
    """A full run of unchanged items writes none."""
    wms.put(INVENTORY, item("A", "7", now()), item("B", "10", now()))
    sync(connection, INVENTORY)
    assert counts(sync(connection, INVENTORY, FULL)) == {"seen": 2, "unchanged": 2}


def test_seen_keys_are_compared_in_parts(monkeypatch, clock, wms, connection):
    """Millions of keys are sorted and compared in parts. Whatever their size, the same rows are missing."""
    from syncs.engine import missing_rows
    from syncs.runs import seen_keys

    monkeypatch.setattr(seen_keys, "KEYS_PER_PART", 4)
    monkeypatch.setattr(missing_rows, "ROWS_PER_QUERY", 3)
    wms.put(ORDERS, *(order(f"o{number}", now()) for number in range(20)))
    sync(connection, ORDERS)
    clock.shift(timedelta(hours=1))
    # In a different order, so that the keys of a page are not adjacent.
    wms.rows[ORDERS] = dict(sorted(wms.rows[ORDERS].items(), key=lambda row: row[0][::-1]))
    wms.drop(ORDERS, "o0", "o7", "o19")
    run = sync(connection, ORDERS, Mode.FULL)
    assert counts(run) == {"seen": 17, "unchanged": 17, "removed": 3}
    assert present(connection) == sorted(f"o{number}" for number in range(20) if number not in (0, 7, 19))
