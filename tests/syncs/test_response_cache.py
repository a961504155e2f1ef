"""Fetching ahead costs one page when a worker is killed: those that were answered and not written lie in the spool."""

import os
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.http.recording import ResponseRecording
from integrations.http.responses import Answer
from packr.warehouse.mirror import writer
from packr.warehouse.models import Order
from syncs import tasks
from syncs.engine import client_pool, response_cache, runner
from syncs.models import EntitySchedule, State, SyncRun, Trigger
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs
from tests.kit.running import counts, drain, lapse

ORDERS = Entity.ORDERS
TOLD = {b"question": Answer(200, {"Date": "today"}, b'{"data": []}', None)}


class Killed(BaseException):
    """What no handler catches: the process is gone."""


@pytest.fixture
def run(connected):
    """A full run of six pages that waits to be done."""
    (requested,) = request_runs(connected(10), [ORDERS], trigger=Trigger.MANUAL)
    return requested.run


def killed_as_it_writes(monkeypatch, sandbox, number, *, ahead=2):
    """One slice that ends in death as its page of this number is to be written and so many after it are asked for."""
    real, calls = writer.plan, []

    def mortal(*args, **kwargs):
        calls.append(1)
        if len(calls) < number:
            return real(*args, **kwargs)
        deadline = time.monotonic() + 20
        while len(asked(sandbox)) < number + ahead and time.monotonic() < deadline:
            time.sleep(0.01)
        patch.setattr(response_cache, "drop", lambda run, place: None)  # the dead clean nothing up
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(writer, "plan", mortal)
        with pytest.raises(Killed):
            runner.work(claim())
    lapse()
    client_pool._idle_clients.clear()


def asked(sandbox):
    """How often each page of orders was asked for."""
    return Counter(one["query"] for one in sandbox.log.listed(path="/wms/orders"))


def test_kill_costs_one_page_despite_prefetching(monkeypatch, sandbox, run):
    """Killed while page 3 is written, page 4 is read and page 5 fetched, only page 5 is asked for again."""
    killed_as_it_writes(monkeypatch, sandbox, 3)
    drain()
    run.refresh_from_db()
    assert (run.state, counts(run), run.pages) == (State.SUCCEEDED, {"seen": 60, "created": 60}, 6)
    assert Order.objects.count() == 60
    assert sorted(asked(sandbox).values()) == [1, 1, 1, 1, 1, 2]
    assert list((response_cache._folder()).glob("*")) == []


def test_nothing_is_prefetched_before_first_page_of_incremental_run(monkeypatch, sandbox, run):
    """The next worker ends its window at another moment, so it can't use what the first one was told."""
    drain()
    sandbox.log.clear()
    (requested,) = request_runs(run.connection, [ORDERS], trigger=Trigger.MANUAL)
    SyncRun.objects.filter(pk=requested.run.pk).update(mode="incremental")
    EntitySchedule.objects.filter(entity=ORDERS).update(watermark=now() - timedelta(days=3650), next_wide_at=None)
    warm = client_pool.take(run.connection)  # it has spoken with the WMS, and so knows its clock
    warm.get("/wms/warehouses", {"limit": "1"})
    client_pool.give_back(run.connection, warm)
    killed_as_it_writes(monkeypatch, sandbox, 1, ahead=0)
    assert sum(asked(sandbox).values()) == 1


def test_prefetched_pages_are_requested_again_on_another_machine(monkeypatch, sandbox, run):
    """The spool is a saving, not a promise: without it nothing is lost either."""
    killed_as_it_writes(monkeypatch, sandbox, 3)
    for file in response_cache._folder().glob("*"):
        file.unlink()
    drain()
    run.refresh_from_db()
    assert (run.state, counts(run)) == (State.SUCCEEDED, {"seen": 60, "created": 60})
    assert sorted(asked(sandbox).values()) == [1, 1, 1, 2, 2, 2]


def test_responses_of_another_cursor_are_not_used(run):
    response_cache.keep(run, {"token": "a"}, TOLD)
    assert response_cache.take(run, {"token": "b"}) == {}
    assert response_cache.take(run, {"token": "a"}) == TOLD


def test_each_cursor_has_its_own_responses(run):
    response_cache.keep(run, {"token": "a"}, TOLD)
    response_cache.keep(run, {"token": "b"}, {})
    response_cache.drop(run, {"token": "b"})
    assert (response_cache.take(run, {"token": "a"}), response_cache.take(run, {"token": "b"})) == (TOLD, {})


def test_expired_responses_are_ignored_and_deleted(settings, tmp_path, run):
    response_cache.keep(run, None, TOLD)
    (file,) = response_cache._folder().glob("*")
    long_ago = (now() - timedelta(minutes=16)).timestamp()
    os.utime(file, (long_ago, long_ago))
    assert response_cache.take(run, None) == {}
    tasks.tick()
    assert not file.exists()


def test_recent_responses_are_not_deleted(run):
    response_cache.keep(run, None, TOLD)
    tasks.tick()
    assert response_cache.take(run, None) == TOLD


def test_corrupt_file_is_requested_again(caplog, run):
    response_cache.keep(run, None, TOLD)
    (file,) = response_cache._folder().glob("*")
    file.write_bytes(file.read_bytes()[:-4])
    assert response_cache.take(run, None) == {}
    assert "requested again" in caplog.text


def test_full_disk_fails_no_run(settings, tmp_path, sandbox, run, caplog):
    """Then no page is fetched ahead, and the log says why."""
    settings.DATA_DIR = tmp_path / "file"
    settings.DATA_DIR.write_text("in the way")
    drain()
    run.refresh_from_db()
    assert (run.state, counts(run)) == (State.SUCCEEDED, {"seen": 60, "created": 60})
    assert "no pages are fetched ahead" in caplog.text


def test_response_cache_is_private(run):
    response_cache.keep(run, None, TOLD)
    assert response_cache._folder().stat().st_mode & 0o077 == 0


def test_secrets_and_errors_are_not_recorded(sandbox, run):
    """Only usable answers to questions that are not private lie in the spool."""
    client = client_pool.take(run.connection)
    recording = ResponseRecording()
    with client.recorded_by(recording):
        client.request("GET", "/wms/orders", params={"limit": "1"})
        client.request("GET", "/wms/orders", params={"limit": "2"}, private=True)
        client.request("GET", "/wms/nothing", ok=range(300, 600))
    assert len(recording.responses) == 1
    assert SyncRun.objects.get().pages == 0
