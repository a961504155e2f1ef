"""Every fault of the table, through the sandbox's switches and the production connector, to its end and beyond it."""

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
from .harness import ONE_PAGE, PAGE_SIZE, Bench, alike, check_settled

MOST_WAITS = 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_fault(row: Row, bench: Bench, settings: Any) -> None:
    prepare(bench, row)
    before, watermark = bench.mirror(row.entity), bench.schedule(row.entity).watermark
    if row.deadline:
        settings.LEASE_SECONDS = row.deadline * 2
    bench.switch(*row.faults)

    run = strike(bench, row)
    check_outcome(bench, row, run)
    check_data(bench, row, run, before)
    check_settled(bench)
    assert run.state in COMPLETE or bench.schedule(row.entity).watermark == watermark

    settings.LEASE_SECONDS = 60
    bench.heal()
    bench.pages_of(ONE_PAGE)
    bench.change(row.entity, add={"id": "added-later"})
    again = RECOVERIES[row.recovery](bench, row, run)
    assert (again.state, again.message) == (State.SUCCEEDED, "")
    assert bench.differences(row.entity) == []
    assert not RejectedRecord.objects.filter(external_id__in=bench.source(row.entity)).exists()
    check_settled(bench)
    bench.connection.refresh_from_db()
    assert bench.connection.status == Status.CONNECTED


def prepare(bench: Bench, row: Row) -> None:
    """An hour ago everything was synced; since then the WMS's data has changed."""
    bench.pages_of(ONE_PAGE)
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
        bench.news(row.entity)
    bench.clock.shift(timedelta(minutes=1))
    bench.sandbox.log.clear()
    client_pool._idle_clients.clear()
    bench.pages_of(PAGE_SIZE)
    bench.due(row.entity, row.mode)


def strike(bench: Bench, row: Row) -> SyncRun:
    """The run that meets the fault, to its end or its wait; no worker is held by it."""
    began = time.perf_counter()
    run = bench.tick(row.entity)
    assert time.perf_counter() - began < 5, "a worker was held"
    waits = 0
    while row.patient and run.state == State.WAITING:
        check_settled(bench)
        run = bench.resume(run)
        waits += 1
        assert waits < MOST_WAITS, "the run waits for ever"
    return run


def check_outcome(bench: Bench, row: Row, run: SyncRun) -> None:
    assert (run.state, run.failure) == (row.state, row.failure), run.message
    assert bool(run.message) == (run.state != State.SUCCEEDED)
    assert re.search(row.words, run.message, re.DOTALL), run.message
    assert row.rejected in (None, run.rejected)
    if row.waits:
        seconds = (run.ready_at - now()).total_seconds()
        assert row.waits[0] - 0.001 <= seconds <= row.waits[1]
    if row.asks is not None:
        assert bench.asked() <= row.asks
    bench.connection.refresh_from_db()
    assert bench.connection.status == row.status
    schedule = bench.schedule(row.entity)
    assert schedule.enabled == (row.recovery != Recovery.SWITCH_ON)
    assert schedule.off_reason == ("" if schedule.enabled else run.message)


def check_data(bench: Bench, row: Row, run: SyncRun, before: Mapping[str, Any]) -> None:
    """Nothing of before is lost; what is there is what the WMS says or said; green means all of it is there."""
    mirror, source = bench.mirror(row.entity), bench.source(row.entity)
    assert bench.kept(row.entity) >= before.keys()
    odd = [id_ for id_, record in mirror.items() if row.stored.items() <= record.items()] if row.stored else []
    assert len(odd) == bool(row.stored)
    if not row.hidden:
        assert mirror.keys() >= before.keys()
    for id_ in mirror.keys() - set(odd):
        assert mirror[id_] == before.get(id_) or alike(mirror[id_], source[id_]), id_
    if run.state == State.SUCCEEDED:
        assert bool(set(bench.differences(row.entity)) - set(odd)) == row.hidden


# --- How it goes on --------------------------------------------------------------------------------------------------


def resumed(bench: Bench, row: Row, run: SyncRun) -> SyncRun:
    """The same run goes on where it was, and the next one brings what has come since."""
    again = bench.resume(run)
    assert (again.pk, again.state, again.waits, again.waiting_since) == (run.pk, State.SUCCEEDED, 0, None)
    queries = [entry["query"] for entry in bench.sandbox.log.listed() if not entry["faults"]]
    assert len(queries) == len(set(queries)), "what was read is not read again"
    return bench.next(row.entity)


def next_run(bench: Bench, row: Row, run: SyncRun) -> SyncRun:
    again = bench.next(row.entity)
    assert again.pk > run.pk
    return again


def full(bench: Bench, row: Row, run: SyncRun) -> SyncRun:
    """What the answers did not show stays unseen by the next incremental; a full run finds it."""
    EntitySchedule.objects.filter(connection=bench.connection, entity=row.entity).update(mode=Mode.FULL)
    SyncRun.objects.filter(state=State.QUEUED).delete()
    again = bench.next(row.entity)
    assert again.mode == Mode.FULL
    return again


def reconnected(bench: Bench, row: Row, run: SyncRun) -> SyncRun:
    """Refused credentials are not tried again by themselves, however long it lasts; new ones put it right."""
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
