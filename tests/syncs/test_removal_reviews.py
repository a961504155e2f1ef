"""What a person decides: removals that were held back, and rejected records read once more. And the wide overlap."""

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


def test_released_removals_happen_after_one_more_read(clock, wms, connection, admin_user):
    """The list is before the person; what came back meanwhile stays."""
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


def test_a_release_covers_only_what_was_on_the_list(clock, wms, connection, admin_user):
    """When much more is missing by then, the brake holds again."""
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


def test_only_the_newest_held_run_can_be_decided(clock, wms, connection, admin_user):
    run = held_run(clock, wms, connection)
    newer = sync(connection, CUSTOMERS, Mode.FULL)
    assert newer.state == State.NEEDS_REVIEW
    with pytest.raises(Refused, match="newer full sync"):
        removal_reviews.release(run, person=admin_user)
    run.refresh_from_db()
    assert run.review == ""
    assert set(SeenPage.objects.values_list("run", flat=True)) == {newer.pk}


def test_a_run_that_holds_nothing_back_has_nothing_to_decide(wms, connection, admin_user):
    wms.put(CUSTOMERS, customer("c1"))
    with pytest.raises(Refused, match="no pending removals"):
        removal_reviews.reject(sync(connection, CUSTOMERS), person=admin_user)


@pytest.mark.parametrize(("percent", "rows", "state"), [(60, 20, State.SUCCEEDED), (10, 40, State.SUCCEEDED)])
def test_the_brake_is_set_per_connection_and_entity(clock, wms, connection, percent, rows, state):
    wms.put(CUSTOMERS, *(customer(f"c{n:03}") for n in range(60)))
    sync(connection, CUSTOMERS)
    schedules = EntitySchedule.objects.filter(connection=connection, entity=CUSTOMERS)
    schedules.update(brake_percent=percent, brake_rows=rows)
    clock.shift(3600)
    wms.drop(CUSTOMERS, *(f"c{n:03}" for n in range(30)))
    assert sync(connection, CUSTOMERS, Mode.FULL).state == state


# --- Rejected records by hand ----------------------------------------------------------------------------------------


def test_a_rejected_record_is_retried_by_hand(wms, connection):
    """Understood now: stored and forgotten. Gone: forgotten. Still not understood: kept."""
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


def test_a_retry_that_the_wms_does_not_answer_changes_nothing(wms, connection):
    wms.put(ORDERS, order("o0", now()))
    wms.bad[ORDERS] = {"o0": "odd"}
    sync(connection)
    wms.faults = [ConnectorError(Kind.UNREACHABLE, "The WMS can't be reached.")]
    outcome = rejected_records.retry(RejectedRecord.objects.select_related("connection"))
    assert outcome.trouble.startswith("The WMS can't be reached.")
    assert RejectedRecord.objects.count() == 1
    assert not Order.objects.exists()


# --- Reaching back far, once a night ---------------------------------------------------------------------------------


def test_once_a_night_history_is_read_two_days_back(clock, wms, connection):
    """Trap 3.3: what was committed later than the overlap reaches is found the next night, not in a week."""
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


def test_state_has_no_wide_overlap(connection):
    assert not EntitySchedule.objects.filter(entity=Entity.INVENTORY).exclude(next_wide_at=None).exists()
