"""Resuming after a kill at any point: nothing is lost or written twice, and at most one page is read again."""

import threading
import time
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connections
from django.utils.timezone import now

from integrations.connectors.base import Page
from integrations.entities import Entity
from integrations.errors import CursorExpired
from integrations.services import Account, connect
from packr.warehouse.mirror import query_planner, writer
from packr.warehouse.models import Order, OrderLine
from syncs.engine import completion, page_reader, recheck, runner
from syncs.engine.prefetch import PagePrefetcher
from syncs.engine.run_slice import RunSlice
from syncs.models import Checkpoint, EntitySchedule, Lane, Mode, SeenPage, State, SyncRun, Trigger
from syncs.process import shutdown
from syncs.runs import claims
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs
from tests.kit.model_wms import order
from tests.kit.running import counts, drain, lapse, present, sync

ORDERS, INVENTORY = Entity.ORDERS, Entity.INVENTORY


class Killed(BaseException):
    """The death of a process, which no handler catches."""


@pytest.fixture
def ten(clock, wms, connection):
    """Ten orders on four pages, and a queued full run."""
    wms.put(ORDERS, *(order(f"o{number}", now() - timedelta(hours=1)) for number in range(10)))
    request_runs(connection, [ORDERS], trigger=Trigger.MANUAL)
    return connection


def die():
    """Run a slice whose worker is killed, and let its lease lapse."""
    with pytest.raises(Killed):
        runner.work(claim())
    lapse()


def dies(*args, **kwargs):
    raise Killed


def once(monkeypatch, owner, name, at, *, after=False):
    """Let the `at`-th call of a function kill the process, before or after it did its work."""
    real, calls = getattr(owner, name), []

    def mortal(*args, **kwargs):
        calls.append(name)
        number = len(calls)
        if number == at and not after:
            raise Killed
        found = real(*args, **kwargs)
        if number == at:
            raise Killed
        return found

    monkeypatch.setattr(owner, name, mortal)


KILLS = {
    "in the fetch": lambda patch, wms, at: wms.faults.extend([*[None] * (at - 1), dies]),
    "as the page is written": lambda patch, wms, at: once(patch, writer, "plan", at),
    "after the rows": lambda patch, wms, at: once(patch, writer, "write", at, after=True),
    "after the checkpoint": lambda patch, wms, at: once(patch, page_reader, "_advance", at, after=True),
    "before the commit": lambda patch, wms, at: once(patch, RunSlice, "_store_progress", at, after=True),
    "after the commit": lambda patch, wms, at: once(patch, page_reader, "_write_page", at, after=True),
}


@pytest.mark.parametrize("at", [1, 3, 4])
@pytest.mark.parametrize("kill", KILLS)
@pytest.mark.parametrize(("prefetch", "cost"), [(True, 3), (False, 1)])
def test_killed_run_resumes_at_its_last_page(monkeypatch, settings, clock, wms, ten, kill, at, prefetch, cost):
    """Whenever a worker is killed, its page is read again and nothing is lost or written twice.

    The model WMS leaves no responses to cache, so pages fetched ahead are requested again.
    """
    settings.PREFETCH = prefetch
    KILLS[kill](monkeypatch, wms, at)
    die()
    drain()
    run = SyncRun.objects.get()
    assert run.state == State.SUCCEEDED
    assert counts(run) == {"seen": 10, "created": 10}
    assert Order.objects.count() == OrderLine.objects.count() == 10
    pages = [call.cursor for call in wms.asked()]
    assert len(pages) <= 4 + cost
    assert {str(one) for one in pages} == {str(one) for one in (None, *({"start": n} for n in (3, 6, 9)))}


