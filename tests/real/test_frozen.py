"""A worker that is stopped past its lease and continues: another worker has the account, so it writes nothing."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.kit.databases import Postgres
from tests.kit.processes import PAGE, SMALL, Packr, Sandbox, until
from tests.real.steps import FIRST_RUN, as_listed, connect, further, orders_are_being_read, pages, stop

pytestmark = pytest.mark.real

ASKING, ANSWERED, WRITING, COPYING = "asking", "answered", "writing", "copying"


def moment(packr: Packr, wms: Sandbox) -> str:
    """Return what the worker that reads the orders is doing: waiting for a response, parsing one, or writing it."""
    if packr.database.is_written():
        # If it is stopped within a COPY, its supervisor kills the whole cluster, so no worker would continue.
        is_between = isinstance(packr.database, Postgres) and packr.database.is_idle_in_transaction()
        return WRITING if is_between else COPYING
    asks = any(request["status"] is None for request in wms.requests("/wms/orders"))
    return ASKING if asks else ANSWERED


def freeze(packr: Packr, wms: Sandbox, wanted: str) -> int:
    """Stop the worker that reads the orders at the given moment. Return its pid."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        holder = until(packr.holder, "a worker holds the lane", 20, every=0.01)
        time.sleep(random.uniform(0, 0.1))
        os.kill(holder, signal.SIGSTOP)
        time.sleep(0.05)  # let a request that it has just sent arrive
        if moment(packr, wms) == wanted and packr.holder() == holder and orders_are_being_read(packr):
            return holder
        os.kill(holder, signal.SIGCONT)
    raise AssertionError(f"the worker was never {wanted} when it was stopped")


def threads(pid: int) -> set[str]:
    """Return the threads of a process. A worker has one for each lane it works on."""
    return {task.name for task in Path(f"/proc/{pid}/task").iterdir()}


# On SQLite a process that is stopped while writing blocks all others, so there is nothing to test.
@pytest.mark.parametrize(
    ("packr", "wanted"),
    [("sqlite", ASKING), ("redis", ASKING), ("postgres", ANSWERED), ("postgres", WRITING)],
    indirect=["packr"],
)
def test_worker_frozen_past_its_lease_writes_nothing(packr: Packr, small: Sandbox, wanted: str) -> None:
    small.fault(fault="latency", ms=400, path="/wms/orders")
    connection = connect(packr, small)
    cluster = packr.start("qcluster")
    further(packr, 0, 60)
    stale = freeze(packr, small, wanted)
    before, working = pages(packr), threads(stale)
    until(lambda: packr.holder() not in (None, stale), "another worker took the lane", 30, every=0.02)
    until(lambda: pages(packr) > before, "the other one got further", 30, every=0.02)
    assert orders_are_being_read(packr)
    os.kill(stale, signal.SIGCONT)
    # Between two slices of the other worker it may take the lane as usual.
    until(lambda: not working <= threads(stale) or packr.holder() == stale, "it let go", 20, every=0.01)
    until(lambda: not orders_are_being_read(packr), "the orders were read", 60)
    stop(packr, cluster)
    assert packr.rows(FIRST_RUN) == [("succeeded", SMALL / PAGE, SMALL, SMALL, 0)]
    as_listed(packr, small, connection)
