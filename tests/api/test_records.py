"""API of records: lists, change feeds, single records and their visibility."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import records
from integrations.entities import Entity
from integrations.models import Connection
from packr.warehouse.mirror import writer
from packr.warehouse.mirror.export import export_lines
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.models import Order
from packr.workspaces.services import save_workspace
from tests.kit import factories as make

from .conftest import error, send

Program = Callable[..., Client]
THEN = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)


def write(connection: Connection, *ids: str, at: datetime = THEN, **fields: Any) -> None:
    """Write a page of orders, as a sync does."""
    made = [records.Order(external_id=one, order_number=f"#{one}", updated_at=at, **fields) for one in ids]
    writer.apply(connection.pk, Entity.ORDERS, made, now=now())


def read_pages(client: Client, address: str) -> Iterator[list[dict[str, Any]]]:
    """Return the pages from an address to the last or an empty one."""
    following: str | None = f"/api/v1/{address}"
    while following:
        page = client.get(following).json()
        yield page["results"]
        following = page["next"] if page["results"] else None


def read_addresses(client: Client, address: str) -> Iterator[str]:
    """Return the addresses of a feed up to the one without new changes."""
    following = f"/api/v1/{address}"
    while True:
        yield following
        page = client.get(following).json()
        following = page["next"]
        if not page["results"]:
            yield following
            return


def ids(pages: Any) -> list[str]:
    return [row["external_id"] for page in pages for row in page]


def test_records_have_the_exported_form(program: Program, connection: Any) -> None:
    """The API returns the exported record with its connection."""
    write(connection, "o-1", "o-2", status="open", total_price="58.4")
    first, _ = send(program("member"), "get", "orders/").json()["results"]
    whole = {name: value for name, value in first.items() if name not in ("id", "url", "connection", "changed_at")}
    assert whole.pop("removed_at") is None
    assert whole == json.loads(next(iter(export_lines(connection, Entity.ORDERS))))
    assert (first["connection"], first["status"], first["total_price"]) == (connection.pk, "open", "58.4")
    assert first["updated_at"] == "2026-02-04T09:00:00Z"
    assert program("member").get(first["url"]).json() == first


def test_list_returns_each_record_of_all_connections_once(program: Program, connection: Any, people: Any) -> None:
    second = make.connection(connection.workspace, "Second")
    make.order(make.connection(make.workspace("thornbury"), "Not ours"))
    write(connection, *(f"a{number}" for number in range(5)))
    write(second, *(f"b{number}" for number in range(4)))
    writer.remove(second.pk, Entity.ORDERS, [Order.objects.get(external_id="b1").pk], now=now())
    client = program("member")
    assert ids(read_pages(client, "orders/?limit=3")) == ["a0", "a1", "a2", "a3", "a4", "b0", "b2", "b3"]
    assert ids(read_pages(client, f"orders/?limit=3&connection={second.pk}")) == ["b0", "b2", "b3"]
    assert send(client, "get", "orders/").json()["next"] is None


def test_feed_misses_no_change_and_includes_removals(program: Program, connection: Any) -> None:
    """A record that changes while the feed is read appears again, in this pass or the next."""
    write(connection, "o-1", "o-2", "o-3", "o-4")
    client = program("member")
    page = send(
        client, "get", f"orders/?updated_since={now() - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}&limit=2"
    ).json()
    assert [row["external_id"] for row in page["results"]] == ["o-1", "o-2"]
    write(connection, "o-1", at=THEN + timedelta(minutes=1), status="cancelled")
    page = client.get(page["next"]).json()
    assert [row["external_id"] for row in page["results"]] == ["o-3", "o-4"]
    page = client.get(page["next"]).json()
    assert [(row["external_id"], row["status"]) for row in page["results"]] == [("o-1", "cancelled")]
    page = client.get(page["next"]).json()
    assert page["results"] == []
    writer.remove(connection.pk, Entity.ORDERS, [Order.objects.get(external_id="o-2").pk], now=now())
    page = client.get(page["next"]).json()
    assert [(row["external_id"], row["removed_at"] is None) for row in page["results"]] == [("o-2", False)]
    assert client.get(page["next"]).json()["results"] == []


def test_feed_starts_at_the_requested_time(program: Program, connection: Any) -> None:
    write(connection, "old")
    Order.objects.update(changed_at=now() - timedelta(days=2))
    write(connection, "new", at=THEN - timedelta(days=300))  # a late record with an old stamp is new in Packr
    since = f"{now() - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    assert ids(read_pages(program("member"), f"orders/?updated_since={since}")) == ["new"]
    assert ids(read_pages(program("member"), "orders/?updated_since=2020-01-01T00:00:00Z")) == ["old", "new"]


def test_brand_filter_returns_its_customers_records(program: Program, connection: Any) -> None:
    """This holds for list and feed. Rows without a customer need a whole-connection mapping."""
    make.brand(connection.workspace, "Acme", (connection, "c-1"))
    make.brand(connection.workspace, "Whole", (connection, ""))
    for customer in ("c-1", "c-2", None):
        make.order(connection, external_id=f"of {customer}", warehouse_customer_id=customer)
    Connection.objects.update(change_no=10**6)
    client = program("member")
    since = "updated_since=2020-01-01T00:00:00Z"
    for address in ("orders/?brand=acme", f"orders/?brand=acme&{since}"):
        assert ids(read_pages(client, address)) == ["of c-1"]
    assert len(ids(read_pages(client, f"orders/?brand=whole&{since}"))) == 3
    other = make.connection(connection.workspace, "Unmapped")
    make.order(other)
    assert ids(read_pages(client, f"orders/?brand=acme&connection={other.pk}")) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("connection=987654", "connection"),
        ("connection=x", "connection"),
        ("brand=nobody", "brand"),
        ("brand=fern", "brand"),
        ("updated_since=yesterday", "updated_since"),
        ("limit=1000000000", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=e30x", "cursor"),
        ("cursor=WzEsIlx1ZDgwMCJd", "cursor"),
        ("cursor=eyIxIjpbMWUzMDAsMF19", "cursor"),
    ],
)
def test_invalid_query_is_rejected(program: Program, connection: Any, query: str, field: str) -> None:
    elsewhere = make.workspace("thornbury")
    make.brand(elsewhere, "Fern")
    answer = send(program("member"), "get", f"orders/?{query}")
    assert (answer.status_code, list(error(answer)["fields"])) == (400, [field])


def test_record_of_another_workspace_is_not_found(program: Program, connection: Any) -> None:
    made = make.order(connection)
    assert send(program("member"), "get", f"orders/{made.pk}/").status_code == 200
    assert send(program("elsewhere"), "get", f"orders/{made.pk}/").status_code == 404
    assert send(program("elsewhere"), "get", "orders/").json()["results"] == []


def test_bills_need_the_permission(program: Program, connection: Any) -> None:
    """List and record return 403 until the permission is granted."""
    bill = make.mirrored(TABLES[Entity.BILLS].model, connection)
    for client, code in ((program("member"), 403), (program("admin"), 200)):
        assert send(client, "get", "bills/").status_code == code
        assert send(client, "get", f"bills/{bill.pk}/").status_code == code
    save_workspace(connection.workspace.slug, bills=["lee"])
    assert len(send(program("member"), "get", "bills/").json()["results"]) == 1


def test_page_uses_a_constant_number_of_queries(program: Program, connection: Any) -> None:
    client = program("member")
    write(connection, "o-0")

    def count_queries(address: str) -> int:
        with CaptureQueriesContext(database) as queries:
            assert send(client, "get", address).status_code == 200
        return len(queries)

    caught_up = list(read_addresses(client, "orders/?updated_since=2020-01-01T00:00:00Z"))[-1]
    with CaptureQueriesContext(database) as queries:
        client.get(caught_up)
    assert not any("warehouse_order" in query["sql"] for query in queries), "without changes, the orders are not read"
    addresses = ("orders/", "orders/?updated_since=2020-01-01T00:00:00Z")
    count_queries("orders/")
    before = [count_queries(address) for address in addresses]
    write(connection, *(f"o-{number}" for number in range(1, 60)))
    assert [count_queries(address) for address in addresses] == before
    assert max(before) <= 6
