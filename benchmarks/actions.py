"""What Packr adds to a WMS's own time when a person changes something: `python -m benchmarks.actions [--times 100]`.

Fills a PostgreSQL database of its own beside the one in DATABASE_URL (without one, on the tests' server), connects a
sandbox WMS in a process of its own, and sends actions through the service that pages and the API use. Printed are, by
kind, how long the whole took, how much of that was not the WMS's, and how much of the processor's time Packr took for
it, which does not depend on what else the machine is doing: p50 and p95 in milliseconds. What a virtual machine's
host took away meanwhile is in all three; by the last line a run can be told that says little.
"""

import argparse
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any

from . import pages, processes

NAME = "packr_actions"
ROOT = Path(__file__).resolve().parent.parent
ADDRESS = {
    "full_name": "Ada Quill",
    "address1": "9 Pier Rd",
    "city": "Portland",
    "state": "ME",
    "postal_code": "04101",
    "country": "US",
}
_numbers = count(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="how often each kind is sent")
    times = parser.parse_args().times
    address = pages.new_database(NAME)
    with sandbox() as wms:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "packr.settings",
            "DATABASE_URL": address,
            "PACKR_DEBUG": "1",
            "PACKR_PRIVATE_WMS_HOSTS": wms.removeprefix("http://"),
        }
        import django

        django.setup()
        from django.conf import settings
        from django.db import connection as database

        settings.DEBUG = False
        connection, person = connected(wms)
        began, stolen = time.monotonic(), processes.stolen()
        samples = measure(connection, person, times)
        share = (processes.stolen() - stolen) / (time.monotonic() - began)
        sys.stdout.write(f"{table(samples)}The machine's host took {share:.0%} of a processor away meanwhile.\n")
        database.close()
    pages.drop(address, NAME)


@contextmanager
def sandbox() -> Iterator[str]:
    """Start a sandbox WMS in a separate process. Yield its address."""
    command = [sys.executable, "-m", "packr.demo.sandbox", "--port", "0", "--orders", "200", "--still", "--no-limit"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "http://" in line)
            yield line.split()[-1].rstrip("/")
        finally:
            process.terminate()


def connected(wms: str) -> tuple[Any, Any]:
    """Return a connection to the sandbox with a filled mirror, and an admin of its workspace."""
    from django.core.management import call_command

    from integrations.entities import Entity
    from integrations.services import Account, connect
    from packr.demo.sandbox.account import connection_id
    from packr.workspaces.models import Role
    from tests.kit import factories, running

    call_command("migrate", verbosity=0)
    home = factories.workspace("bench")
    person = factories.person("dana", in_=home, role=Role.ADMIN)
    credentials = {"api_key": "sandbox", "access_token": "sandbox-1", "connection_id": connection_id(1)}
    account = Account("trackstar", "Sandbox", credentials, base_url=wms, lookback_days=3650)
    connection = connect(home, account, first_sync=False)
    for entity in (Entity.ORDERS, Entity.INVENTORY, Entity.PRODUCTS):
        running.sync(connection, entity)
    return connection, person


@dataclass(frozen=True, slots=True)
class ActionTiming:
    """One action: its kind, total time, the WMS's share, and this process's CPU time (ms)."""

    kind: str
    total: float
    wms: float
    processor: float

    @property
    def overhead(self) -> float:
        return self.total - self.wms


def measure(connection: Any, person: Any, times: int) -> list[ActionTiming]:
    """Send `times` rounds of actions: create, hold, release and cancel an order, adjust an item, rename a product."""
    from packr.warehouse.models import InventoryItem, Order, Product

    item = InventoryItem.objects.filter(
        connection=connection, active=True, levels__warehouse_id="wh_east", levels__fulfillable__gt=50
    ).order_by("pk")[0]
    product = Product.objects.filter(connection=connection).order_by("pk")[0]
    samples = []
    for _ in range(times):
        number = next(_numbers)
        line = {"sku": item.sku, "quantity": 1, "unit_price": "9.5", "warehouse_id": "wh_east"}
        values = {"order_number": f"B-{number}", "ship_to_address": ADDRESS, "line_items": [line]}
        made, sample = _timed(connection, person, "create-order", values)
        order = Order.objects.get(connection=connection, external_id=made.external_id)
        samples.append(sample)
        for kind in ("hold-order", "release-order", "cancel-order"):
            samples.append(_timed(connection, person, kind, {}, order)[1])
        change = {"adjustment_type": ("increase", "decrease")[number % 2], "quantity": 1, "warehouse_id": "wh_east"}
        samples.append(_timed(connection, person, "adjust-inventory", change, item)[1])
        samples.append(_timed(connection, person, "update-product", {"name": f"Name {number}"}, product)[1])
    return samples


def _timed(
    connection: Any, person: Any, kind: str, values: Mapping[str, Any], row: Any = None
) -> tuple[Any, ActionTiming]:
    from integrations.connectors.actions import ActionKind
    from packr.warehouse import actions

    began, worked = time.perf_counter(), time.thread_time()
    action = actions.act(
        connection, ActionKind(kind), values=values, person=person, key=f"{kind}-{next(_numbers)}", row=row
    )
    total = (time.perf_counter() - began) * 1000
    assert action.state == "accepted", action.message
    processor = (time.thread_time() - worked) * 1000
    return action, ActionTiming(kind, total, sum(one["ms"] for one in action.exchanges), processor)


def table(samples: Sequence[ActionTiming]) -> str:
    """Return the figures by kind, as Markdown."""
    by_kind: dict[str, list[ActionTiming]] = defaultdict(list)
    for sample in samples:
        by_kind[sample.kind].append(sample)
        by_kind["all"].append(sample)
    figures = ("total", "over the WMS", "processor")
    head = [f"{name} {cut} ms" for name in figures for cut in ("p50", "p95")]
    lines = [f"| action | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for kind, found in by_kind.items():
        columns = ([one.total for one in found], [one.overhead for one in found], [one.processor for one in found])
        cells = [f"{value:.1f}" for column in columns for value in _both(column)]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _both(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    cuts = quantiles(values, n=20)
    return cuts[9], cuts[18]


if __name__ == "__main__":
    main()
