"""The scenarios: what each contestant does, and the figures.

Those of inventory are one sequence in one fresh database, so that a full sync with no changes follows the load it
repeats.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .databases import DATABASES
from .peers import Failed, Peer, Worker, fresh_folder
from .venvs import Unavailable
from .wms_process import WmsProcess

ROWS = {"inventory": 200_000, "orders": 50_000}
MEMORY_ROWS = (100_000, 1_000_000)
PAGES, LATENCY_MS = 20, 100
AN_HOUR_OR_TWO = 7200  # seconds that the WMS's clock advances, so that no overlap reaches the last change
IDLE_TIMES = 20
Figures = dict[str, float]


@dataclass
class Result:
    """One contestant's figures in one scenario of one round; `failed` says why there are none."""

    scenario: str
    database: str
    peer: str
    figures: Figures = field(default_factory=dict)
    failed: str = ""


@dataclass(frozen=True)
class BenchmarkPlan:
    """Which scenarios and contestants to run, on which database, at which scale."""

    scenarios: tuple[str, ...]
    peers: tuple[Peer, ...]
    database: str
    scale: float = 1.0

    def rows(self, kind: str, peer: Peer) -> int:
        """Return how many rows a contestant gets; at least a tenth of two pages."""
        return max(200, round(ROWS[kind] * self.scale * peer.share))


class Stage:
    """One contestant with its WMS, fresh database and process."""

    def __init__(self, plan: BenchmarkPlan, peer: Peer, wms: WmsProcess) -> None:
        self.wms = wms
        self.folder = fresh_folder(peer.name)
        self.database = DATABASES[plan.database](self.folder)
        self.worker = Worker(peer, url=wms.url, database=self.database.url, folder=self.folder)

    def close(self) -> None:
        """Remove everything."""
        self.database.drop()
        shutil.rmtree(self.folder)

    def step(self, kind: str, *, full: bool) -> Figures:
        """Run one sync and measure it."""
        with self.database.meter() as written:
            found = self.worker.sync(kind, full=full)
            self.worker.rest()
        figures = {"wall": found["walls"][0], "cpu": found["cpus"][0], "peak_mb": found["peak_mb"]}
        if "statements" in found:
            figures["statements"] = found["statements"]
        given = {"wal": written.wal, "rows_written": written.rows, "books": written.books, "server_cpu": written.cpu}
        return figures | {name: value for name, value in given.items() if value is not None}


@contextmanager
def stage(plan: BenchmarkPlan, peer: Peer, *, latency_ms: float = 0, **sizes: int) -> Iterator[Stage]:
    """Yield a contestant that is ready to start."""
    with WmsProcess(latency_ms=latency_ms, **sizes) as wms:
        made = Stage(plan, peer, wms)
        try:
            with made.worker:
                yield made
        finally:
            made.close()


def _of(plan: BenchmarkPlan, peer: Peer, kind: str, figures: Figures, changed: float = 1.0) -> Figures:
    """Add the number of rows to the figures; those of a sample are scaled in the table."""
    return figures | {"rows": plan.rows(kind, peer) * changed, "share": peer.share}


def inventory(plan: BenchmarkPlan, peer: Peer) -> Iterator[tuple[str, Figures]]:
    """Run first load, follow-up, unchanged, one percent changed, idle: in this order, on one database."""
    with stage(plan, peer, inventory=plan.rows("inventory", peer)) as on:
        yield "first-inventory", _of(plan, peer, "inventory", on.step("inventory", full=True))
        on.database.settle()
        on.wms.control("clock", ahead=AN_HOUR_OR_TWO)
        yield "follow-up", _of(plan, peer, "inventory", on.step("inventory", full=False))
        on.database.settle()
        if "unchanged" in plan.scenarios:
            yield "unchanged", _of(plan, peer, "inventory", on.step("inventory", full=True))
            on.database.settle()
        if "changed" in plan.scenarios:
            on.wms.control("clock", ahead=AN_HOUR_OR_TWO)
            on.wms.control("change", kind="inventory", share=0.01)
            yield "changed", _of(plan, peer, "inventory", on.step("inventory", full=False), 0.01)
        if "idle" in plan.scenarios:
            yield "idle", _idle(on, peer)


