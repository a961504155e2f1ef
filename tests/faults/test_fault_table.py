"""Every fault of the table, with the sandbox's switches and the production connector, until the data is right again."""

import re
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.models import Status
from syncs.engine import client_pool
from syncs.models import COMPLETE, EntitySchedule, Mode, RejectedRecord, State, SyncRun
from syncs.runs.planner import queue_due
from tests.kit.running import drain

from .cases import ROWS, Recovery, Row
from .harness import ONE_PAGE, PAGE_SIZE, Bench, check_settled, matches_source

MAX_WAITS = 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_fault_has_its_outcome_and_recovery(row: Row, bench: Bench, settings: Any) -> None:
    prepare(bench, row)
    before, watermark = bench.mirror(row.entity), bench.schedule(row.entity).watermark
    if row.deadline:
        settings.LEASE_SECONDS = row.deadline * 2
    bench.switch(*row.faults)

    run = run_into_fault(bench, row)
    check_outcome(bench, row, run)
    check_data(bench, row, run, before)
    check_settled(bench)
    assert run.state in COMPLETE or bench.schedule(row.entity).watermark == watermark

    settings.LEASE_SECONDS = 60
    bench.heal()
    bench.set_page_size(ONE_PAGE)
    bench.change(row.entity, add={"id": "added-later"})
    again = RECOVERIES[row.recovery](bench, row, run)
    assert (again.state, again.message) == (State.SUCCEEDED, "")
    assert bench.differences(row.entity) == []
    assert not RejectedRecord.objects.filter(external_id__in=bench.source(row.entity)).exists()
    check_settled(bench)
    bench.connection.refresh_from_db()
    assert bench.connection.status == Status.CONNECTED


def prepare(bench: Bench, row: Row) -> None:
    """Sync everything, then let an hour pass and the WMS's data change."""
    bench.set_page_size(ONE_PAGE)
    bench.due(row.entity, Mode.FULL)
    first = bench.tick(row.entity)
    assert (first.state, first.seen > 0) == (State.SUCCEEDED, True)
    SyncRun.objects.filter(state=State.QUEUED).delete()
    bench.clock.shift(timedelta(minutes=60))
    if row.early:
        bench.switch(*row.faults)
    if row.adds:
        for add in row.adds:
            bench.change(row.entity, add=dict(add))
    else:
        bench.change_some(row.entity)
    bench.clock.shift(timedelta(minutes=1))
    bench.sandbox.log.clear()
    client_pool._idle_clients.clear()
    bench.set_page_size(PAGE_SIZE)
    bench.due(row.entity, row.mode)


def run_into_fault(bench: Bench, row: Row) -> SyncRun:
    """Run into the fault until the run ends or waits. No worker may be blocked."""
    began = time.perf_counter()
    run = bench.tick(row.entity)
    assert time.perf_counter() - began < 5, "a worker was blocked"
    waits = 0
    while row.is_patient and run.state == State.WAITING:
        check_settled(bench)
        run = bench.resume(run)
        waits += 1
        assert waits < MAX_WAITS, "the run waits forever"
    return run


def check_outcome(bench: Bench, row: Row, run: SyncRun) -> None:
    assert (run.state, run.failure) == (row.state, row.failure), run.message
    assert bool(run.message) == (run.state != State.SUCCEEDED)
    assert re.search(row.words, run.message, re.DOTALL), run.message
    assert row.rejected in (None, run.rejected)
    if row.waits:
        seconds = (run.ready_at - now()).total_seconds()
        assert row.waits[0] - 0.001 <= seconds <= row.waits[1]
    if row.max_requests is not None:
        assert bench.asked() <= row.max_requests
    bench.connection.refresh_from_db()
    assert bench.connection.status == row.status
    schedule = bench.schedule(row.entity)
    assert schedule.enabled == (row.recovery != Recovery.SWITCH_ON)
    assert schedule.off_reason == ("" if schedule.enabled else run.message)


def check_data(bench: Bench, row: Row, run: SyncRun, before: Mapping[str, Any]) -> None:
    """Check that no earlier data is lost, every record was once the WMS's, and a succeeded run has all of them."""
    mirror, source = bench.mirror(row.entity), bench.source(row.entity)
    assert bench.row_ids(row.entity) >= before.keys()
    odd = [id_ for id_, record in mirror.items() if row.stored.items() <= record.items()] if row.stored else []
    assert len(odd) == bool(row.stored)
    if not row.hidden:
        assert mirror.keys() >= before.keys()
    for id_ in mirror.keys() - set(odd):
        assert mirror[id_] == before.get(id_) or matches_source(mirror[id_], source[id_]), id_
    if run.state == State.SUCCEEDED:
        assert bool(set(bench.differences(row.entity)) - set(odd)) == row.hidden


# --- Recovery --------------------------------------------------------------------------------------------------------


def resumed(bench: Bench, row: Row, run: SyncRun) -> SyncRun:
    """The same run continues where it stopped, and the next one reads what has changed since."""
    again = bench.resume(run)
    assert (again.pk, again.state, again.waits, again.waiting_since) == (run.pk, State.SUCCEEDED, 0, None)
    queries = [entry["query"] for entry in bench.sandbox.log.listed() if not entry["faults"]]
    assert len(queries) == len(set(queries)), "a page was read twice"
    return bench.next(row.entity)


def next_run(bench: Bench, row: Row, run: SyncRun) -> SyncRun:
    again = bench.next(row.entity)
    assert again.pk > run.pk
    return again


def full(bench: Bench, row: Row, run: SyncRun) -> SyncRun:
    """The next incremental run can't see what the responses hid; a full run finds it."""
    EntitySchedule.objects.filter(connection=bench.connection, entity=row.entity).update(mode=Mode.FULL)
    SyncRun.objects.filter(state=State.QUEUED).delete()
    again = bench.next(row.entity)
    assert again.mode == Mode.FULL
    return again


def reconnected(bench: Bench, row: Row, run: SyncRun) -> SyncRun:
    """Rejected credentials are never retried automatically. New ones restore the connection."""
    asked = bench.asked()
    bench.clock.shift(timedelta(hours=3))
    queue_due(now())
    assert (drain(), bench.asked()) == (0, asked)
    bench.reconnect()
    return bench.next(row.entity)


def switched_on(bench: Bench, row: Row, run: SyncRun) -> SyncRun:
    bench.clock.shift(timedelta(hours=3))
    queue_due(now())
    assert drain() == 0
    EntitySchedule.objects.filter(connection=bench.connection, entity=row.entity).update(enabled=True, off_reason="")
    return bench.next(row.entity)


RECOVERIES: Mapping[Recovery, Callable[[Bench, Row, SyncRun], SyncRun]] = {
    Recovery.RESUME: resumed,
    Recovery.NEXT: next_run,
    Recovery.FULL: full,
    Recovery.RECONNECT: reconnected,
    Recovery.SWITCH_ON: switched_on,
}


def test_fault_table_has_each_fault_once() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names)) >= 40
    assert {row.recovery for row in ROWS} == set(Recovery)
