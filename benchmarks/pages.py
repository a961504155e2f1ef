"""How long pages take when much is in the mirror: `python -m benchmarks.pages [--orders 1000000 --inventory 500000]`.

Fills a PostgreSQL database of its own beside the one in DATABASE_URL (without one, on the tests' server), asks for each
page through all of Django as a person who is signed in, and prints what the server took: p50 and p95 in milliseconds,
how much of it was Python's work and how much went by in statements, and their number. `--keep` leaves the database,
`--again` measures the one that was left.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit, urlunsplit

NAME = "packr_pages"


def main() -> None:
    options = _options()
    address = _database(again=options.again)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "packr.settings",
        "DATABASE_URL": address,
        "PACKR_DEBUG": "1",
        "CACHE_URL": "locmemcache://",
    }
    import django

    django.setup()
    _quiet()
    if not options.again:
        _fill(options)
    _measure(options.times)
    if not options.keep and not options.again:
        from django.db import connection

        connection.close()
        drop(address, NAME)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--inventory", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--again", action="store_true")
    return parser.parse_args()


def _database(*, again: bool) -> str:
    """Return the URL of the benchmark's database, created unless it is reused."""
    from tests.servers import postgres_url

    server = os.environ.get("DATABASE_URL") or postgres_url()
    return urlunsplit(urlsplit(server)._replace(path=f"/{NAME}")) if again else new_database(NAME)


def new_database(name: str) -> str:
    """Create a database with this name. Return its URL."""
    from tests.servers import postgres_url

    server = os.environ.get("DATABASE_URL") or postgres_url()
    address = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    drop(address, name)
    _on_server(address, f"CREATE DATABASE {name}")
    return address


def drop(address: str, name: str) -> None:
    """Drop the database."""
    _on_server(address, f"DROP DATABASE IF EXISTS {name}")