def _idle(on: Stage, peer: Peer) -> Figures:
    """Measure one warm run without changes and, where it makes sense, one in a separate process."""
    on.wms.control("clock", ahead=AN_HOUR_OR_TWO)
    on.worker.sync("inventory", full=False, times=2)
    found = on.worker.sync("inventory", full=False, times=3 if peer.module == "singer" else IDLE_TIMES)
    figures = {"wall": median(found["walls"]), "cpu": median(found["cpus"])}
    if "own_cpus" in found:
        figures |= {"own_cpu": median(found["own_cpus"]), "statements": found["statements"], "asking": found["asking"]}
    if peer.module in ("packr", "dlt_peer"):
        another = Worker(peer, url=on.wms.url, database=on.database.url, folder=on.folder)
        figures["process_wall"], figures["process_cpu"] = another.whole_process("inventory")
    return figures


def orders(plan: BenchmarkPlan, peer: Peer) -> Iterator[tuple[str, Figures]]:
    """Run the first load of orders with their lines."""
    with stage(plan, peer, orders=plan.rows("orders", peer)) as on:
        yield "first-orders", _of(plan, peer, "orders", on.step("orders", full=True))


def memory(plan: BenchmarkPlan, peer: Peer) -> Iterator[tuple[str, Figures]]:
    """Measure the peak of a fresh process after a first load, small and large; large only for Packr and the floor."""
    figures = {}
    for rows in MEMORY_ROWS if peer.module in ("packr", "floor") else MEMORY_ROWS[:1]:
        with stage(plan, peer, inventory=round(rows * plan.scale)) as on:
            figures[f"peak_mb_{rows}"] = on.worker.sync("inventory", full=True)["peak_mb"]
    yield "memory", figures


def latency(plan: BenchmarkPlan, peer: Peer) -> Iterator[tuple[str, Figures]]:
    """Read twenty pages from a WMS that takes 100 ms per response."""
    rows = 1000 * max(2, round(PAGES * plan.scale))
    with stage(plan, peer, inventory=rows) as on:
        on.wms.control("latency", ms=LATENCY_MS)
        on.wms.control("stats")
        found = on.worker.sync("inventory", full=True)
        requests = on.wms.control("stats")["inventory"]
    yield "latency", {"wall": found["walls"][0], "requests": requests, "waited": requests * LATENCY_MS / 1000}


Journey = Callable[[BenchmarkPlan, Peer], Iterator[tuple[str, Figures]]]
# Each sequence with its scenarios, and whether it also runs on SQLite.
JOURNEYS: tuple[tuple[Journey, tuple[str, ...]], ...] = (
    (inventory, ("first-inventory", "follow-up", "unchanged", "changed", "idle")),
    (orders, ("first-orders",)),
    (memory, ("memory",)),
    (latency, ("latency",)),
)
SCENARIOS = ("first-inventory", "first-orders", "follow-up", "unchanged", "changed", "idle", "memory", "latency")
ON_SQLITE = SCENARIOS[:5]


def run(plan: BenchmarkPlan, tell: Callable[[str], Any]) -> Iterable[Result]:
    """Run one round: every sequence, contestant by contestant."""
    offered = ON_SQLITE if plan.database == "sqlite" else SCENARIOS
    wanted = [name for name in plan.scenarios if name in offered]
    peers = [peer for peer in plan.peers if plan.database in peer.databases]
    for journey, yields in JOURNEYS:
        asked = [name for name in yields if name in wanted]
        for peer in peers if asked else []:
            tell(f"{plan.database} {', '.join(asked)}: {peer.name}")
            yield from _travel(plan, peer, journey, asked)


def _travel(plan: BenchmarkPlan, peer: Peer, journey: Journey, asked: list[str]) -> Iterator[Result]:
    left = list(asked)
    try:
        for scenario, figures in journey(plan, peer):
            if scenario in left:
                left.remove(scenario)
                yield Result(scenario, plan.database, peer.name, figures)
    except (Failed, Unavailable) as error:  # reported in the table; the others continue
        yield from (Result(scenario, plan.database, peer.name, failed=str(error)) for scenario in left)
