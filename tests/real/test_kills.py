"""Kill -9, of whatever, whenever: nothing is lost, nothing doubled, nothing left behind."""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from tests.kit.processes import (
    BIG,
    SANDBOX_CREDENTIALS,
    Packr,
    Process,
    Sandbox,
    alive,
    children,
    kill,
    until,
)

pytestmark = pytest.mark.real

Tell = Callable[[str], None]

KILLS, TREE_KILLS = 10, 2
# As often as that, each time with a Packr of its own.
TURNS = range(max(1, int(float(os.environ.get("PACKR_TEST_SCALE", "1")))))
TREES, ALL_WORKERS = (4, 9), 7  # which of the kills take the whole tree, and which one the idle workers too
# How a first sync asks; later ones ask by Trackstar's own stamp.
FIRST_SYNC = "&updated_date"
FIRST_RUN = """SELECT state, pages, seen, created, rejected FROM syncs_syncrun
               WHERE entity = 'orders' AND "trigger" = 'first'"""


@pytest.fixture
def wms(big: Sandbox) -> Sandbox:
    big.reset()
    return big


def connect(packr: Packr, wms: Sandbox) -> str:
    return packr.connect("trackstar", wms.url, SANDBOX_CREDENTIALS, "--lookback-days", "90")


def pages(packr: Packr) -> int:
    ((_, pages, *_),) = packr.rows(FIRST_RUN)
    return int(pages)


def further(packr: Packr, than: int, seconds: float) -> int:
    """Wait until more pages are written; how many they are."""
    until(lambda: pages(packr) > than, f"the sync got further than page {than}", seconds)
    return pages(packr)


def orders_are_being_read(packr: Packr) -> bool:
    ((state, *_),) = packr.rows(FIRST_RUN)
    return bool(state == "running")


def stop(packr: Packr, cluster: Process, *, seconds: float = 10) -> None:
    """Ask the cluster to stop: it does, within some seconds, all well, and nothing of it is left."""
    cluster.signal(signal.SIGTERM)
    assert cluster.ends(seconds) == 0
    assert packr.pids() == []


# --- A long first sync ---------------------------------------------------------------------------------------------


@dataclass
class Walk:
    """What the sandbox saw of the orders' pages, kill by kill."""

    wms: Sandbox
    seen: set[str] = field(default_factory=set)
    last: int = 0

    def repeated(self) -> list[str]:
        """The pages asked for again since the last look."""
        found = []
        for request in self.wms.requests("/wms/orders", after=self.last):
            self.last = request["number"]
            page = request["query"]
            if FIRST_SYNC not in f"&{page}":
                continue
            if page in self.seen:
                found.append(page)
            self.seen.add(page)
        return found


def strike(packr: Packr, cluster: Process, *, workers_too: bool) -> None:
    """Kill the worker that holds the lane, at a moment nobody chose; with `workers_too` the idle ones as well."""
    workers = packr.cluster()["workers"] if workers_too else []
    time.sleep(random.uniform(0, 0.7))
    holder = until(packr.holder, "a worker holds the lane", 20, every=0.01)
    (sentinel,) = children(cluster.pid)
    assert holder in children(sentinel)
    assert orders_are_being_read(packr)
    kill(holder, *workers)


def strike_all(packr: Packr) -> Process:
    """Kill everything Packr runs, and start it again."""
    time.sleep(random.uniform(0, 0.7))
    assert orders_are_being_read(packr)
    kill(*packr.pids())
    until(lambda: not packr.pids(), "the whole tree is dead", 5)
    return packr.start("qcluster")


@pytest.mark.parametrize("turn", TURNS)
def test_a_first_sync_goes_on_after_every_kill(packr: Packr, wms: Sandbox, tell: Tell, turn: int) -> None:
    wms.fault(fault="latency", ms=100, path="/wms/orders")
    connection = connect(packr, wms)
    cluster = packr.start("qcluster")
    walk, repeats, before = Walk(wms), [], 0
    for number in range(KILLS + TREE_KILLS):
        before = further(packr, before, 60)
        if number in TREES:
            cluster = strike_all(packr)
        else:
            strike(packr, cluster, workers_too=number == ALL_WORKERS)
        repeats.append(len(walk.repeated()))
    until(lambda: not orders_are_being_read(packr), "the orders were read", 120, every=0.5)
    repeats.append(len(walk.repeated()))
    tell(f"{KILLS} workers and {TREE_KILLS} trees killed; pages asked for again: {sum(repeats)}, by kill {repeats}")
    assert repeats[0] == 0
    assert max(repeats) <= 1
    assert len(walk.seen) == BIG / 1000
    assert packr.rows(FIRST_RUN) == [("succeeded", BIG / 1000, BIG, BIG, 0)]
    stop(packr, cluster)
    tell(as_listed(packr, wms, connection))


