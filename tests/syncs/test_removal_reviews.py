"""Reviews of pending removals, retries of rejected records, and the nightly overlap."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from packr.warehouse.models import Order
from packr.workspaces.errors import Refused
from syncs import removal_reviews
from syncs.models import EntitySchedule, Mode, RejectedRecord, Review, SeenPage, State, SyncRun
from syncs.runs import rejected_records
from syncs.runs.cadence import NIGHTLY_OVERLAP
from tests.kit.model_wms import customer, order
from tests.kit.running import drain, present, sync

CUSTOMERS, ORDERS = Entity.CUSTOMERS, Entity.ORDERS


def held_run(clock, wms, connection, *, rows=60, gone=30):
    wms.put(CUSTOMERS, *(customer(f"c{n:03}") for n in range(rows)))
    sync(connection, CUSTOMERS)
    clock.shift(3600)
    wms.drop(CUSTOMERS, *(f"c{n:03}" for n in range(gone)))
    run = sync(connection, CUSTOMERS, Mode.FULL)
    assert (run.state, run.held, run.removed) == (State.NEEDS_REVIEW, gone, 0)
    return run


def test_release_removes_what_a_further_full_run_still_misses(clock, wms, connection, admin_user):
    """The person sees the list. Records that came back in the meantime stay."""
    run = held_run(clock, wms, connection)
    assert [one.external_id for one in removal_reviews.pending_removals(run, limit=3)] == ["c000", "c001", "c002"]
    wms.put(CUSTOMERS, customer("c000"))
    released = removal_reviews.release(run, person=admin_user)
    drain()
    released.refresh_from_db()
    assert (released.state, released.removed, released.requested_by) == (State.SUCCEEDED, 29, admin_user)
    assert present(connection, CUSTOMERS) == ["c000", *(f"c{n:03}" for n in range(30, 60))]
    run.refresh_from_db()
    assert (run.review, run.reviewed_by) == (Review.RELEASED, admin_user)
    assert not SeenPage.objects.exists()


def test_release_covers_only_the_reviewed_records(clock, wms, connection, admin_user):
    """If many more records are missing by then, the removal limit applies again."""
    run = held_run(clock, wms, connection)
    wms.drop(CUSTOMERS, *(f"c{n:03}" for n in range(30, 58)))
    released = removal_reviews.release(run, person=admin_user)
    drain()
    released.refresh_from_db()
    assert (released.state, released.removed, released.held) == (State.NEEDS_REVIEW, 0, 58)


def test_rejected_removals_keep_the_records(clock, wms, connection, admin_user):
    run = held_run(clock, wms, connection)
    removal_reviews.reject(run, person=admin_user)
    assert len(present(connection, CUSTOMERS)) == 60
    run.refresh_from_db()
    assert removal_reviews.pending_removals(run) == []
    with pytest.raises(Refused, match="were already r"):
        removal_reviews.release(run, person=admin_user)


def test_only_the_newest_review_can_be_decided(clock, wms, connection, admin_user):
    run = held_run(clock, wms, connection)
    newer = sync(connection, CUSTOMERS, Mode.FULL)
    assert newer.state == State.NEEDS_REVIEW
    with pytest.raises(Refused, match="newer full run"):
        removal_reviews.release(run, person=admin_user)
    run.refresh_from_db()
    assert run.review == ""
    assert set(SeenPage.objects.values_list("run", flat=True)) == {newer.pk}


def test_run_without_pending_removals_has_nothing_to_decide(wms, connection, admin_user):
    wms.put(CUSTOMERS, customer("c1"))
    with pytest.raises(Refused, match="no pending removals"):
        removal_reviews.reject(sync(connection, CUSTOMERS), person=admin_user)


@pytest.mark.parametrize(("percent", "rows", "state"), [(60, 20, State.SUCCEEDED), (10, 40, State.SUCCEEDED)])
def test_removal_limit_is_set_per_connection_and_entity(clock, wms, connection, percent, rows, state):
    wms.put(CUSTOMERS, *(customer(f"c{n:03}") for n in range(60)))
    sync(connection, CUSTOMERS)
    schedules = EntitySchedule.objects.filter(connection=connection, entity=CUSTOMERS)
    schedules.update(brake_percent=percent, brake_rows=rows)
    clock.shift(3600)
    wms.drop(CUSTOMERS, *(f"c{n:03}" for n in range(30)))
    assert sync(connection, CUSTOMERS, Mode.FULL).state == state


# --- Retries of rejected records --------------------------------------------------------------------------------------


def test_rejected_record_is_retried_on_request(wms, connection):
    """A valid record is stored, one that is gone is dropped, one that is still invalid stays rejected."""
    made = [order(f"o{n}", now() - timedelta(hours=1)) for n in range(4)]
    wms.put(ORDERS, *made)
    wms.bad[ORDERS] = {"o0": "odd", "o1": "odd", "o2": "odd"}
    assert sync(connection).rejected == 3
    wms.bad[ORDERS] = {"o2": "odd"}
    wms.drop(ORDERS, "o1")
    runs = SyncRun.objects.count()
    outcome = rejected_records.retry(RejectedRecord.objects.select_related("connection"))
    assert (outcome.stored, outcome.gone, outcome.still, outcome.trouble) == (1, 1, 1, "")
    assert present(connection) == ["o0", "o3"]
    assert list(RejectedRecord.objects.values_list("external_id", flat=True)) == ["o2"]
    assert SyncRun.objects.count() == runs


def test_unanswered_retry_changes_nothing(wms, connection):
    wms.put(ORDERS, order("o0", now()))
    wms.bad[ORDERS] = {"o0": "odd"}
    sync(connection)
    wms.faults = [ConnectorError(Kind.UNREACHABLE, "The WMS can't be reached.")]
    outcome = rejected_records.retry(RejectedRecord.objects.select_related("connection"))
    assert outcome.trouble.startswith("The WMS can't be reached.")
    assert RejectedRecord.objects.count() == 1
    assert not Order.objects.exists()


# --- The nightly overlap --------------------------------------------------------------------------------------------


def test_nightly_run_reads_history_two_days_back(clock, wms, connection):
    """A change committed later than the normal overlap is found the next night, not in a week."""
    sync(connection)
    schedule = EntitySchedule.objects.get(connection=connection, entity=ORDERS)
    assert schedule.next_wide_at > now()
    late = order("late", now() - timedelta(hours=20))
    wms.put(ORDERS, late)
    sync(connection)
    assert present(connection) == []
    clock.move_to(schedule.next_wide_at + timedelta(seconds=1))
    watermark = EntitySchedule.objects.get(pk=schedule.pk).watermark
    run = sync(connection)
    assert run.since == watermark - NIGHTLY_OVERLAP
    assert present(connection) == ["late"]
    schedule.refresh_from_db()
    assert schedule.next_wide_at > now()
    assert sync(connection).since > now() - timedelta(hours=1)


def test_state_entities_have_no_nightly_overlap(connection):
    assert not EntitySchedule.objects.filter(entity=Entity.INVENTORY).exclude(next_wide_at=None).exists()
