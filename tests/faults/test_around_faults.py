"""Faults that do not fit the table: two entities, two accounts, a stopped server, memory and the watermark."""

import gc
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.connectors.trackstar.resources import NO_TRACKSTAR_DATES
from integrations.entities import Entity
from integrations.http import transport
from integrations.models import Connection, Status
from packr.demo.sandbox.server import Sandbox
from packr.workspaces.models import Workspace
from syncs.engine import client_pool
from syncs.models import EntitySchedule, Mode, State, Trigger
from syncs.runs.enqueue import request_runs
from tests.kit.running import drain
from tests.kit.server import Server

from .cases import on
from .harness import PAGE_SIZE, Bench, check_settled, public_texts, secrets_in

ORDERS, INVENTORY, PRODUCTS = Entity.ORDERS, Entity.INVENTORY, Entity.PRODUCTS
MEGABYTE = 1024 * 1024
NEW_KEY = "key-of-tomorrow"


@pytest.fixture
def synced(bench: Bench) -> Bench:
    """Return a bench whose orders were synced an hour ago and have changed since."""
    bench.due(ORDERS, Mode.FULL)
    assert bench.tick(ORDERS).state == State.SUCCEEDED
    bench.clock.shift(timedelta(hours=1))
    bench.change_some(ORDERS)
    bench.clock.shift(timedelta(minutes=1))
    EntitySchedule.objects.update(enabled=False)
    bench.set_page_size(PAGE_SIZE)
    client_pool._idle_clients.clear()
    bench.sandbox.log.clear()
    return bench


def run_entities(bench: Bench, *entities: Entity, mode: Mode = Mode.INCREMENTAL) -> list[tuple[str, str]]:
    """Run these entities and return the outcome of each."""
    requested = request_runs(bench.connection, entities, mode=mode, trigger=Trigger.MANUAL)
    drain()
    for one in requested:
        one.run.refresh_from_db()
    return [(one.run.state, one.run.failure) for one in requested]


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (on("forbidden", path="/wms/orders"), (State.FAILED, "forbidden")),
        (on("not_implemented", path="/wms/orders"), (State.FAILED, "not_offered")),
        (on("html", path="/wms/orders"), (State.FAILED, "contract")),
    ],
    ids=["403", "501", "html"],
)
def test_failing_entity_does_not_stop_others(synced: Bench, fault: Any, end: tuple[str, str]) -> None:
    synced.switch(fault)
    done = (State.SUCCEEDED, "")
    assert run_entities(synced, ORDERS, INVENTORY, PRODUCTS) == [end, done, done]
    assert synced.differences(INVENTORY) == synced.differences(PRODUCTS) == []
    check_settled(synced)


def test_rejected_login_stops_all_and_new_login_resumes(synced: Bench) -> None:
    """The old key is rejected once and not used again. With a new one everything continues, and nothing is lost."""
    synced.switch(on("rotate", api_key=NEW_KEY))
    end = (State.FAILED, "credentials")
    assert run_entities(synced, ORDERS, INVENTORY) == [end, end]
    assert synced.asked() == 1
    check_settled(synced)
    synced.reconnect(api_key=NEW_KEY)
    done = (State.SUCCEEDED, "")
    assert run_entities(synced, ORDERS, INVENTORY) == [done, done]
    assert synced.differences(ORDERS) == synced.differences(INVENTORY) == []
    assert not [text for text in public_texts() if NEW_KEY in text]


def test_day_of_waiting_blocks_no_worker_and_no_other_account(synced: Bench, home: Workspace) -> None:
    """For a day, no entity calls the waiting account. Another account continues immediately."""
    other = _another(synced, home)
    synced.switch(on("rate_limited", retry_after=86_400, account=synced.token))
    assert run_entities(synced, ORDERS, INVENTORY) == [(State.WAITING, "rate_limited"), (State.QUEUED, "")]
    (requested,) = request_runs(other, [ORDERS], trigger=Trigger.MANUAL)
    drain()
    requested.run.refresh_from_db()
    assert requested.run.state == State.SUCCEEDED
    synced.clock.shift(timedelta(hours=23, minutes=59))
    assert drain() == 0
    assert synced.asked() == 1
    synced.heal()
    synced.clock.shift(timedelta(minutes=1))
    drain()
    assert [run.state for run in (synced.last(ORDERS), synced.last(INVENTORY))] == [State.SUCCEEDED] * 2
    assert synced.differences(ORDERS) == []


def _another(bench: Bench, home: Workspace) -> Connection:
    from integrations.services import Account, connect

    credentials = dict(bench.connection.credentials()) | {"access_token": "sandbox-9"}
    account = Account("trackstar", "Other", credentials, base_url=bench.sandbox.url)
    made = connect(home, account, first_sync=False)
    EntitySchedule.objects.filter(connection=made).update(enabled=False)
    return made


@pytest.mark.parametrize("status", [302, 308])
def test_redirect_sends_nothing_to_other_host(synced: Bench, settings: Any, status: int) -> None:
    """Not even to a host that Packr may call, since the headers hold the credentials."""
    with Server() as other:
        settings.PRIVATE_WMS_HOSTS = settings.PRIVATE_WMS_HOSTS | {other.host}
        synced.switch(on("redirect", status=status, location=f"{other.url}/wms/orders"))
        assert run_entities(synced, ORDERS) == [(State.FAILED, "contract")]
        assert other.calls == []