# --- What the sandbox lists, as Packr has to export it ---------------------------------------------------------------


def as_listed(packr: Packr, wms: Sandbox, connection: str) -> str:
    """Every order and shipment of the sandbox is exported once, and says the same; how much was compared."""
    listed = wms.listing("/wms/orders")
    compared = same(packr.export(connection, "orders"), {order["id"]: as_exported(order) for order in listed})
    shipments = {
        f"{order['id']}/{one['shipment_id']}": as_shipment(order, one) for order in listed for one in order["shipments"]
    }
    compared += same(packr.export(connection, "order-shipments"), shipments)
    return f"{len(listed)} orders and {len(shipments)} shipments as listed: {compared} values compared"


SAME = ("order_number", "reference_id", "status", "raw_status", "warehouse_id", "warehouse_customer_id", "tags")
AMOUNTS = ("total_price", "total_tax", "total_discount", "total_shipping")


def amount(value: Any) -> str | None:
    """A number as exact text."""
    if value is None:
        return None
    return format(Decimal(str(value)).normalize(), "f")


def as_exported(order: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: order[name] for name in SAME},
        **{name: amount(order[name]) for name in AMOUNTS},
        "created_at": order["created_date"],
        "updated_at": order["updated_date"],
        "invoice_currency_code": order["invoice_currency_code"],
        "line_items": [
            {
                **line,
                **{name: amount(line[name]) for name in ("quantity", "unit_price", "discount_amount")},
            }
            for line in order["line_items"]
        ],
    }


def as_shipment(order: dict[str, Any], shipment: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: shipment[name] for name in ("shipment_id", "warehouse_id", "status", "raw_status", "shipped_date")},
        "order_id": order["id"],
        "line_items": [{**line, "quantity": amount(line["quantity"])} for line in shipment["line_items"]],
    }


def same(exported: list[dict[str, Any]], expected: dict[str, dict[str, Any]]) -> int:
    """Every record is exported once and says what it has to; how many values were compared."""
    assert len(exported) == len(expected)
    assert {record["external_id"] for record in exported} == expected.keys()
    for record in exported:
        wanted = expected[record["external_id"]]
        assert {name: record[name] for name in wanted} == wanted
    return sum(len(wanted) for wanted in expected.values())


# --- Other deaths --------------------------------------------------------------------------------------------------


@pytest.fixture
def busy(packr: Packr, wms: Sandbox) -> Process:
    """A qcluster in the middle of a long first sync."""
    wms.fault(fault="latency", ms=100, path="/wms/orders")
    connect(packr, wms)
    cluster = packr.start("qcluster")
    further(packr, 1, 60)
    return cluster


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_told_to_stop_with_its_whole_group_it_ends_after_the_page_in_hand(
    packr: Packr, wms: Sandbox, busy: Process, number: signal.Signals
) -> None:
    before = pages(packr)
    busy.signal(number, group=True)
    assert busy.ends(8) == 0
    assert packr.pids() == []
    assert before <= pages(packr) <= before + 2
    assert orders_are_being_read(packr)
    assert packr.rows("SELECT leased_until FROM syncs_lane") == [(None,)]
    asked = wms.requests("/wms/orders")
    assert len(asked) == pages(packr)


def test_without_its_guard_process_it_starts_anew_and_works_on(packr: Packr, busy: Process) -> None:
    (sentinel,) = children(busy.pid)
    family = children(sentinel)
    kill(sentinel)
    until(lambda: not any(map(alive, family)), "the guard's children are dead", 5)
    further(packr, pages(packr), 15)
    stop(packr, busy)


def test_without_its_main_process_nothing_lives_on(packr: Packr, busy: Process) -> None:
    kill(busy.pid)
    until(lambda: not packr.pids(), "everything is dead", 5)
    assert orders_are_being_read(packr)


@pytest.mark.parametrize("role", ["monitor", "pusher"])
def test_work_goes_on_after_a_helper_died(packr: Packr, busy: Process, role: str) -> None:
    kill(packr.cluster()[role])
    goes_on(packr)
    stop(packr, busy)


def goes_on(packr: Packr) -> None:
    """Twice, some seconds apart, the sync gets further within 15 s."""
    for _ in range(2):
        further(packr, pages(packr), 15)
        time.sleep(3)


def test_work_goes_on_after_all_idle_workers_died(packr: Packr, wms: Sandbox) -> None:
    connection = packr.connect("trackstar", wms.url, SANDBOX_CREDENTIALS, "--no-first-sync")
    cluster = packr.start("qcluster")
    workers = packr.cluster()["workers"]
    kill(*workers)
    packr.manage("sync", connection, "warehouses")
    done = "SELECT state FROM syncs_syncrun WHERE entity = 'warehouses'"
    until(lambda: packr.rows(done) == [("succeeded",)], "the warehouses were read", 15)
    stop(packr, cluster)
