"""Date windows, and the history that a longer lookback adds."""

from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import MAX_LOOKBACK_DAYS, Event
from integrations.services import change_lookback
from packr.warehouse.models import Order
from packr.workspaces.errors import Refused
from syncs.engine import runner
from syncs.models import EntitySchedule, Mode, State, SyncRun, Trigger
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs
from tests.kit.model_wms import order
from tests.kit.running import drain, last_run, sync

ORDERS = Entity.ORDERS
LONG_AGO = timedelta(days=3650)


def window(connection, start, end, entities=(ORDERS,), person=None):
    return request_runs(
        connection, entities, mode=Mode.WINDOW, trigger=Trigger.MANUAL, person=person, window=(start, end)
    )[0].run


def asked(sandbox):
    return [one["query"] for one in sandbox.log.listed(path="/wms/orders")]


@pytest.fixture
def synced(connected, sandbox):
    """Return a connection whose orders of the last 30 days are in the mirror."""
    connection = connected(1000, lookback=30)
    sync(connection, ORDERS)
    sandbox.log.clear()
    return connection


def test_date_window_reads_only_changes_in_it(synced, sandbox):
    """Date windows are the third section of the manual sync window."""
    moment = now()
    before = Order.objects.count()
    watermark = EntitySchedule.objects.get(connection=synced, entity=ORDERS).watermark
    run = window(synced, moment - timedelta(days=50), moment - timedelta(days=40))
    drain()
    run.refresh_from_db()
    assert (run.state, run.mode) == (State.SUCCEEDED, Mode.WINDOW)
    assert 0 < run.created == run.seen == Order.objects.count() - before
    found = Order.objects.filter(updated_at__lt=moment - timedelta(days=31))
    assert found.count() == run.created
    assert all(moment - timedelta(days=50) <= one.updated_at <= moment - timedelta(days=40) for one in found)
    assert EntitySchedule.objects.get(connection=synced, entity=ORDERS).watermark == watermark
    assert Order.objects.filter(removed_at=None).count() == Order.objects.count()


def test_empty_date_window_succeeds(synced):
    run = window(synced, now() - LONG_AGO, now() - LONG_AGO + timedelta(days=1))
    drain()
    run.refresh_from_db()
    assert (run.state, run.seen, run.message) == (State.SUCCEEDED, 0, "")


def test_empty_date_window_does_not_confirm_empty_list(clock, wms, connection):
    """Two empty lists in a row are accepted, but a date window is not a list."""
    wms.put(ORDERS, order("O1", now()))
    sync(connection)
    run = window(connection, now() - LONG_AGO, now() - LONG_AGO + timedelta(days=1))
    drain()
    SyncRun.objects.filter(pk=run.pk).update(seen=0, completed_at=now() - timedelta(hours=1))
    wms.drop(ORDERS, "O1")
    assert sync(connection, ORDERS, Mode.FULL).state == State.PARTIAL


def test_date_window_replaces_queued_scheduled_run(synced):
    (planned,) = request_runs(synced, [ORDERS], trigger=Trigger.SCHEDULE)
    run = window(synced, now() - timedelta(days=50), now() - timedelta(days=40))
    assert run.pk == planned.run.pk
    drain()
    run.refresh_from_db()
    assert (run.mode, run.since, run.state) == (Mode.WINDOW, None, State.SUCCEEDED)
    assert run.created > 0


def test_date_window_is_refused_during_requested_run(synced, django_user_model):
    person = django_user_model.objects.get(username="ada")
    request_runs(synced, [ORDERS], trigger=Trigger.MANUAL, person=person)
    with pytest.raises(Refused, match="being synced right now"):
        window(synced, now() - timedelta(days=50), now() - timedelta(days=40))


def test_full_request_during_date_window_follows_it(synced):
    run = window(synced, now() - timedelta(days=50), now() - timedelta(days=40))
    assert claim().run == run
    request_runs(synced, [ORDERS], mode=Mode.FULL, trigger=Trigger.MANUAL)
    run.refresh_from_db()
    assert run.then_full


def test_full_request_replaces_queued_date_window(synced):
    run = window(synced, now() - timedelta(days=50), now() - timedelta(days=40))
    request_runs(synced, [ORDERS], mode=Mode.FULL, trigger=Trigger.MANUAL)
    drain()
    run.refresh_from_db()
    assert (run.mode, run.until, run.border, run.state) == (Mode.FULL, None, synced.border, State.SUCCEEDED)


@pytest.mark.parametrize(
    ("start", "end", "entity", "words"),
    [
        (2, 1, Entity.INVENTORY, "can’t be read by date"),
        (1, 2, ORDERS, "a later end"),
        (2, 1, Entity.INBOUND_SHIPMENTS, "never synced"),
    ],
)
def test_invalid_date_window_is_refused(synced, start, end, entity, words):
    with pytest.raises(Refused, match=words):
        window(synced, now() - timedelta(days=start), now() - timedelta(days=end), [entity])
    assert not SyncRun.objects.filter(mode=Mode.WINDOW).exists()


# --- The lookback --------------------------------------------------------------------------------------------------


def test_longer_lookback_reads_only_missing_history(synced, sandbox, django_user_model):
    """A longer lookback reads only the missing part."""
    person = django_user_model.objects.get(username="ada")
    old, before = synced.border, Order.objects.count()
    change_lookback(synced, 3650, person=person)
    assert synced.border == old - timedelta(days=3620)
    drain()
    run = last_run(synced)
    assert (run.mode, run.border, run.until, run.state) == (Mode.WINDOW, synced.border, old, State.SUCCEEDED)
    assert Order.objects.count() == 60 > before
    assert run.seen <= 60 - before + 1  # one may be stamped exactly at the history start
    (query,) = asked(sandbox)
    assert "updated_date[lte]" in unquote(query)
    assert "from 30 to 3,650" in Event.objects.filter(connection=synced, person=person)[0].text


def test_longer_lookback_queues_full_run_after_active_run(synced):
    """It started with the old history start, and a second simultaneous run is not allowed."""
    (requested,) = request_runs(synced, [ORDERS], mode=Mode.FULL, trigger=Trigger.MANUAL)
    taken = claim()
    change_lookback(synced, 3650)
    requested.run.refresh_from_db()
    assert requested.run.then_full
    runner.work(taken)
    drain()
    assert last_run(synced).border == synced.border
    assert Order.objects.count() == 60


def test_longer_lookback_makes_requested_run_full(synced, django_user_model):
    person = django_user_model.objects.get(username="ada")
    request_runs(synced, [ORDERS], trigger=Trigger.MANUAL, person=person)
    change_lookback(synced, 3650)
    drain()
    assert (last_run(synced).mode, Order.objects.count()) == (Mode.FULL, 60)


def test_longer_lookback_starts_no_disabled_or_unsynced_entity(synced):
    """Its first full run will read that history anyway."""
    EntitySchedule.objects.filter(connection=synced, entity=ORDERS).update(enabled=False)
    change_lookback(synced, 3650)
    assert not SyncRun.objects.filter(mode=Mode.WINDOW).exists()


@pytest.mark.parametrize("days", [29, 0, MAX_LOOKBACK_DAYS + 1])
def test_lookback_can_only_grow(synced, days):
    with pytest.raises(Refused, match="Choose 30 to 3,650"):
        change_lookback(synced, days)
    synced.refresh_from_db()
    assert synced.lookback_days == 30


def test_same_lookback_changes_nothing(synced):
    change_lookback(synced, 30)
    assert not SyncRun.objects.filter(mode=Mode.WINDOW).exists()