def _on_server(address: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(urlunsplit(urlsplit(address)._replace(path="/postgres")), autocommit=True) as server:
        server.execute(statement.encode())


def _quiet() -> None:
    """Use production settings, without debug pages, watchdog and host check."""
    from django.conf import settings

    settings.DEBUG = False
    settings.WEB_WATCHES_EVERY = None
    settings.ALLOWED_HOSTS = ["*"]


def _fill(options: argparse.Namespace) -> None:
    from django.core.management import call_command

    from packr.workspaces.models import Role
    from tests.kit import factories, large

    began = time.monotonic()
    call_command("migrate", verbosity=0)
    made = large.fill(
        orders=options.orders,
        inventory=options.inventory,
        products=options.inventory // 2,
        inbound=options.orders // 20,
    )
    factories.person("dana", in_=made.workspace, role=Role.ADMIN)
    _say(f"Filled in {time.monotonic() - began:.0f} s.")


def _measure(times: int) -> None:
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client()
    client.force_login(get_user_model().objects.get(username="dana"))
    _say("| page | p50 ms | p95 ms | of which Python p50 | statements p50 | statements |")
    _say("|---|---|---|---|---|---|")
    pages = list(_addresses(client))
    for name, address in pages[:1]:  # the state before the first sync
        _say(_row(f"{name}, never synced", client, address, times))
    for name, address in pages:
        _as_in_service()
        _say(_row(name, client, address, times))
    for address in ("/orders/export.csv?status=open", "/orders/export.csv"):
        _say(_exported(client, address))


def _as_in_service() -> None:
    """Simulate a live worker and fresh data."""
    from django.utils.timezone import now

    from syncs.models import EntitySchedule
    from syncs.process import heartbeats

    heartbeats.record_process(heartbeats.WORKER)
    heartbeats.record(heartbeats.TICK)
    EntitySchedule.objects.update(watermark=now(), as_of=now(), next_due_at=None)


def _row(name: str, client: Any, address: str, times: int) -> str:
    figures = [_timed(client, address) for _ in range(times + 2)][2:]
    took = quantiles([one.seconds * 1000 for one in figures], n=20)
    python, waited = median(one.python for one in figures) * 1000, median(one.waited for one in figures) * 1000
    count = max(one.statements for one in figures)
    return f"| {name} | {took[9]:.0f} | {took[18]:.0f} | {python:.0f} | {waited:.0f} | {count} |"


@dataclass
class PageRequest:
    """One request: total seconds, CPU seconds of this process, statements and the seconds they took."""

    seconds: float = 0
    python: float = 0
    statements: int = 0
    waited: float = 0

    def execute(self, execute: Callable[..., Any], *given: Any) -> Any:
        """Count and time a statement."""
        self.statements += 1
        began = time.perf_counter()
        try:
            return execute(*given)
        finally:
            self.waited += time.perf_counter() - began


def _timed(client: Any, address: str) -> PageRequest:
    from django.db import connection

    found = PageRequest()
    with connection.execute_wrapper(found.execute):
        began, python = time.perf_counter(), time.process_time()
        response = client.get(address)
        found.seconds, found.python = time.perf_counter() - began, time.process_time() - python
    assert response.status_code == 200, (address, response.status_code)
    return found


def _exported(client: Any, address: str) -> str:
    began = time.perf_counter()
    response = client.get(address)
    rows = sum(chunk.count(b"\n") for chunk in response.streaming_content) - 2
    took = time.perf_counter() - began
    return f"\n{address}: {rows:,} rows in {took:.1f} s, {rows / took:,.0f} rows/s"


def _addresses(client: Any) -> Iterator[tuple[str, str]]:
    from packr.warehouse.models import InboundShipment, Order

    order = Order.objects.present().filter(connection__workspace__slug="large").order_by("pk")[1000]
    inbound = InboundShipment.objects.present().filter(connection__workspace__slug="large").order_by("pk")[100]
    yield "orders, first page", "/orders/?brand="
    yield "orders, page 2", _further(client, "/orders/?brand=", 1)
    yield "orders, in the middle", _deep("-created_at", "2026-05-01T00:00:00+00:00")
    yield "orders, last rows (no date)", _deep("-created_at", None)
    for sort in ("order_number", "-ship_to_name", "total_price", "-total_price", "-required_ship_date"):
        yield f"orders by {sort}", f"/orders/?brand=&sort={sort}"
    yield "orders by -total_price, in the middle", _deep("-total_price", "250")
    yield "orders, status open", "/orders/?brand=&status=open"
    yield "orders, status with no orders", "/orders/?brand=&status=exception"
    yield "orders, status open by total_price", "/orders/?brand=&status=open&sort=total_price"
    for words in ("NB-12345", "#NB-1234", "#NB-1", "SKU-04321", "SKU-00001", "SKU", "ada 00", "no such"):
        yield f"orders, search {words}", "/orders/?brand=&q=" + words.replace("#", "%23").replace(" ", "+")
    yield "orders, search #NB-1234 by -total_price", "/orders/?brand=&q=%23NB-1234&sort=-total_price"
    yield "orders of a brand", "/orders/?brand=acme"
    yield "orders of a brand by total_price", "/orders/?brand=acme&sort=total_price"
    yield "orders of a brand, search ada", "/orders/?brand=acme&q=ada"
    yield "one order", f"/orders/{order.pk}/?brand="
    for sort in ("sku", "-name", "onhand", "-fulfillable", "-awaiting"):
        yield f"inventory by {sort}", f"/inventory/?brand=&sort={sort}"
    for words in ("SKU-0001234", "SKU-00012", "SKU", "thing 00ff"):
        yield f"inventory, search {words}", "/inventory/?brand=&q=" + words.replace(" ", "+")
    yield "inventory of a brand", "/inventory/?brand=acme"
    yield "products", "/products/?brand="
    yield "products, not active", "/products/?brand=&active=no"
    yield "products by -updated_at", "/products/?brand=&sort=-updated_at"
    yield "inbound shipments", "/inbound-shipments/?brand="
    yield "inbound shipments, kind transfer", "/inbound-shipments/?brand=&kind=transfer"
    yield "inbound shipments, search SKU-04321", "/inbound-shipments/?brand=&q=SKU-04321"
    yield "one inbound shipment", f"/inbound-shipments/{inbound.pk}/?brand="


def _further(client: Any, address: str, pages: int) -> str:
    for _ in range(pages):
        link = re.search(r'rel="next"\s+href="([^"]*)"', client.get(address).content.decode())
        assert link, address
        address = address.split("?")[0] + unescape(link[1])
    return address


def _deep(sort: str, key: str | None) -> str:
    """Return the orders after a key far down the list."""
    import json
    from base64 import urlsafe_b64encode

    cursor = urlsafe_b64encode(json.dumps([sort, key, 2**40, 300_000]).encode()).decode()
    return f"/orders/?brand=&sort={sort}&after={cursor.rstrip('=')}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
