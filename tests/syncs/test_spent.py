"""The cost of a run: its number of requests and its waiting time, whatever its outcome."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from syncs.models import Mode, State
from tests.kit.model_wms import order
from tests.kit.running import drain, sync

ORDERS = Entity.ORDERS


@pytest.fixture
def seven(wms, connection):
    wms.put(ORDERS, *(order(f"o{n}", now() - timedelta(hours=n + 1)) for n in range(7)))
    return connection


def test_run_counts_only_its_own_requests(clock, wms, seven):
    """Seven orders in pages of three are three requests. The client's requests for other runs do not count."""
    assert sync(seven, ORDERS).requests == 3
    clock.shift(3600)
    assert sync(seven, ORDERS).requests == 1
    wms.drop(ORDERS, "o6")
    full = sync(seven, ORDERS, Mode.FULL)
    assert (full.requests, full.removed) == (3, 1), "two pages and the second look"


def test_requests_of_several_slices_add_up(settings, clock, wms, seven):
    settings.SLICE_SECONDS = 0
    run = sync(seven, ORDERS)
    assert (run.pages, run.requests) == (3, 3)


def test_failed_run_counts_requests(clock, wms, seven):
    wms.faults = [None, ConnectorError(Kind.CONTRACT, "Not JSON.")]
    run = sync(seven, ORDERS)
    assert (run.state, run.requests) == (State.FAILED, 2)


def test_waits_add_up(clock, wms, seven):
    """A wait before the first page and one before the third add up; the time between them does not count."""
    wms.faults = [_limited(20), None, None, _limited(40)]
    run = sync(seven, ORDERS)
    assert (run.state, run.waited_seconds) == (State.WAITING, 0)
    clock.shift(21)
    drain()
    run.refresh_from_db()
    assert (run.state, run.waited_seconds) == (State.WAITING, 21)
    clock.shift(41)
    drain()
    run.refresh_from_db()
    assert (run.state, run.requests, run.waited_seconds) == (State.SUCCEEDED, 5, 62)


def _limited(seconds):
    def answer(call):
        raise ConnectorError(Kind.RATE_LIMITED, "Slow down.", retry_at=now() + timedelta(seconds=seconds))

    return answer
