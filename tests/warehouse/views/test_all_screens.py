"""The screens of all thirteen entities: contents, filters, links, query counts and the bills permission."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from integrations.entities import Entity
from packr.warehouse import models
from packr.warehouse.lists.base import Screen
from packr.warehouse.lists.screens import SCREENS
from packr.workspaces.models import Membership
from packr.workspaces.services import show_bills
from tests.kit import factories as make

from ...kit.html import main, page, words


def fill(connection: Any, numbers: range) -> None:
    """Create rows of every entity for each number."""
    for n in numbers:
        order = make.order(connection, order_number=f"#A-{n}", warehouse_id="wh", warehouse_customer_id="c")
        make.order_shipment(order, shipment_id=f"shp-{n}", warehouse_id="wh")
        make.inventory(connection, f"SKU-{n}", levels={"wh": 4, "other": 1})
        make.product(
            connection, f"SKU-{n}", is_kit=True, record={"inventory_items": [{"sku": "A", "unit_quantity": "2"}]}
        )
        make.inbound_shipment(connection, purchase_order_number=f"PO-{n}")
        make.returned(connection, external_id=f"ret-{n}", order_id=order.external_id, warehouse_customer_id="c")
        make.mirrored(models.Bill, connection, charge_type="shipping", object_id=order.external_id, amount=Decimal(n))
        for model in (
            models.Customer,
            models.Warehouse,
            models.WarehouseLocation,
            models.ShippingMethod,
            models.Supplier,
            models.OrderChannel,
        ):
            make.mirrored(model, connection, name=f"Name {n}")


@pytest.mark.parametrize("query", ["", "?q=s", "?brand=acme", "?brand=acme&q=n"])
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_screen_uses_a_constant_number_of_queries(
    admin: Client, workspace: Any, connection: Any, screen: Screen, query: str
) -> None:
    """The number of statements does not depend on rows, connections or choices of filters."""
    make.brand(workspace, "Acme", (connection, ""))
    fill(connection, range(1))
    make.run(connection)
    address = reverse(screen.name) + query
    admin.get(address)
    with CaptureQueriesContext(database) as one:
        admin.get(address)
    fill(make.connection(workspace, "Another"), range(3))
    fill(connection, range(1, 12))
    with CaptureQueriesContext(database) as many:
        admin.get(address)
    assert len(one) == len(many) <= 14  # each filter's choices take one statement


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_screen_lists_sorts_and_exports_its_rows(admin: Client, connection: Any, screen: Screen) -> None:
    """Every column sorts both ways, and the CSV file has the same rows."""
    fill(connection, range(3))
    address = reverse(screen.name)
    assert "Showing 1 to 3 of 3" in main(admin, address)
    for column in screen.columns:
        for sort in (column.field, f"-{column.field}") if column.sorts else ():
            assert "Showing 1 to 3 of 3" in main(admin, f"{address}?sort={sort}"), sort
    lines = b"".join(admin.get(reverse(screen.export)).streaming_content).decode().splitlines()
    assert len(lines) == 5, lines


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_empty_screen_describes_its_data(admin: Client, connection: Any, screen: Screen) -> None:
    make.synced(connection, connection.connector.read_with.get(screen.entity, screen.entity))
    text = main(admin, reverse(screen.name))
    assert f"No {screen.noun}" in text
    assert screen.about in text.replace("&#x27;", "’")


def test_navigation_links_to_every_screen_and_to_bills_with_the_permission(
    admin: Client, member: Client, member_user: Any, connection: Any
) -> None:
    for screen in SCREENS:
        if screen.entity == Entity.BILLS:
            assert member.get(reverse(screen.name)).status_code == 403
            assert member.get(reverse(screen.export)).status_code == 403
            continue
        rail = page(member, reverse(screen.name)).split('<nav aria-label="Main">')[1].split("</nav>")[0]
        current = rail.split('aria-current="page"')[1].split("</a>")[0]
        assert screen.title in words(f"<a {current}"), screen.name
        assert reverse("bills") not in rail
    assert reverse("bills") in page(admin, "/orders/")
    show_bills(Membership.objects.get(user=member_user), True)
    assert "No bills" in main(member, reverse("bills")) or "Never synced" in main(member, reverse("bills"))


# --- Filters --------------------------------------------------------------------------------------


def numbers(client: Client, **query: str) -> set[str]:
    """Return the numbers of the listed orders."""
    text = client.get("/orders/", query).content.decode()
    return {number for number in ("one", "two", "three", "four") if f">{number}</a>" in text}


def test_orders_are_filtered_by_hold_channel_warehouse_and_customer(
    admin: Client, workspace: Any, connection: Any
) -> None:
    """The choices come from the mirror. The same id at two connections is two choices."""
    other = make.connection(workspace, "Other")
    for one in (connection, other):
        make.warehouse(one, "wh", f"Depot of {one.name}")
        make.customer(one, "c", f"Merchant of {one.name}")
    make.mirrored(models.OrderChannel, connection, name="Shop")
    make.order(connection, order_number="one", warehouse_id="wh", warehouse_customer_id="c", channel_name="Shop")
    make.order(other, order_number="two", warehouse_id="wh", warehouse_customer_id="c", held=True)
    make.order(connection, order_number="three", held=False)
    assert numbers(admin) == {"one", "two", "three"}
    assert numbers(admin, held="yes") == {"two"}
    assert numbers(admin, channel="Shop") == {"one"}
    assert numbers(admin, warehouse=f"{connection.pk}:wh") == {"one"}
    assert numbers(admin, customer=f"{other.pk}:c") == {"two"}
    assert numbers(admin, customer=f"{other.pk}:c", held="yes", q="tw") == {"two"}
    for nonsense in ("wh", ":wh", "x:wh", f"{'9' * 40}:wh", "\0", "²:wh"):
        assert numbers(admin, warehouse=nonsense) == {"one", "two", "three"}, nonsense
    text = page(admin, f"/orders/?warehouse={connection.pk}:gone")
    assert "No orders match these filters" in text
    assert f'value="{connection.pk}:gone" selected>gone</option>' in " ".join(text.split())
    shown = words(page(admin, "/orders/"))
    for word in ("Depot of Sandbox", "Depot of Other", "Merchant of Sandbox", "Shop", "On hold"):
        assert word in shown


def test_filter_choices_are_limited_to_the_brand(admin: Client, workspace: Any, connection: Any) -> None:
    make.brand(workspace, "Acme", (connection, "c-1"))
    for one in ("c-1", "c-2"):
        make.customer(connection, one, f"Merchant {one}")
        make.mirrored(models.OrderChannel, connection, name=f"Shop of {one}", warehouse_customer_id=one)
    text = page(admin, "/orders/?brand=acme")
    assert "Merchant c-1" in text
    assert "Shop of c-1" in text
    assert "Merchant c-2" not in text
    assert "Shop of c-2" not in text


def test_ship_by_filter_uses_days_of_the_workspace(admin: Client, workspace: Any, connection: Any) -> None:
    """Days begin at midnight in the workspace's zone (Berlin). A shipped order is never overdue."""
    midnight = now().astimezone(ZoneInfo(workspace.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    make.order(connection, order_number="one", required_ship_date=midnight - timedelta(seconds=1))
    make.order(connection, order_number="two", required_ship_date=midnight)
    make.order(connection, order_number="three", required_ship_date=midnight + timedelta(days=6))
    make.order(connection, order_number="four", required_ship_date=midnight, status="fulfilled")
    assert numbers(admin, ship_by="overdue") == {"one"}
    assert numbers(admin, ship_by="today") == {"two"}
    assert numbers(admin, ship_by="week") == {"two", "three"}
    assert numbers(admin, ship_by="tomorrow") == {"one", "two", "three", "four"}


def test_search_finds_orders_by_customer_and_returns_by_order(admin: Client, connection: Any) -> None:
    make.customer(connection, "c", "Northbay Goods")
    order = make.order(connection, order_number="#one", warehouse_customer_id="c")
    make.order(connection, order_number="#two")
    make.returned(connection, external_id="ret_1", order_id=order.external_id)
    make.order_shipment(order, shipment_id="shp_1")
    text = page(admin, "/orders/?q=northb")
    assert ">#one<" in text
    assert ">#two<" not in text
    for address in ("/returns/", "/order-shipments/"):
        assert "Showing 1 to 1 of 1" in main(admin, f"{address}?q=one")
        assert "Clear search" in main(admin, f"{address}?q=two")


def test_inventory_is_filtered_by_warehouse(admin: Client, connection: Any) -> None:
    make.warehouse(connection, "wh", "Allentown")
    make.inventory(connection, "HERE", levels={"wh": 4, "other": 1})
    make.inventory(connection, "THERE", levels={"other": 2})
    text = page(admin, f"/inventory/?warehouse={connection.pk}:wh")
    assert ">HERE<" in text
    assert ">THERE<" not in text


def test_rows_of_small_screens_link_to_filtered_lists(admin: Client, connection: Any) -> None:
    """A customer links to its orders, and a supplier to its inbound shipments."""
    make.customer(connection, "c 1", "Northbay")
    make.mirrored(models.Supplier, connection, external_id="s", name="Kiln & Co")
    make.order(connection, order_number="one", warehouse_customer_id="c 1")
    make.order(connection, order_number="two")
    make.inbound_shipment(connection, purchase_order_number="PO-1", supplier_name="Kiln & Co")
    assert f'href="/orders/?customer={connection.pk}%3Ac+1"' in page(admin, "/customers/")
    assert numbers(admin, customer=f"{connection.pk}:c 1") == {"one"}
    assert 'href="/inbound-shipments/?supplier=Kiln+%26+Co"' in page(admin, "/suppliers/")
    assert "Showing 1 to 1 of 1" in main(admin, "/inbound-shipments/?supplier=Kiln+%26+Co")


# --- Marks and pages of one record ----------------------------------------------------------------


def test_lists_mark_held_orders_and_show_kit_parts(admin: Client, connection: Any) -> None:
    make.order(connection, order_number="#1", held=True, status="exception")
    assert "Exception On hold" in main(admin, "/orders/")
    parts = [{"inventory_item_id": "i", "sku": "<MUG>", "unit_quantity": "2"}, {"inventory_item_id": "j", "sku": None}]
    make.product(
        connection, "KIT", is_kit=True, record={"inventory_items": [{**one, "unit_quantity": "2"} for one in parts]}
    )
    make.product(connection, "PLAIN", is_kit=False)
    assert "Kit of 2 × &lt;MUG&gt;, 2 × j" in main(admin, "/products/")
    assert "Showing 1 to 1 of 1" in main(admin, "/products/?is_kit=yes")


def test_return_page_shows_lines_parcels_and_order(admin: Client, connection: Any) -> None:
    order = make.order(connection, order_number="#NB-1")
    detail = {"quantity": "1", "condition": "damaged", "disposition": "discarded"}
    line = {"sku": "MUG", "quantity": "1", "inventory_item_id": "i", "receiving_details": [detail]}
    parcel = {
        "tracking_number": "9400",
        "arrived_date": "2026-02-09T16:00:00Z",
        "line_items": [line],
        "warehouse_id": "wh",
    }
    make.warehouse(connection, "wh", "Allentown")
    made = make.returned(
        connection,
        order_id=order.external_id,
        lines=(("MUG", 1),),
        record={"shipments": [parcel], "notes": ["chipped"]},
    )
    text = main(admin, f"/returns/{made.pk}/")
    for word in ("#NB-1", "MUG", "9400", "Allentown", "1 damaged, discarded", "chipped", "9 Feb 2026"):
        assert word in text, word
    assert f'href="/orders/{order.pk}/"' in page(admin, f"/returns/{made.pk}/")


def test_product_links_to_its_stock_and_item_shows_its_locations(admin: Client, connection: Any) -> None:
    """The item's page shows its units per warehouse, lot and location, and defines each figure."""
    make.warehouse(connection, "wh", "Allentown")
    make.mirrored(models.WarehouseLocation, connection, external_id="loc-1", name="A-01-03", warehouse_id="wh")
    record = {
        "lots": [{"lot_id": "L-7", "onhand": "42", "expiration_date": "2027-01-31T00:00:00Z", "warehouse_id": "wh"}],
        "locations": [{"location_id": "loc-1", "quantity": "42", "warehouse_id": "wh"}],
    }
    item = make.inventory(connection, "MUG", levels={"wh": 42}, record=record)
    parts = [
        {"inventory_item_id": item.external_id, "sku": "MUG", "unit_quantity": "3"},
        {"inventory_item_id": "x", "sku": "JAR"},
    ]
    product = make.product(connection, "KIT", is_kit=True, record={"inventory_items": parts})
    assert f'href="/inventory/{item.pk}/"' in page(admin, f"/products/{product.pk}/")
    assert "Parts of the kit" in main(admin, f"/products/{product.pk}/")
    text = main(admin, f"/inventory/{item.pk}/")
    for word in ("Allentown", "A-01-03", "L-7", "31 Jan 2027", "All units in the warehouse", "Total"):
        assert word in text, word


def test_record_of_another_brand_returns_404(admin: Client, workspace: Any, connection: Any) -> None:
    make.brand(workspace, "Acme", (connection, "c-1"))
    for address, made in (
        ("returns", make.returned(connection, warehouse_customer_id="c-2")),
        ("products", make.product(connection, "MUG", warehouse_customer_id="c-2")),
        ("inventory", make.inventory(connection, "MUG", warehouse_customer_id="c-2")),
    ):
        assert admin.get(f"/{address}/{made.pk}/").status_code == 200
        assert admin.get(f"/{address}/{made.pk}/?brand=acme").status_code == 404
        admin.get("/orders/?brand=")


def test_bills_show_order_amount_and_currency(admin: Client, connection: Any) -> None:
    order = make.order(connection, order_number="#NB-1")
    charged = datetime.fromisoformat("2026-02-05T00:00:00+00:00")
    make.mirrored(
        models.Bill,
        connection,
        charge_type="pick_and_pack",
        object_type="order",
        object_id=order.external_id,
        amount=Decimal("3.25"),
        currency_code="USD",
        created_at=charged,
    )
    text = main(admin, "/bills/")
    for word in ("Pick and pack", "#NB-1", "3.25 USD"):
        assert word in text, word
    export = b"".join(admin.get("/bills/export.csv").streaming_content).decode()
    assert "Charge,For,Customer,Charged,Amount,Currency,Id,Connection" in export
    assert ",3.25,USD," in export