@pytest.mark.parametrize("point", ["recheck_stale", "recheck_missing", "finish_pass", "complete_pass"])
def test_kill_during_recheck_resumes(monkeypatch, clock, wms, connection, point):
    """The recheck resumes too: one row is removed, one older version is applied."""
    wms.put(ORDERS, *(order(f"o{number}", now()) for number in range(5)))
    sync(connection)
    clock.shift(timedelta(hours=1))
    wms.drop(ORDERS, "o1")
    wms.put(ORDERS, order("o2", now() - timedelta(hours=2), status="cancelled"))
    request_runs(connection, [ORDERS], mode=Mode.FULL, trigger=Trigger.MANUAL)
    owner = recheck if point in ("recheck_stale", "recheck_missing") else completion
    once(monkeypatch, owner, point, 1, after=point == "recheck_missing")
    with pytest.raises(Killed):
        drain()
    lapse()
    drain()
    run = SyncRun.objects.latest("pk")
    assert counts(run) == {"seen": 5 - 1, "updated": 1, "unchanged": 3, "removed": 1}
    assert present(connection) == ["o0", "o2", "o3", "o4"]
    assert Order.objects.get(external_id="o2").status == "cancelled"


def test_five_kills_without_a_page_fail_the_run(clock, wms, ten):
    """Attempts are claims since the last written page. After five the run fails and says why."""
    wms.faults = [None] + [dies] * 9
    for _ in range(1 + 5):  # the first one had just written its page
        die()
    runner.work(claim())
    run = SyncRun.objects.get()
    assert (run.state, run.failure, len(wms.asked())) == (State.FAILED, "packr", 1 + 6)
    assert "without reading another page" in run.message
    assert counts(run) == {"seen": 3, "created": 3}


def test_written_page_resets_attempts(clock, wms, ten):
    """A run survives four kills before each page."""
    wms.faults = ([dies] * 4 + [None]) * 4
    for _ in range(16):
        try:
            runner.work(claim())
        except Killed:
            lapse()
    drain()
    assert SyncRun.objects.get().state == State.SUCCEEDED


