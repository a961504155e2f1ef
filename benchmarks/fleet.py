"""A fleet at work: N connections at the default cadences, real clusters, a WMS with latency, one machine.

python -m benchmarks.fleet [--connections N] [--minutes M] [--latency-ms 200] [--clusters K] [--lanes L]
[--workers W] [--broker redis|orm] [--first-syncs 100] [--due-at-once 10000]

Prints a table with a column per phase: steady state; the same while connections do a first sync; the same after many
runs fell due at one moment. Someone presses Run every few seconds throughout. docs/scaling.md explains the figures.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from . import databases, django_process, processes
from .fleet_processes import Cluster, Meter
from .fleet_report import table
from .wms_process import WmsProcess

if TYPE_CHECKING:
    from .fleet_measure import FleetPhase, Person

LOOKS_EVERY = 2.0  # seconds
# The data of a connection that does its first sync. The others have read all of it before.
GOODS = {"inventory": 5_000, "orders": 2_000, "products": 5_000, "inbound_shipments": 200}
Row = dict[str, Any]
Tell = Callable[[str], None]


def main() -> None:
    asked = arguments(sys.argv[1:])
    began = time.monotonic()

    def tell(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:7.1f} s  {what}\n")

    databases.VAR.mkdir(parents=True, exist_ok=True)
    phases: list[Row] = []
    try:
        for phase in live(asked, tell):
            phases.append(phase)
    finally:  # report what was measured, whatever happened afterwards
        kept = databases.VAR / f"fleet-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
        kept.write_text(json.dumps({"asked": vars(asked), "phases": phases}, indent=1))
        tell(f"results in {kept}")
        sys.stdout.write(f"{json.dumps(phases) if asked.json else table(phases, _title(asked))}\n")


def arguments(given: list[str]) -> argparse.Namespace:
    """Return the parsed arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--connections", type=int, default=1000, metavar="N", help="with 7 entities each, 1000")
    parser.add_argument("--minutes", type=float, default=3, metavar="M", help="of each phase, 3")
    parser.add_argument("--warm-up", type=float, default=60, metavar="S", help="seconds that are not measured, 60")
    parser.add_argument("--latency-ms", type=float, default=200, help="of each answer of the WMS, 200")
    parser.add_argument("--clusters", type=int, default=1, metavar="K", help="process groups, each a qcluster, 1")
    parser.add_argument("--workers", type=int, default=2, metavar="W", help="of each cluster, 2")
    parser.add_argument("--lanes", type=int, metavar="L", help="threads of each worker; Packr's default")
    parser.add_argument("--broker", choices=("redis", "orm"), default="redis")
    parser.add_argument("--no-steady", action="store_true", help="skip the first phase")
    parser.add_argument("--first-syncs", type=int, default=0, metavar="N", help="connections that join in a 2nd phase")
    parser.add_argument("--due-at-once", type=int, default=0, metavar="N", help="runs that fall due in a last phase")
    parser.add_argument("--kill-one", action="store_true", help="kill -9 a cluster in the middle of the last phase")
    parser.add_argument("--person-every", type=float, default=3, metavar="S", help="seconds between two requests, 3")
    parser.add_argument("--profiled", action="store_true", help="cProfile in the workers; costs twice the CPU")
    parser.add_argument("--json", action="store_true", help="the figures instead of a table")
    asked = parser.parse_args(given)
    if asked.kill_one and (asked.clusters < 2 or not asked.due_at_once):
        parser.error("--kill-one needs two clusters at least, and --due-at-once")
    return asked


def live(asked: argparse.Namespace, tell: Tell) -> Iterator[Row]:
    """Set everything up, run the phases and yield the figures of each."""
    _Database.prepare()
    folder = databases.VAR / f"fleet-{os.getpid()}"
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        stack.callback(_Database.discard)
        wms = stack.enter_context(WmsProcess(latency_ms=asked.latency_ms, **GOODS))
        database = _Database(folder)
        stack.callback(database.drop)
        broker = stack.enter_context(_broker(asked.broker))
        environment = django_process.environment(database=database.url, folder=str(folder), wms=wms.url)
        environment |= {"Q_BROKER_URL": broker.url if broker else "", "PACKR_WORKERS": str(asked.workers)}
        environment |= {"PACKR_LANES": str(asked.lanes)} if asked.lanes else {}
        _django(environment)
        stack.callback(django_process.rest)
        from . import fleet_world

        fleet_world.settle(wms, asked.connections)
        tell(f"{asked.connections} connections are created")
        clusters = [
            stack.enter_context(Cluster(environment, folder / f"cluster-{number}", profiled=asked.profiled))
            for number in range(1, asked.clusters + 1)
        ]
        others = {"PostgreSQL": _postmaster(database), "the WMS": wms.process.pid}
        others |= {"Redis": broker.pid} if broker else {}
        yield from Fleet(asked, wms, clusters, others, tell).phases()
        for cluster in clusters if asked.profiled else ():
            shutil.copytree(cluster.log.parent, databases.VAR / "profiles" / folder.name / cluster.log.parent.name)


