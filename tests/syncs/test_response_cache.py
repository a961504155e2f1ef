"""The response cache: a killed worker costs one page, since responses that were not written yet are on disk."""

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
    """The death of a process, which no handler catches."""


@pytest.fixture
def run(connected):
    """Return a queued full run of six pages."""
    (requested,) = request_runs(connected(10), [ORDERS], trigger=Trigger.MANUAL)
    return requested.run


def kill_while_writing(monkeypatch, sandbox, number, *, ahead=2):
    """Run a slice that is killed as it writes page `number`, once `ahead` further pages were requested."""
    real, calls = writer.plan, []

    def mortal(*args, **kwargs):
        calls.append(1)
        if len(calls) < number:
            return real(*args, **kwargs)
        deadline = time.monotonic() + 20
        while len(request_counts(sandbox)) < number + ahead and time.monotonic() < deadline:
            time.sleep(0.01)
        patch.setattr(response_cache, "drop", lambda run, place: None)  # a killed process cleans nothing up
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(writer, "plan", mortal)
        with pytest.raises(Killed):
            runner.work(claim())
    lapse()
    client_pool._idle_clients.clear()


def request_counts(sandbox):
    """Return how often each page of orders was requested."""
    return Counter(one["query"] for one in sandbox.log.listed(path="/wms/orders"))


def test_kill_costs_one_page_despite_prefetching(monkeypatch, sandbox, run):
    """If page 3 is being written, page 4 parsed and page 5 fetched, only page 5 is requested again."""
    kill_while_writing(monkeypatch, sandbox, 3)
    drain()
    run.refresh_from_db()
    assert (run.state, counts(run), run.pages) == (State.SUCCEEDED, {"seen": 60, "created": 60}, 6)
    assert Order.objects.count() == 60
    assert sorted(request_counts(sandbox).values()) == [1, 1, 1, 1, 1, 2]
    assert list((response_cache._folder()).glob("*")) == []


def test_no_page_is_prefetched_before_first_page_of_incremental_run(monkeypatch, sandbox, run):
    """The next worker's window has another end, so it can't use the cached responses."""
    drain()
    sandbox.log.clear()
    (requested,) = request_runs(run.connection, [ORDERS], trigger=Trigger.MANUAL)
    SyncRun.objects.filter(pk=requested.run.pk).update(mode="incremental")
    EntitySchedule.objects.filter(entity=ORDERS).update(watermark=now() - timedelta(days=3650), next_wide_at=None)
    warm = client_pool.take(run.connection)  # it has a response of the WMS, so it knows the clock
    warm.get("/wms/warehouses", {"limit": "1"})
    client_pool.give_back(run.connection, warm)
    kill_while_writing(monkeypatch, sandbox, 1, ahead=0)
    assert sum(request_counts(sandbox).values()) == 1


def test_prefetched_pages_are_requested_again_on_another_machine(monkeypatch, sandbox, run):
    """The cache only saves requests: nothing is lost without it."""
    kill_while_writing(monkeypatch, sandbox, 3)
    for file in response_cache._folder().glob("*"):
        file.unlink()
    drain()
    run.refresh_from_db()
    assert (run.state, counts(run)) == (State.SUCCEEDED, {"seen": 60, "created": 60})
    assert sorted(request_counts(sandbox).values()) == [1, 1, 1, 2, 2, 2]


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
    """No page is prefetched then, and the log says why."""
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
    """Only successful responses to requests that are not private are cached."""
    client = client_pool.take(run.connection)
    recording = ResponseRecording()
    with client.recorded_by(recording):
        client.request("GET", "/wms/orders", params={"limit": "1"})
        client.request("GET", "/wms/orders", params={"limit": "2"}, private=True)
        client.request("GET", "/wms/nothing", ok=range(300, 600))
    assert len(recording.responses) == 1
    assert SyncRun.objects.get().pages == 0
