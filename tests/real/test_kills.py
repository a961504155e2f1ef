"""`kill -9` of any process at any time: nothing is lost, duplicated or left behind."""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.kit.processes import BIG, DATABASES, PAGE, Packr, Process, Sandbox, alive, children, kill, until
from tests.real.steps import FIRST_RUN, as_listed, connect, further, orders_are_being_read, pages, stop

pytestmark = pytest.mark.real

Tell = Callable[[str], None]

KILLS = 10
# The number of repetitions, each with its own Packr.
REPETITIONS = range(max(1, int(float(os.environ.get("PACKR_TEST_SCALE", "1")))))
# The carrier of the wake-ups: each database in turn, and Redis.
CARRIERS = [(carrier, turn) for turn in REPETITIONS for carrier in (DATABASES[turn % 2], "redis")]
TREES, ALL_WORKERS = (3, 7), 5  # the kills that hit the whole process tree, and the one that also hits the idle workers
# The filter of a first sync. Later syncs use Trackstar's own stamp.
FIRST_SYNC = "&updated_date"

# These deaths do not depend on the database, so each is tested on one.
on_sqlite = pytest.mark.parametrize("packr", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("packr", ["postgres"], indirect=True)


def on_each(name: str, *values: object) -> pytest.MarkDecorator:
    """Parametrize with one value on SQLite and the other on PostgreSQL."""
    return pytest.mark.parametrize(("packr", name), [*zip(DATABASES, values, strict=True)], indirect=["packr"])


# --- A long first sync ---------------------------------------------------------------------------------------------


@dataclass
class PageRequests:
    """The requests for pages of orders that the sandbox has received."""

    wms: Sandbox
    seen: set[str] = field(default_factory=set)
    last: int = 0

    def repeated(self) -> list[str]:
        """Return the pages that were requested again since the last call."""
        found = []
        for request in self.wms.asked("/wms/orders", after=self.last):
            self.last = request["number"]
            page = request["query"]
            if FIRST_SYNC not in f"&{page}":
                continue
            if page in self.seen:
                found.append(page)
            self.seen.add(page)
        return found


def strike(packr: Packr, cluster: Process, *, workers_too: bool) -> None:
    """Kill the worker that holds the lane at a random moment, and the idle ones too if `workers_too`."""
    workers = packr.cluster()["workers"] if workers_too else []
    time.sleep(random.uniform(0, 0.7))
    holder = until(packr.holder, "a worker holds the lane", 20, every=0.01)
    (sentinel,) = children(cluster.pid)
    assert holder in children(sentinel)
    assert orders_are_being_read(packr)
    kill(holder, *workers)


def strike_all(packr: Packr) -> Process:
    """Kill all processes of Packr and start it again."""
    time.sleep(random.uniform(0, 0.7))
    assert orders_are_being_read(packr)
    kill(*packr.pids())
    until(lambda: not packr.pids(), "the whole tree is dead", 5)
    return packr.start("qcluster")


@pytest.mark.parametrize(("packr", "turn"), CARRIERS, indirect=["packr"])
def test_first_sync_resumes_after_every_kill(packr: Packr, big: Sandbox, tell: Tell, turn: int) -> None:
    big.fault(fault="latency", ms=200, path="/wms/orders")
    connection = connect(packr, big)
    cluster = packr.start("qcluster")
    page_requests, repeats, before = PageRequests(big), [], 0
    for number in range(KILLS):
        before = further(packr, before, 60)
        if number in TREES:
            cluster = strike_all(packr)
        else:
            strike(packr, cluster, workers_too=number == ALL_WORKERS)
        repeats.append(len(page_requests.repeated()))
    big.fault(clear=True)
    until(lambda: not orders_are_being_read(packr), "the orders were read", 120, every=0.5)
    repeats.append(len(page_requests.repeated()))
    tell(f"{KILLS} kills, {len(TREES)} of whole trees; pages asked for again: {sum(repeats)}, by kill {repeats}")
    assert repeats[0] == 0
    assert max(repeats) <= 1
    assert len(page_requests.seen) == BIG / PAGE
    assert packr.rows(FIRST_RUN) == [("succeeded", BIG / PAGE, BIG, BIG, 0)]
    stop(packr, cluster)
    tell(as_listed(packr, big, connection))


# --- Other ended processes --------------------------------------------------------------------------------------------


@pytest.fixture
def busy(packr: Packr, big: Sandbox) -> Process:
    """Return a qcluster in a long first sync, slow enough for a test to act between two pages."""
    big.fault(fault="latency", ms=400, path="/wms/orders")
    connect(packr, big)
    cluster = packr.start("qcluster")
    further(packr, 1, 60)
    return cluster


@on_each("number", signal.SIGTERM, signal.SIGINT)
def test_cluster_stopped_with_its_group_ends_after_current_page(
    packr: Packr, big: Sandbox, busy: Process, number: signal.Signals
) -> None:
    before = pages(packr)
    busy.signal(number, group=True)
    assert busy.ends(8) == 0
    assert packr.pids() == []
    assert before <= pages(packr) <= before + 2
    assert orders_are_being_read(packr)
    assert packr.rows("SELECT leased_until FROM syncs_lane") == [(None,)]
    asked = big.asked("/wms/orders")
    assert len(asked) == pages(packr)


@on_postgres
def test_cluster_restarts_without_its_guard_process(packr: Packr, busy: Process) -> None:
    (sentinel,) = children(busy.pid)
    family = children(sentinel)
    kill(sentinel)
    until(lambda: not any(map(alive, family)), "the guard's children are dead", 5)
    further(packr, pages(packr), 15)
    stop(packr, busy)


@on_sqlite
def test_no_process_survives_the_main_process(packr: Packr, busy: Process) -> None:
    kill(busy.pid)
    until(lambda: not packr.pids(), "everything is dead", 5)
    assert orders_are_being_read(packr)


@on_each("role", "monitor", "pusher")
def test_syncs_continue_after_helper_died(packr: Packr, busy: Process, role: str) -> None:
    kill(packr.cluster()[role])
    sync_advances(packr)
    stop(packr, busy)


def sync_advances(packr: Packr) -> None:
    """Check twice, some seconds apart, that the sync advances within 15 s."""
    for _ in range(2):
        further(packr, pages(packr), 15)
        time.sleep(3)


@on_sqlite
def test_syncs_continue_after_all_idle_workers_died(packr: Packr, small: Sandbox) -> None:
    connection = connect(packr, small, "--no-first-sync")
    cluster = packr.start("qcluster")
    workers = packr.cluster()["workers"]
    kill(*workers)
    packr.manage("sync", connection, "warehouses")
    done = "SELECT state FROM syncs_syncrun WHERE entity = 'warehouses'"
    until(lambda: packr.rows(done) == [("succeeded",)], "the warehouses were read", 15)
    stop(packr, cluster)