class _Database(databases.Postgres):
    """A database with a template of its own, so that two fleets don't interfere."""

    template = f"bench_template_{os.getpid()}"


class Fleet:
    """A fleet with running clusters."""

    def __init__(
        self,
        asked: argparse.Namespace,
        wms: WmsProcess,
        clusters: list[Cluster],
        others: dict[str, int],
        tell: Tell,
    ) -> None:
        self.asked, self.wms, self.clusters, self.others, self.tell = asked, wms, clusters, others, tell

    def phases(self) -> Iterator[Row]:
        """Yield the figures of each phase."""
        from integrations.models import Connection

        self.last = Connection.objects.latest("pk").pk
        time.sleep(self.asked.warm_up)
        if not self.asked.no_steady:
            yield self._steady()
        if self.asked.first_syncs:
            yield self._joined()
        if self.asked.due_at_once:
            yield self._at_once()

    @contextmanager
    def _phase(self, name: str, every: float) -> Iterator[tuple["FleetPhase", "Person"]]:
        from . import fleet_measure

        self.tell(f"phase: {name}")
        running = [one for one in self.clusters if one.process.poll() is None]
        meter = Meter(running, self.others, fleet_measure.workers)
        with fleet_measure.Person(every, self.last) as somebody:
            yield fleet_measure.FleetPhase(name, meter, self.last), somebody

    def _steady(self) -> Row:
        with self._phase("steady state", self.asked.person_every) as (phase, somebody):
            self._wait(phase, lambda: True, self.asked.minutes * 60)
            return phase.figures(somebody)

    def _joined(self) -> Row:
        from . import fleet_measure, fleet_world

        joined = fleet_world.join(self.wms, self.asked.first_syncs)
        with self._phase(f"{len(joined)} first syncs", self.asked.person_every) as (phase, somebody):
            self._wait(phase, lambda: fleet_measure.unfinished(joined) > 0)
            figures = phase.figures(somebody)
            return figures | {"first syncs left": fleet_measure.unfinished(joined)}

    def _at_once(self) -> Row:
        from syncs.process import wakeups

        from . import fleet_measure

        count = self.asked.due_at_once
        with self._phase(f"{count} due at once", min(1.0, self.asked.person_every)) as (phase, somebody):
            moment = fleet_measure.fall_due(count)
            wakeups.tick()
            orphaned = {"in the hands of the killed": self._kill(phase, moment)} if self.asked.kill_one else {}
            self._wait(phase, lambda: fleet_measure.left_of(moment) > 0)
            figures = phase.figures(somebody)
            left = {"left of them": fleet_measure.left_of(moment)}
            return figures | left | fleet_measure.at_once(moment) | orphaned

    def _kill(self, phase: "FleetPhase", moment: datetime) -> int:
        """Kill a cluster once half of the work is done. Return how many runs it was working on."""
        from . import fleet_measure

        half = self.asked.due_at_once / 2
        self._wait(phase, lambda: fleet_measure.left_of(moment) > half)
        cluster = self.clusters[0]
        pids = processes.below(cluster.process.pid, processes.look())
        cluster.kill()
        self.tell("a cluster is killed")
        return fleet_measure.in_hands_of(pids)

    def _wait(self, phase: "FleetPhase", goes_on: Callable[[], bool], seconds: float | None = None) -> None:
        """Wait until the condition is false, at most `seconds`, or the minutes of a phase, at least three."""
        ends = time.monotonic() + (seconds or 60 * max(3, self.asked.minutes))
        while time.monotonic() < ends and goes_on():
            phase.meter.look()
            time.sleep(min(LOOKS_EVERY, max(0.0, ends - time.monotonic())))


@contextmanager
def _broker(kind: str) -> Iterator[Any]:
    """Return a separate Redis; None if the database carries the wake-ups."""
    from tests.servers import Redis

    if kind == "orm":
        yield None
        return
    with Redis() as running:
        yield running


def _django(environment: dict[str, str]) -> None:
    import django

    os.environ |= environment
    django.setup()


def _postmaster(database: databases.Postgres) -> int:
    with psycopg.connect(database.url) as session:
        found = databases.postmaster(session)
    if found is None:
        raise RuntimeError("PostgreSQL does not run on this machine, so what it costs can't be seen")
    return found


def _title(asked: argparse.Namespace) -> str:
    names = ("connections", "clusters", "workers", "lanes", "broker", "latency_ms")
    setting = ", ".join(f"{name.replace('_', ' ')} {vars(asked)[name] or 'default'}" for name in names)
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} cores; {setting}"
    )


if __name__ == "__main__":
    main()
