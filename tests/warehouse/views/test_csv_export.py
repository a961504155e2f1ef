"""A list as a CSV file: its rows in its order, and no formulas."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from packr.warehouse.lists import csv_export
from tests.kit import factories as make


def exported(client: Client, address: str, **query: str) -> tuple[Any, list[list[str]]]:
    response = client.get(address, query)
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode()
    assert text[0] == "\ufeff"
    return response, list(csv.reader(StringIO(text[1:], newline="")))


def test_file_has_the_rows_of_the_list_in_its_order(
    admin: Client, connection: Any, workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_export, "ROWS_PER_QUERY", 3)
    other = make.connection(workspace, "Other")
    for number in range(10):
        make.product(connection if number % 2 else other, f"A{number}", unit_price=number % 4 or None)
    make.product(connection, "B")
    make.product(connection, "A-gone", removed_at=now())
    _, (_, heads, *rows) = exported(admin, "/products/export.csv", sort="-unit_price", q="a")
    assert [row[0] for row in rows] == ["A7", "A3", "A6", "A2", "A9", "A5", "A1", "A8", "A4", "A0"]
    figures = ["Sold 30 days", "Days of cover", "Next arrival"]
    first = ["SKU", "Name", "GTIN", "Active", "Kit", "Updated in the WMS", "Unit price"]
    assert heads == [*first, *figures, "Id", "Connection"]
    assert rows[0][6:] == ["3", "", "", "", "p-A7", "Sandbox"]


def test_file_of_orders(admin: Client, connection: Any) -> None:
    make.warehouse(connection, "wh", "Allentown")
    make.synced(connection, Entity.ORDERS, at=datetime(2026, 2, 4, 9, tzinfo=UTC))
    make.order(
        connection,
        order_number="#1",
        external_id="o-1",
        ship_to_name='=HYPERLINK("https://example.com")',
        channel_name="-Shop",
        warehouse_id="wh",
        created_at=datetime(2026, 2, 4, 18, 40, 2, tzinfo=UTC),
        total_price=Decimal("-1234.50"),
        invoice_currency_code="EUR",
    )
    response, (head, heads, row) = exported(admin, "/orders/export.csv", status="open")
    assert head == ["Orders of Northbay as of 2026-02-04T09:00:00+00:00"]
    assert dict(zip(heads, row, strict=True)) == {
        "Order": "#1",
        "Status": "open",
        "Ship to": '\'=HYPERLINK("https://example.com")',
        "Channel": "'-Shop",
        "Warehouse": "Allentown",
        "Created": "2026-02-04T19:40:02+01:00",
        "Ship by": "",
        "Total": "-1234.5",
        "On hold": "",
        "Currency": "EUR",
        "Id": "o-1",
        "Connection": "Sandbox",
    }
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith('attachment; filename="northbay-orders-filtered-2')


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(beginning: str) -> None:
    assert csv_export.cell(beginning + "1", ZoneInfo("UTC")) == f"'{beginning}1"
    assert csv_export.cell("a" + beginning, ZoneInfo("UTC")) == "a" + beginning


def test_first_line_names_the_filter_and_missing_data(admin: Client, connection: Any) -> None:
    _, (head, *_) = exported(admin, "/products/export.csv", q="<Mug>")
    assert head == ["Products of Northbay that begin with “<Mug>” (not complete yet)"]


def test_export_needs_the_permissions_of_the_list(
    member: Client, elsewhere: Client, client: Client, support: Client, workspace: Any, connection: Any
) -> None:
    make.order(connection, order_number="one", warehouse_customer_id="c-1", created_at=now() - timedelta(days=1))
    make.order(connection, order_number="two", warehouse_customer_id="c-2")
    make.brand(workspace, "Acme", (connection, "c-1"))
    assert client.get("/orders/export.csv").status_code == 302
    assert support.get("/orders/export.csv").status_code == 404
    _, rows = exported(elsewhere, "/orders/export.csv")
    assert len(rows) == 2
    assert [row[0] for row in exported(member, "/orders/export.csv")[1][2:]] == ["two", "one"]
    assert [row[0] for row in exported(member, "/orders/export.csv", brand="acme")[1][2:]] == ["one"]


def test_list_links_to_the_export(member: Client, connection: Any) -> None:
    make.order(connection, order_number="#1")
    page = member.get("/orders/", {"q": "#", "status": "open", "sort": "order_number"}).content.decode()
    assert '/orders/export.csv?q=%23&amp;status=open&amp;sort=order_number"' in page