def test_brief_database_failure_fails_no_run(monkeypatch, clock, wms, ten, caplog):
    """A deadlock or a restarted server rolls the page back; the next claim reads it again."""
    real, calls = writer.plan, []

    def flaky(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise OperationalError("deadlock detected")
        return real(*args, **kwargs)

    monkeypatch.setattr(writer, "plan", flaky)
    drain()
    run = SyncRun.objects.get()
    assert (run.state, counts(run)) == (State.SUCCEEDED, {"seen": 10, "created": 10})
    assert "deadlock detected" in caplog.text


def test_internal_error_fails_the_run(monkeypatch, clock, wms, ten, caplog):
    """No bug in Packr leaves a run active. The run has a readable message and the log has the traceback."""

    def broken(*args, **kwargs):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(writer, "plan", broken)
    drain()
    run = SyncRun.objects.get()
    assert (run.state, run.failure) == (State.FAILED, "packr")
    assert "internal error" in run.message
    assert "ZeroDivisionError" in caplog.text
    assert not Lane.objects.exclude(leased_until=None).exists()


@pytest.mark.usefixtures("page_by_page")
def test_worker_that_lost_its_lease_writes_nothing(clock, wms, ten):
    """It resumes when another worker holds the lane, and writes no row, count or checkpoint."""

    def stolen(call):
        Lane.objects.update(token=uuid.uuid4(), leased_until=now() + timedelta(minutes=1), worker="other")

    wms.faults = [None, stolen]
    runner.work(claim())
    run = SyncRun.objects.get()
    assert (run.state, counts(run), run.pages) == (State.RUNNING, {"seen": 3, "created": 3}, 1)
    assert Order.objects.count() == 3
    assert Lane.objects.get().worker == "other"
    assert Lane.objects.get().leased_until is not None


def test_worker_without_lease_cannot_fail_or_cancel_the_run(clock, wms, ten):
    """Another worker has the run, so errors of the first one change nothing."""
    from integrations.errors import ConnectorError, Kind

    def stolen(call):
        Lane.objects.update(token=uuid.uuid4(), leased_until=now() + timedelta(minutes=1))
        raise ConnectorError(Kind.CREDENTIALS, "Refused.")

    wms.faults = [stolen]
    runner.work(claim())
    ten.refresh_from_db()
    assert (SyncRun.objects.get().state, ten.status) == (State.RUNNING, "connected")


def test_lapsed_lease_is_renewed_if_nobody_took_it(clock, wms, ten):
    """A slow response alone loses nothing."""
    wms.faults = [lambda call: clock.shift(600)]
    drain()
    assert SyncRun.objects.get().state == State.SUCCEEDED


def test_lane_is_held_by_one_worker(clock, wms, ten):
    """One worker at a time uses an account."""
    request_runs(ten, [INVENTORY], trigger=Trigger.MANUAL)
    held = claim()
    assert claim() is None
    claims.release(held)
    assert claim() is not None


def test_two_connections_of_one_account_share_the_lane(clock, wms, ten, home):
    """However many connections an account has, one worker at a time uses it."""
    other = connect(home, Account("model", "Again", {"key": "k1"}), first_sync=False)
    request_runs(other, [ORDERS], trigger=Trigger.MANUAL)
    assert claim() is not None
    assert claim() is None


def test_slices_alternate_and_requested_runs_go_first(monkeypatch, settings, clock, wms, connection, home):
    """A long run delays neither a short one nor a requested one."""
    settings.SLICE_SECONDS = 0
    wms.page_size = 1
    wms.put(ORDERS, *(order(f"o{number}", now()) for number in range(6)))
    request_runs(connection, [ORDERS], trigger=Trigger.SCHEDULE)
    clock.shift(1)
    request_runs(connection, [Entity.CUSTOMERS], trigger=Trigger.SCHEDULE)
    ada = User.objects.get(username="ada")

    def persons(call):
        request_runs(connection, [INVENTORY], trigger=Trigger.MANUAL, person=ada)

    wms.faults = [None, None, persons]
    order_of_work = []
    while claimed := claim():
        order_of_work.append(claimed.run.entity)
        clock.shift(1)
        runner.work(claimed)
    # Orders first. Their second page comes after the customers, and the requested inventory directly after the
    # current page. The long run ends last.
    assert order_of_work.index("customers") == 1
    asked_for_at = 3
    first = order_of_work.index("inventory")
    assert first == asked_for_at
    assert order_of_work[-1] == "orders"
    assert {run.state for run in SyncRun.objects.all()} == {State.SUCCEEDED}


def test_requested_run_goes_before_all_overdue_runs(settings, clock, wms, connection, home):
    """This holds after a day without workers too, but a requested long run does not delay runs that are that late."""
    settings.SLICE_SECONDS = 0
    wms.page_size = 1
    wms.put(ORDERS, *(order(f"o{number}", now()) for number in range(3)))
    for number, entity in enumerate((INVENTORY, Entity.CUSTOMERS, Entity.WAREHOUSES)):
        other = connect(home, Account("model", f"Other {number}", {"key": f"k{number + 2}"}), first_sync=False)
        request_runs(other, [entity], trigger=Trigger.SCHEDULE)
    clock.shift(86_400)
    request_runs(connection, [ORDERS], trigger=Trigger.MANUAL, person=User.objects.get(username="ada"))
    order_of_work = []
    while claimed := claim():
        order_of_work.append(claimed.run.entity)
        clock.shift(1)
        runner.work(claimed)
    assert order_of_work[0] == "orders"
    assert set(order_of_work[1:4]) == {"inventory", "customers", "warehouses"}
    assert {run.state for run in SyncRun.objects.all()} == {State.SUCCEEDED}


@pytest.fixture
def long_run(settings, clock, wms, connection, home):
    """Return a run of many pages after its first slice, and another account without due runs."""
    settings.SLICE_SECONDS = 0
    wms.page_size = 1
    wms.put(ORDERS, *(order(f"o{number}", now()) for number in range(6)))
    (requested,) = request_runs(connection, [ORDERS], trigger=Trigger.FIRST)
    runner.work(claim())
    requested.run.refresh_from_db()
    return requested.run


@pytest.fixture
def elsewhere(home, long_run):
    other = connect(home, Account("model", "Other", {"key": "k2"}), first_sync=False)
    EntitySchedule.objects.filter(connection=other).update(enabled=False)
    return other


@pytest.mark.parametrize(("waited", "goes_first"), [(59, "customers"), (61, "orders")])
def test_long_run_yields_to_due_runs_for_limited_time(clock, long_run, elsewhere, waited, goes_first):
    """A hundred first syncs delay no five-minute sync, and make progress themselves."""
    clock.shift(waited)
    request_runs(elsewhere, [Entity.CUSTOMERS], trigger=Trigger.SCHEDULE)
    assert claim().run.entity == goes_first


def test_long_run_continues_immediately_if_nothing_is_due(long_run):
    assert claim().run == long_run


def test_requested_long_run_does_not_yield_to_scheduled_runs(clock, long_run, elsewhere):
    SyncRun.objects.filter(pk=long_run.pk).update(requested_by=User.objects.get(username="ada"))
    runner.work(claim())
    clock.shift(1)
    request_runs(elsewhere, [Entity.CUSTOMERS], trigger=Trigger.SCHEDULE)
    assert claim().run == long_run


def test_slice_continues_while_no_other_run_waits(clock, wms, ten, home):
    """Giving back the lane costs time, so a run does it only for other runs, of any account."""
    run_slice = RunSlice(claim())

    def should_yield():
        run_slice._slice_ends = 0
        return run_slice.should_yield()

    assert not should_yield()
    (same_account,) = request_runs(ten, [INVENTORY], trigger=Trigger.MANUAL)
    assert should_yield()
    SyncRun.objects.filter(pk=same_account.run.pk).update(ready_at=now() + timedelta(minutes=1))
    assert not should_yield()
    other = connect(home, Account("model", "Other", {"key": "k2"}), first_sync=False)
    request_runs(other, [ORDERS], trigger=Trigger.MANUAL)
    assert should_yield()
    claim()  # another worker has taken that run
    assert not should_yield()
    run_slice._deadline = 0
    assert run_slice.deadline_reached
    assert should_yield()


def test_first_sync_analyzes_tables_after_many_new_rows(monkeypatch, clock, wms, ten):
    """It happens during the first sync, so that later queries are planned well and nobody waits at the end."""
    monkeypatch.setattr(page_reader, "ANALYZE_AFTER_ROWS", 3)
    monkeypatch.setattr(page_reader, "ANALYZE_FULLY_AFTER_ROWS", 5)
    looks = []
    monkeypatch.setattr(query_planner, "analyze_if_outdated", lambda *args: looks.append(args))
    monkeypatch.setattr(query_planner, "analyze_tables", lambda entity: looks.append((entity, Order.objects.count())))
    drain()
    assert looks == [(ten.pk, ORDERS, 3), (ORDERS, 6)]
    wms.put(ORDERS, *(order(f"n{number}", now()) for number in range(10)))
    assert sync(ten, mode=Mode.FULL).created == 10
    assert len(looks) == 2


def test_shortest_slice_reads_a_page(settings, clock, wms, ten):
    """No setting keeps a run from making progress."""
    settings.SLICE_SECONDS = 0
    assert drain(most=12) <= 8
    assert SyncRun.objects.get().state == State.SUCCEEDED


def test_stopped_worker_ends_after_its_page(clock, wms, ten):
    """The run stays active and ready, and nothing is lost."""
    wms.faults = [None, lambda call: shutdown.request()]
    try:
        runner.work(claim())
    finally:
        shutdown.request(False)
    run = SyncRun.objects.get()
    assert (run.state, run.pages, run.claims) == (State.RUNNING, 2, 0)
    drain()
    assert counts(SyncRun.objects.get()) == {"seen": 10, "created": 10}


def test_next_page_is_fetched_in_another_thread(monkeypatch, clock, wms, ten):
    """Order and number of requests are the same as without prefetching."""
    threads = []
    wms.faults = [lambda call: threads.append(threading.current_thread().name)] * 4
    drain()
    assert [call.cursor for call in wms.asked()] == [None, {"start": 3}, {"start": 6}, {"start": 9}]
    assert threading.current_thread().name == threads[0] not in threads[1:]
    assert counts(SyncRun.objects.get()) == {"seen": 10, "created": 10}


def test_page_after_next_is_requested_while_one_is_written(monkeypatch, clock, wms, ten):
    """The WMS works without a pause: requests wait neither for writing nor for parsing."""
    third = threading.Event()
    wms.faults = [None, None, lambda call: third.set()]
    plan, in_time = writer.plan, []

    def patient(*args, **kwargs):
        in_time.append(third.wait(20))
        return plan(*args, **kwargs)

    monkeypatch.setattr(writer, "plan", patient)
    drain()
    assert in_time[0]
    assert counts(SyncRun.objects.get()) == {"seen": 10, "created": 10}


def test_error_two_pages_ahead_keeps_pages_before_it(monkeypatch, clock, wms, ten):
    """Pages requested before the failed one are committed in order."""
    from integrations.errors import ConnectorError, Kind

    wms.faults = [None, None, ConnectorError(Kind.UNREACHABLE, "Gone.")]
    drain()
    run = SyncRun.objects.get()
    assert (run.state, counts(run)) == (State.WAITING, {"seen": 6, "created": 6})


def test_page_is_parsed_after_next_one_is_requested(monkeypatch, clock, wms, ten):
    """The WMS takes longer than parsing, so the request is sent first."""
    draft, done = PagePrefetcher._prepare, []

    def slowly(call):
        time.sleep(0.1)  # long enough for a prefetcher that would not wait
        done.append("asked")

    wms.faults = [slowly] * 4
    monkeypatch.setattr(PagePrefetcher, "_prepare", lambda *args: done.append("read") or draft(*args))
    drain()
    assert done == ["asked", *["asked", "read"] * 3, "read"]


def test_error_one_page_ahead_keeps_page_before_it(monkeypatch, clock, wms, ten):
    """A page is committed before the error of the next one is raised."""
    from integrations.errors import ConnectorError, Kind

    wms.faults = [None, ConnectorError(Kind.UNREACHABLE, "Gone.")]
    drain()
    run = SyncRun.objects.get()
    assert (run.state, counts(run)) == (State.WAITING, {"seen": 3, "created": 3})


# --- Passes that can't continue --------------------------------------------------------------------------------------


def test_expired_cursor_restarts_the_pass(clock, wms, ten):
    """Written pages stay, the pass starts again, and the clock of the new pass counts."""
    wms.faults = [None, None, CursorExpired("Forgotten.")]
    drain()
    run = SyncRun.objects.get()
    assert run.state == State.SUCCEEDED
    assert counts(run) == {"seen": 16, "created": 10, "unchanged": 6}
    assert [call.cursor for call in wms.asked()][2:4] == [{"start": 6}, None]


def test_cursor_that_always_expires_fails_after_three_restarts(clock, wms, ten):
    """Three restarts, then a clear error."""
    wms.faults = [None, CursorExpired("The list forgot where it stood.")] * 5
    drain()
    run = SyncRun.objects.get()
    assert (run.state, run.failure) == (State.FAILED, "contract")
    assert run.message.startswith(
        "The list forgot where it stood. Packr started the list again 3 times without success."
    )
    assert len(wms.asked()) == 8


def test_repeated_cursor_is_an_error(clock, wms, ten):
    """A list with a repeated cursor would never end."""
    wms.faults = [None, None, lambda call: Page((), cursor={"start": 3}, clock=wms.now())]
    drain()
    run = SyncRun.objects.get()
    assert (run.state, run.failure) == (State.FAILED, "contract")
    assert "same page marker twice" in run.message
    assert counts(run) == {"seen": 6, "created": 6}
    assert EntitySchedule.objects.get(connection=ten, entity=ORDERS).watermark is None


@pytest.mark.parametrize("mode", [Mode.INCREMENTAL, Mode.FULL])
def test_endless_pages_without_new_ids_are_an_error(clock, wms, connection, mode):
    """The cursors are always new, but five pages in a row bring no new id."""
    sync(connection)
    same = [order("o1", now()), order("o2", now())]
    numbers = iter(range(1000))
    wms.faults = [lambda call: Page(same, cursor={"n": next(numbers)}, clock=wms.now())] * 40
    run = sync(connection, mode=mode)
    assert (run.state, run.failure) == (State.FAILED, "contract")
    assert run.pages == 5  # the sixth is refused


def test_pages_of_rejected_records_are_not_endless(clock, wms, connection):
    """Many pages with rejected records only are not an endless list."""
    wms.page_size = 1
    wms.put(ORDERS, *(order(f"o{number}", now()) for number in range(9)))
    wms.bad[ORDERS] = {f"o{number}": "no number" for number in range(8)}
    assert sync(connection).state == State.PARTIAL


# --- Real threads ----------------------------------------------------------------------------------------------------


def _side_by_side(count, function):
    """Run a function in many threads, each with its own database connection."""
    barrier, results, errors = threading.Barrier(count), [], []

    def body(number):
        try:
            barrier.wait(10)
            results.append(function(number))
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    return results


@pytest.mark.django_db(transaction=True)
def test_twenty_simultaneous_requests_are_one_run(wms, connection):
    """Twenty parallel requests for one entity create one run, which all of them return."""
    requested = _side_by_side(20, lambda n: request_runs(connection, [ORDERS], trigger=Trigger.MANUAL)[0])
    assert {one.run.pk for one in requested} == {SyncRun.objects.get().pk}
    assert sorted(one.attached for one in requested) == [False, *[True] * 19]


@pytest.mark.django_db(transaction=True)
def test_group_requests_in_any_order_do_not_deadlock(wms, connection):
    """Requests that lock the same runs in opposite order never deadlock."""
    entities = [ORDERS, INVENTORY, Entity.PRODUCTS, Entity.CUSTOMERS]

    def ask(number):
        wanted = entities if number % 2 else entities[::-1]
        for _ in range(5):
            request_runs(connection, wanted, trigger=Trigger.MANUAL)

    _side_by_side(8, ask)
    assert SyncRun.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_workers_and_planners_in_parallel(settings, wms, connection):
    """With four workers, two planners and two people there is no deadlock, no run is lost, and every run succeeds."""
    from syncs.runs.planner import queue_due

    settings.SLICE_SECONDS = 0
    wms.put(ORDERS, *(order(f"o{number:02}", now()) for number in range(30)))
    EntitySchedule.objects.filter(connection=connection).exclude(entity="order-shipments").update(
        enabled=True, next_due_at=now() - timedelta(days=1)
    )

    def role(number):
        for _ in range(15):
            if number < 4:
                claimed = claim()
                if claimed:
                    runner.work(claimed)
            elif number < 6:
                EntitySchedule.objects.exclude(next_due_at=None).update(next_due_at=now() - timedelta(hours=1))
                queue_due(now())
            else:
                request_runs(connection, [ORDERS, INVENTORY], mode=Mode.FULL, trigger=Trigger.MANUAL)

    _side_by_side(8, role)
    EntitySchedule.objects.update(enabled=False)
    drain()
    assert {run.state for run in SyncRun.objects.all()} == {State.SUCCEEDED}
    assert len(present(connection)) == 30
    assert not Checkpoint.objects.exists()
    assert not SeenPage.objects.exists()