def test_unsupported_date_filter_falls_back_and_is_remembered(synced: Bench) -> None:
    synced.switch(on("no_trackstar_dates"))
    assert run_entities(synced, ORDERS) == [(State.SUCCEEDED, "")]
    refused = [entry for entry in synced.sandbox.log.listed() if entry["status"] == 422]
    assert len(refused) == 1
    assert Connection.objects.get().learned == {NO_TRACKSTAR_DATES: True}
    synced.connection.refresh_from_db()
    client_pool._idle_clients.clear()
    synced.clock.shift(timedelta(minutes=5))
    synced.change(ORDERS, add={"id": "later"})
    assert run_entities(synced, ORDERS) == [(State.SUCCEEDED, "")]
    assert len([entry for entry in synced.sandbox.log.listed() if entry["status"] == 422]) == 1
    assert synced.differences(ORDERS) == []


# --- A stopped server ------------------------------------------------------------------------------------------------


@pytest.fixture
def away(bench: Bench, tmp_path: Path, settings: Any) -> Iterator[Bench]:
    """Return a bench with its own sandbox, which can be stopped."""
    with Sandbox(port=0, seed=1, orders=20, still=True, limit=False, keep=tmp_path / "world") as own:
        settings.PRIVATE_WMS_HOSTS = frozenset({own.url.removeprefix("http://")})
        Connection.objects.all().delete()
        yield Bench(own, bench.clock, bench.connection.workspace, 5)


def test_server_outage_and_recovery(away: Bench, tmp_path: Path) -> None:
    away.due(ORDERS, Mode.FULL)
    assert away.tick(ORDERS).state == State.SUCCEEDED
    before = away.mirror(ORDERS)
    away.change_some(ORDERS)
    away.clock.shift(timedelta(hours=1))
    away.sandbox.stop()

    run = away.tick(ORDERS)
    assert (run.state, run.failure) == (State.WAITING, "unreachable")
    assert "can't be reached" in run.message
    check_settled(away)
    assert away.connection.status == Status.UNREACHABLE
    assert away.mirror(ORDERS) == before
    run = away.resume(run)
    assert (run.state, run.waits) == (State.WAITING, 2)

    port = int(away.sandbox.url.rpartition(":")[2])
    with Sandbox(port=port, seed=1, orders=20, still=True, limit=False, keep=tmp_path / "world") as back:
        away.sandbox = back
        away.control = type(away.control)(back.world, back.faults, back.log)
        away.heal()
        run = away.resume(run)
        assert run.state == State.SUCCEEDED
        assert away.differences(ORDERS) == []
        check_settled(away)
        assert away.connection.status == Status.CONNECTED
        # The fixture stops a running server; this one is stopped already.
        away.sandbox = back


# --- Memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "most"),
    [
        pytest.param([on("big", megabytes=2000)], 8, id="announced"),
        pytest.param([on("big", megabytes=2000), on("chunked")], 72, id="chunked"),
        pytest.param([on("bomb", megabytes=70)], 72, id="packed"),
    ],
)
def test_endless_body_is_neither_read_nor_kept(synced: Bench, faults: list[Any], most: int) -> None:
    """At most the limit is ever in memory, and nothing of it afterwards."""
    synced.switch(*faults)
    gc.collect()
    tracemalloc.start()
    try:
        assert run_entities(synced, ORDERS) == [(State.FAILED, "contract")]
        peak = tracemalloc.get_traced_memory()[1]
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert peak < most * MEGABYTE
    assert held < 4 * MEGABYTE


def test_message_names_the_size_limit() -> None:
    assert transport.MAX_BODY_BYTES == 64 * MEGABYTE


# --- The watermark ---------------------------------------------------------------------------------------------------

UNBELIEVABLE = on("record", path="/wms/", times=1, set={"updated_date": "2999-01-01T00:00:00Z"})


@pytest.mark.parametrize(
    ("faults", "behind"),
    [
        pytest.param([], timedelta(seconds=1), id="by the Date of the first answer"),
        pytest.param([on("clock", seconds=600)], timedelta(seconds=-599), id="a clock that is ahead"),
        pytest.param([on("clock", seconds=-600)], timedelta(seconds=601), id="a clock that is behind"),
        pytest.param([on("no_date")], timedelta(minutes=1), id="by the highest stamp"),
        pytest.param([UNBELIEVABLE], timedelta(seconds=1), id="2999"),
        pytest.param([on("no_date"), UNBELIEVABLE], timedelta(minutes=1), id="2999 and no Date"),
    ],
)
def test_watermark_is_wms_time(synced: Bench, faults: list[Any], behind: timedelta) -> None:
    synced.switch(*faults)
    assert run_entities(synced, ORDERS) == [(State.SUCCEEDED, "")]
    assert now() - synced.schedule(ORDERS).watermark == behind


@pytest.mark.parametrize("seconds", [600, -600])
def test_wrong_wms_clock_misses_no_change(synced: Bench, seconds: int) -> None:
    """Changes just before, within and just after ten minutes of skew, each followed by an incremental run only."""
    for turn, skew in enumerate((0, seconds, 0, seconds, 0)):
        synced.heal()
        if skew:
            synced.switch(on("clock", seconds=skew))
        synced.change(ORDERS, add={"id": f"turn-{turn}"})
        assert run_entities(synced, ORDERS) == [(State.SUCCEEDED, "")]
        assert f"turn-{turn}" in synced.mirror(ORDERS)
        synced.clock.shift(timedelta(seconds=30))


def test_messages_and_logs_contain_no_secrets(bench: Bench) -> None:
    """The check at the end of each fault test does find a secret."""
    assert secrets_in(bench, ["a key-4f1c9a77 b", f"c {bench.token} d", "e"]) != []
    assert secrets_in(bench, ["sandbox", f"{bench.token}0"]) == []
