"""Requests for runs: one active run per entity, attached requests, priorities, following full runs and groups."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils.timezone import now

from integrations.entities import GROUPS, Entity
from integrations.models import Connection
from integrations.services import disconnect
from packr.workspaces.errors import Refused
from syncs.engine import runner
from syncs.models import EntitySchedule, Mode, State, SyncRun, Trigger
from syncs.runs.claims import claim
from syncs.runs.enqueue import entities_of_group, request_runs
from syncs.runs.lifecycle import cancel
from syncs.runs.planner import queue_due
from syncs.status.entity_state import sync_state
from tests.kit.model_wms import order
from tests.kit.running import drain, sync

ORDERS, INVENTORY = Entity.ORDERS, Entity.INVENTORY


@pytest.fixture
def ada(home):
    return User.objects.get(username="ada")


def ask(connection, *entities, mode=Mode.INCREMENTAL, person=None, trigger=Trigger.MANUAL):
    return request_runs(connection, entities or [ORDERS], mode=mode, trigger=trigger, person=person)


def test_second_request_attaches_to_running_run(clock, wms, connection, ada):
    """No second run is created. The returned one is the active run, which says who started it."""
    ask(connection, person=ada)
    claim()
    (again,) = ask(connection)
    assert (again.attached, again.run.state, again.run.requested_by) == (True, State.RUNNING, ada)
    assert SyncRun.objects.count() == 1


def test_queued_run_becomes_due_now_with_priority_of_person(clock, wms, connection, ada):
    """The scheduled run starts now, belongs to the person and is shown as the latest."""
    sync(connection)
    sync(connection, INVENTORY)
    due = now() + timedelta(seconds=80)
    EntitySchedule.objects.filter(connection=connection, entity=ORDERS).update(enabled=True, next_due_at=due)
    queue_due(now())
    ask(connection, INVENTORY)
    (one,) = ask(connection, ORDERS, person=ada)
    run = SyncRun.objects.get(pk=one.run.pk)
    assert (one.attached, run.trigger, run.requested_by, run.due_at) == (False, Trigger.MANUAL, ada, now())
    assert claim().run == run
    state = next(one for one in sync_state(connection) if one.entity == ORDERS)
    assert state.run == run
    # The schedule stays as it was.
    assert state.next_run == due + timedelta(minutes=5)


def test_queued_run_takes_stronger_mode(clock, wms, connection):
    """Full is stronger than incremental, and a later incremental request does not weaken it."""
    sync(connection)
    for mode, expected in ((Mode.INCREMENTAL, Mode.INCREMENTAL), (Mode.FULL, Mode.FULL), (Mode.INCREMENTAL, Mode.FULL)):
        (one,) = ask(connection, mode=mode)
        assert one.run.mode == expected
    assert SyncRun.objects.filter(state=State.QUEUED).count() == 1


def test_full_request_during_incremental_run_queues_full_run_after_it(clock, wms, connection):
    """The full run is queued in the transaction that ends the run, and linked from it."""
    sync(connection)
    ask(connection)
    wms.faults = [lambda call: ask(connection, mode=Mode.FULL) and None]
    drain()
    first, second = SyncRun.objects.order_by("-pk")[:2][::-1]
    assert (first.mode, first.then_full, first.followed_by) == (Mode.INCREMENTAL, True, second)
    assert (second.mode, second.state, second.then_full) == (Mode.FULL, State.SUCCEEDED, False)


def test_cancelled_run_is_not_followed_by_full_run(clock, wms, connection):
    sync(connection)
    ask(connection)
    held = claim()
    ask(connection, mode=Mode.FULL)
    cancel(held.run, person=None)
    runner.work(held)
    assert drain() == 0
    held.run.refresh_from_db()
    assert (held.run.state, held.run.followed_by) == (State.CANCELLED, None)


def test_full_request_attaches_to_running_full_run(clock, wms, connection):
    ask(connection, mode=Mode.FULL)
    claim()
    (one,) = ask(connection, mode=Mode.FULL)
    assert (one.attached, one.run.then_full) == (True, False)


def test_request_attaches_to_waiting_run(clock, wms, connection):
    """The account asked for the wait, so a request does not shorten it."""
    from integrations.errors import ConnectorError, Kind

    wms.faults = [ConnectorError(Kind.RATE_LIMITED, "Wait.", retry_at=now() + timedelta(minutes=5))]
    run = sync(connection)
    (one,) = ask(connection)
    assert (one.attached, one.run) == (True, run)
    assert drain() == 0


def test_entity_not_offered_is_refused(connection):
    with pytest.raises(Refused, match="Model WMS does not offer bills"):
        ask(connection, Entity.BILLS)
    assert not SyncRun.objects.exists()


def test_request_for_disconnected_connection_is_refused(wms, connection):
    disconnect(connection)
    with pytest.raises(Refused, match="is disconnected"):
        ask(Connection.objects.get(pk=connection.pk))


def test_disconnecting_ends_queued_and_waiting_runs(clock, wms, connection):
    ask(connection, ORDERS, INVENTORY)
    disconnect(connection)
    assert {run.state for run in SyncRun.objects.all()} == {State.CANCELLED}
    assert {run.message for run in SyncRun.objects.all()} == {
        "The WMS was disconnected. The records read so far are kept."
    }
    connection.refresh_from_db()
    assert connection.credentials() == {}


def test_groups(connection):
    """A group contains only the entities that the WMS offers."""
    assert entities_of_group(connection, "variants", GROUPS["variants"]) == [Entity.PRODUCTS, INVENTORY]
    assert entities_of_group(connection, "purchase-orders", GROUPS["purchase-orders"]) == [Entity.INBOUND_SHIPMENTS]
    with pytest.raises(Refused, match="offers nothing of “bills”"):
        entities_of_group(connection, "bills", [Entity.BILLS])


def test_group_runs_each_entity_once_in_requested_order(clock, wms, connection):
    wanted = entities_of_group(connection, "everything", GROUPS["everything"])
    runs = [one.run.entity for one in ask(connection, *wanted)]
    assert runs == [entity for entity in wanted if entity != Entity.ORDER_SHIPMENTS]
    assert SyncRun.objects.count() == len(runs)


def test_one_entity_sends_fewer_requests_than_all(clock, wms, connection):
    """A run of one entity sends fewer requests than a run of all."""
    wms.put(ORDERS, *(order(f"o{n}", now()) for n in range(5)))
    sync(connection, INVENTORY)
    one = len(wms.calls)
    ask(connection, *entities_of_group(connection, "everything", GROUPS["everything"]))
    drain()
    assert one == 1
    assert len(wms.calls) - one > 5


def test_broker_outage_loses_no_run(monkeypatch, clock, wms, connection, django_capture_on_commit_callbacks):
    """The run is in the table; the wake-up only starts it sooner."""
    from django.db import OperationalError
    from redis.exceptions import ConnectionError as BrokerGone

    from syncs.process import wakeups

    for error in (OperationalError("database is locked"), BrokerGone("no broker"), OSError("no broker")):

        def down(*args, error=error, **kwargs):
            raise error

        monkeypatch.setattr(wakeups, "async_task", down)
        with django_capture_on_commit_callbacks(execute=True):
            ask(connection)
    assert SyncRun.objects.get().state == State.QUEUED
