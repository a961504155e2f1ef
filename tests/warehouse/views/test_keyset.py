"""Paging by cursors: every sort, both directions, ties, missing values, and invalid cursors."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from secrets import token_hex
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from packr.warehouse.lists import listing
from packr.warehouse.lists.base import Screen
from packr.warehouse.lists.listing import ListPage, ListQuery
from packr.warehouse.lists.transaction_screens import INBOUND_SHIPMENTS, INVENTORY, ORDERS, PRODUCTS
from packr.warehouse.models import Mirrored
from packr.workspaces.request_context import RequestContext
from tests.kit import factories as make

SIZE = 3
THEN = datetime(2026, 2, 4, tzinfo=UTC)
SORTS = [
    (screen, way + column.field)
    for screen in (ORDERS, INVENTORY, INBOUND_SHIPMENTS, PRODUCTS)
    for column in screen.columns
    if column.sorts
    for way in ("", "-")
]
# Ties, missing and empty values, and letters that databases sort differently.
TEXTS = ("b", "B", None, "a", "", "b", None, "É", "_", "ab", "B", "a b")
NUMBERS = (2, 2, None, 0, -1, 2, None, Decimal("0.5"), 10, 2, Decimal("0.000001"), 3)
DAYS = (1, 1, None, 0, 5, 1, None, 2, 1, 3, 4, 1)
TIMES = tuple(None if days is None else THEN + timedelta(days=days) for days in DAYS)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PER_PAGE", SIZE)


@pytest.fixture
def context(workspace: Any) -> RequestContext:
    return RequestContext(workspace, None, [workspace], [], may_sync=False)


def row(screen: Screen, connection: Any, field: str, value: Any) -> Any:
    if screen is ORDERS:
        return make.order(connection, **{field: value})
    if screen is INBOUND_SHIPMENTS:
        return make.inbound_shipment(connection, **{field: value})
    made = (
        make.inventory(connection, "s")
        if screen is INVENTORY
        else make.product(connection, "s", external_id=token_hex())
    )
    setattr(made, field, value)
    made.save(update_fields=[field])
    return made


def fill(screen: Screen, connections: list[Any], field: str) -> None:
    column = next(column for column in screen.columns if column.field == field)
    values = NUMBERS if column.is_number else TIMES if column.kind in ("time", "day") else TEXTS
    for number, value in enumerate(values):
        row(screen, connections[number % len(connections)], field, value)


def parse_query(screen: Screen, **address: str) -> ListQuery:
    found = QueryDict(mutable=True)
    found.update(address)
    return listing.parse_query(screen, found)


def read_pages(context: RequestContext, screen: Screen, **address: str) -> list[ListPage]:
    """Return all pages, forwards."""
    pages = [listing.get_page(context, parse_query(screen, **address))]
    while pages[-1].next:
        pages.append(listing.get_page(context, parse_query(screen, **address, after=pages[-1].next)))
    return pages


def expected(screen: Screen, sort: str) -> list[int]:
    """Return the ids in their order, sorted in Python: missing values last, ties by id."""
    field, down = sort.removeprefix("-"), sort.startswith("-")
    rows = list(screen.model._default_manager.filter(removed_at=None))

    def sort_key(row: Mirrored) -> tuple[Any, int]:
        value = getattr(row, field)
        if isinstance(value, str):
            value = "".join(letter.lower() if letter.isascii() else letter for letter in value).encode()
        return value, row.pk

    given = sorted((one for one in rows if getattr(one, field) is not None), key=sort_key, reverse=down)
    missing = sorted((one for one in rows if getattr(one, field) is None), key=lambda one: one.pk, reverse=down)
    return [one.pk for one in (*given, *missing)]


def keys(pages: list[ListPage]) -> list[int]:
    return [one.pk for page in pages for one in page.rows]


@pytest.mark.parametrize("connections", [1, 3])
@pytest.mark.parametrize(("screen", "sort"), SORTS, ids=[f"{screen.name}-{sort}" for screen, sort in SORTS])
def test_pages_forwards_and_backwards_cover_the_list(
    workspace: Any, context: RequestContext, screen: Screen, sort: str, connections: int
) -> None:
    fill(screen, [make.connection(workspace, f"c{number}") for number in range(connections)], sort.removeprefix("-"))
    pages = read_pages(context, screen, sort=sort)
    whole = expected(screen, sort)
    assert keys(pages) == whole
    assert [(page.start, page.end, page.total) for page in pages] == [(1, 3, 12), (4, 6, 12), (7, 9, 12), (10, 12, 12)]
    back = [pages[-1]]
    while back[0].previous:
        back.insert(0, listing.get_page(context, parse_query(screen, sort=sort, before=back[0].previous)))
    assert keys(back) == whole
    assert [(page.start, page.end) for page in back] == [(1, 3), (4, 6), (7, 9), (10, 12)]


@pytest.mark.parametrize("words", ["", "s"])
def test_added_and_removed_rows_move_no_other_row(context: RequestContext, connection: Any, words: str) -> None:
    old = [make.product(connection, f"S{number}", external_id=f"p{number}") for number in range(9)]
    first = listing.get_page(context, parse_query(PRODUCTS, q=words))
    make.product(connection, "S0-before")
    make.product(connection, "S5-after")
    old[1].delete()
    old[2].delete()  # the row that the cursor names
    rest = [first]
    while rest[-1].next:
        rest.append(listing.get_page(context, parse_query(PRODUCTS, q=words, after=rest[-1].next)))
    assert [one.sku for page in rest for one in page.rows] == [
        "S0",
        "S1",
        "S2",
        "S3",
        "S4",
        "S5",
        "S5-after",
        "S6",
        "S7",
        "S8",
    ]
    back = listing.get_page(context, parse_query(PRODUCTS, q=words, before=rest[1].previous))
    assert [one.sku for one in back.rows] == ["S0", "S0-before"]
    assert (back.start, back.previous) == (1, "")


def test_page_without_rows_shows_the_first_page(context: RequestContext, connection: Any) -> None:
    old = [make.product(connection, f"S{number}") for number in range(4)]
    first = listing.get_page(context, parse_query(PRODUCTS))
    old[3].delete()
    found = listing.get_page(context, parse_query(PRODUCTS, after=first.next))
    assert [one.sku for one in found.rows] == ["S0", "S1", "S2"]
    assert (found.start, found.previous, found.next) == (1, "", "")


@pytest.mark.parametrize("words", ["", "s"])
def test_brand_pages_through_its_customers(workspace: Any, connection: Any, words: str) -> None:
    other = make.connection(workspace, "Other")
    for number in range(12):
        make.product(connection, f"S{number:02}", warehouse_customer_id=f"c-{number % 3}")
        make.product(other, f"S{number:02}-other", warehouse_customer_id=None)
    brand = make.brand(workspace, "Acme", (connection, "c-0"), (connection, "c-2"), (other, ""))
    at = RequestContext(workspace, brand, [workspace], [brand], may_sync=False)
    pages = read_pages(at, PRODUCTS, q=words)
    ours = [f"S{number:02}" for number in range(12) if number % 3 != 1]
    theirs = [f"S{number:02}-other" for number in range(12)]
    assert [one.sku for page in pages for one in page.rows] == sorted(ours + theirs)
    assert pages[0].total == 20


def test_brand_with_many_customers(workspace: Any, connection: Any) -> None:
    names = [f"c-{number}" for number in range(30)]
    for name in names:
        make.product(connection, name, warehouse_customer_id=name)
    brand = make.brand(workspace, "Acme", *((connection, name) for name in names[:20]))
    at = RequestContext(workspace, brand, [workspace], [brand], may_sync=False)
    assert [one.sku for page in read_pages(at, PRODUCTS) for one in page.rows] == sorted(names[:20])


def test_filters_apply_to_list_count_and_search(context: RequestContext, connection: Any) -> None:
    for number in range(8):
        make.order(connection, order_number=f"#{number}", status="open" if number % 2 else "fulfilled")
    for words in ("", "#"):
        pages = read_pages(context, ORDERS, status="open", q=words, sort="order_number")
        assert [one.order_number for page in pages for one in page.rows] == ["#1", "#3", "#5", "#7"]
        assert pages[0].total == 4
    assert listing.get_page(context, parse_query(ORDERS, status="no such")).total == 8


def test_total_is_unknown_above_the_limit(
    context: RequestContext, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        make.product(connection, f"S{number}")
    monkeypatch.setattr(listing, "MAX_COUNT", 5)
    assert listing.get_page(context, parse_query(PRODUCTS)).total == 5
    monkeypatch.setattr(listing, "MAX_COUNT", 4)
    pages = read_pages(context, PRODUCTS)
    assert [(page.start, page.end, page.total) for page in pages] == [(1, 3, None), (4, 5, None)]


@pytest.mark.parametrize("text", ["é", "AAAA", "=", "[" * 10_000])
def test_invalid_cursor_shows_the_first_page(admin: Client, connection: Any, text: str) -> None:
    make.order(connection, order_number="#1")
    for name in ("after", "before"):
        assert ">#1<" in admin.get("/orders/", {name: text}).content.decode()


@pytest.mark.parametrize("sort", ["created_at", "total_price", "order_number"])
@pytest.mark.parametrize(
    "place_in_list",
    [
        ("x", "1", 0),
        ("x", -1, 0),
        ("x", 2**63, 0),
        ("x", 1.5, 0),
        ("x", True, 0),
        ("x", 1, -1),
        ([], 1, 0),
        (7, 1, 0),
        ("\0", 1, 0),
        ("\ud800", 1, 0),
        ("NaN", 1, 0),
        ("Infinity", 1, 0),
        ("1E+99999", 1, 0),
        ("1E-99999", 1, 0),
        ("1" * 40, 1, 0),
        ("2026-02-04", 1, 0),
        ("2026-02-04T00:00:00", 1, 0),
        ("0001-01-01T00:00:00+14:00", 1, 0),
        ("9999-12-31T23:59:59-14:00", 1, 0),
        (None, 2**63 - 1, 2**63 - 1),
        ("9" * 300, 2**63 - 1, 0),
        (),
    ],
    ids=repr,
)
def test_any_cursor_text_is_accepted(admin: Client, connection: Any, sort: str, place_in_list: tuple[Any, ...]) -> None:
    """The first page or the page at the cursor opens."""
    make.order(connection, order_number="#1")
    text = json.dumps([sort, *place_in_list])
    for name in ("after", "before"):
        cursor = urlsafe_b64encode(text.encode()).decode()
        assert admin.get("/orders/", {"sort": sort, name: cursor}).status_code == 200


def test_cursor_of_another_sort_is_ignored(context: RequestContext, connection: Any) -> None:
    for number in range(5):
        make.product(connection, f"S{number}")
    cursor = listing.get_page(context, parse_query(PRODUCTS, sort="name")).next
    assert parse_query(PRODUCTS, sort="name", after=cursor).cursor
    assert parse_query(PRODUCTS, sort="-name", after=cursor).cursor is None
