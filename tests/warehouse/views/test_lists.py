"""The data screens: search, sort, pages, empty states and statement counts."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from integrations.entities import Entity
from integrations.models import Status
from packr.warehouse.models import Order
from syncs.models import EntitySchedule, State
from tests.kit import factories as make


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def flat(page: str) -> str:
    """Return the page with its lines joined, as text continues over line ends."""
    return " ".join(page.split())


def follow(client: Client, address: str, rel: str) -> Any:
    """Return the page behind a page's Next or Previous link."""
    link = re.search(rf'rel="{rel}"\s+href="([^"]*)"', text(client.get(address)))
    assert link, f"{address} has no link {rel}"
    return client.get(address.split("?")[0] + unescape(link[1]))


def fill(connection: Any, numbers: range) -> None:
    for number in numbers:
        make.order(connection, order_number=f"#A-{number}", warehouse_id="wh", lines=(("MUG", 1, "2.50"),))
        make.inventory(connection, f"SKU-{number}", levels={"wh": 4, "other": 1})
        make.inbound_shipment(connection, purchase_order_number=f"PO-{number}", lines=(("MUG", 4, 1),))
        make.product(connection, f"SKU-{number}")


@pytest.mark.parametrize("query", ["", "?q=s", "?q=m", "?q=po", "?brand=acme", "?brand=acme&q=s", "?sort=-sku"])
@pytest.mark.parametrize("address", ["/orders/", "/inventory/", "/inbound-shipments/", "/products/"])
def test_statements_do_not_grow_with_rows(
    admin: Client, workspace: Any, connection: Any, address: str, query: str
) -> None:
    make.brand(workspace, "Acme", (connection, ""))
    make.warehouse(connection, "wh", "Allentown")
    fill(connection, range(1))
    make.run(connection)
    admin.get(address + query)
    with CaptureQueriesContext(database) as one:
        admin.get(address + query)
    for number in range(3):
        fill(make.connection(workspace, f"Another {number}"), range(5))
    fill(connection, range(1, 61))
    with CaptureQueriesContext(database) as many:
        admin.get(address + query)
    assert len(one) == len(many) <= 14  # each filter's choices take one statement


def test_orders_are_found_by_number_reference_sku_and_name(admin: Client, connection: Any) -> None:
    make.order(
        connection, order_number="#NB-1", reference_id="5550", ship_to_name="Ada Quill", lines=(("MUG", 1, "2"),)
    )
    make.order(
        connection, order_number="#NB-2", reference_id="7770", ship_to_name="Noor", lines=(("TRAY", 1, "2"),) * 2
    )
    for words in ("nb-1", "5550", "mug", "ada q"):
        page = text(admin.get("/orders/", {"q": words}))
        assert "#NB-1" in page, words
        assert "#NB-2" not in page, words
    page = text(admin.get("/orders/", {"q": "tray"}))
    assert page.count(">#NB-2<") == 1


def test_search_with_too_many_hits_says_what_it_searched(
    admin: Client, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        lines = (("MUG", 1, "2"),) if number % 2 else ()
        make.order(connection, order_number=f"#{number}", created_at=now() - timedelta(days=number), lines=lines)
    monkeypatch.setattr("packr.warehouse.lists.search.MAX_HITS", 3)
    assert "Showing 1 to 3 of 3" in flat(text(admin.get("/orders/", {"q": "mug"})))
    monkeypatch.setattr("packr.warehouse.lists.search.MAX_HITS", 2)
    monkeypatch.setattr("packr.warehouse.lists.search.FIRST_HITS", 4)
    page = text(admin.get("/orders/", {"q": "MUG"}))
    assert [number for number in range(7) if f">#{number}<" in page] == [1, 3]
    assert "Too many orders begin with “MUG”" in flat(page)
    assert "Showing 1 to 2 of the matches among the newest" in flat(page)


def test_hits_in_other_workspaces_do_not_limit_a_search(
    admin: Client, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their lines with the same SKU don't count towards the maximum."""
    make.order(connection, order_number="#OURS", created_at=now() - timedelta(days=9), lines=(("MUG", 1, "2"),))
    make.order(connection, order_number="#NEWER")
    other = make.connection(make.workspace("another"))
    for _ in range(5):
        make.order(other, lines=(("MUG", 1, "2"),))
    monkeypatch.setattr("packr.warehouse.lists.search.MAX_HITS", 3)
    monkeypatch.setattr("packr.warehouse.lists.search.FIRST_HITS", 1)
    page = text(admin.get("/orders/", {"q": "mug"}))
    assert ">#OURS<" in page
    assert "Showing 1 to 1 of 1" in flat(page)


def test_null_character_finds_nothing(admin: Client, connection: Any) -> None:
    make.product(connection, "MUG")
    assert "MUG" in text(admin.get("/products/", {"q": "m\0"}))


def test_search_has_no_wildcards(admin: Client, connection: Any) -> None:
    make.product(connection, "MUG")
    assert "No products match “%”" in text(admin.get("/products/", {"q": "%"}))


@pytest.mark.parametrize(
    ("address", "words", "found"),
    [
        ("/inventory/", "blue", "MUG-BLU"),
        ("/products/", "08500", "MUG-BLU"),
        ("/inbound-shipments/", "po-22", "PO-2291"),
    ],
)
def test_every_screen_can_be_searched(admin: Client, connection: Any, address: str, words: str, found: str) -> None:
    make.inventory(connection, "MUG-BLU", name="Blue mug")
    make.product(connection, "MUG-BLU", gtin="0850000000017")
    make.inbound_shipment(connection, purchase_order_number="PO-2291")
    assert found in text(admin.get(address, {"q": words}))
    assert "Clear search" in text(admin.get(address, {"q": "nothing like it"}))


def test_sort_works_both_ways_and_marks_only_its_header(admin: Client, connection: Any) -> None:
    for number, price in (("#1", 3), ("#2", 1), ("#3", None), ("#4", 2)):
        make.order(connection, order_number=number, total_price=price and Decimal(price))
    up = text(admin.get("/orders/?sort=total_price"))
    down = text(admin.get("/orders/?sort=-total_price"))
    assert sorted(("#1", "#2", "#3", "#4"), key=lambda number: up.index(f">{number}<")) == ["#2", "#4", "#1", "#3"]
    assert sorted(("#1", "#2", "#3", "#4"), key=lambda number: down.index(f">{number}<")) == ["#1", "#4", "#2", "#3"]
    assert up.count("aria-sort") == 1
    assert 'aria-sort="ascending"' in up
    assert "sort=-total_price" in up
    assert "#1" in text(admin.get("/orders/?sort=record")), "an unknown sort is no error"


def test_pages_keep_search_and_sort(admin: Client, connection: Any) -> None:
    for number in range(120):
        make.product(connection, f"MUG-{number:03}")
    page = text(follow(admin, "/products/?q=mug&sort=-sku", "next"))
    assert "Showing 51 to 100 of 120" in flat(page)
    assert "MUG-069" in page
    assert "MUG-070" not in page
    assert "q=mug&amp;sort=-sku&amp;after=" in page
    assert "q=mug&amp;sort=-sku&amp;before=" in page


def test_removed_rows_are_hidden(admin: Client, connection: Any) -> None:
    order = make.order(connection, order_number="#GONE", removed_at=now())
    assert "#GONE" not in text(admin.get("/orders/"))
    assert admin.get(f"/orders/{order.pk}/").status_code == 404


def test_order_shows_lines_shipments_address_and_source(
    admin: Client, connection: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """The order's page and the list show the stored data with its as-of time."""
    make.synced(connection, at=now() - timedelta(minutes=4))
    make.product(connection, "MUG", name="Blue mug")
    make.warehouse(connection, "wh-1", "Allentown")
    order = make.order(
        connection,
        order_number="#NB-1042",
        lines=(("MUG", 2, "24.00"),),
        invoice_currency_code="USD",
        total_price=Decimal("58.4"),
        warehouse_id="wh-1",
        record={"ship_to_address": {"full_name": "Ada <b>Quill</b>", "city": "Portland"}, "raw_status": "Held"},
    )
    package = {"tracking_number": "1Z00", "tracking_url": "javascript:alert(1)", "carrier_name": "UPS"}
    shipment = make.order_shipment(order, shipment_id="shp-1", record={"packages": [package], "line_items": None})
    make.order_shipment(order, shipment_id="shp-gone", removed_at=now())
    other = make.connection(order.connection.workspace, "Other")
    make.order_shipment(make.order(other, external_id=order.external_id), shipment_id="shp-other")
    with django_assert_max_num_queries(25):
        page = text(admin.get(f"/orders/{order.pk}/"))
    for words in ("#NB-1042", "Blue mug", "58.40 USD", "48.00 USD", "Allentown", "shp-1", "1Z00", "Portland", "Held"):
        assert words in page, words
    assert "Ada &lt;b&gt;Quill&lt;/b&gt;" in page
    assert "javascript:alert" not in page.split("Source record")[0]
    assert "shp-gone" not in page
    assert "shp-other" not in page
    assert "4 min ago" in page
    assert shipment.connection == connection


def test_inbound_shipment_shows_outstanding_units(admin: Client, connection: Any) -> None:
    inbound = make.inbound_shipment(connection, purchase_order_number="PO-7", lines=(("MUG", 100, 40),))
    page = text(admin.get(f"/inbound-shipments/{inbound.pk}/"))
    assert 'data-label="Still to come" class="number">60<' in page


def test_inventory_shows_levels_per_warehouse_and_explains_its_columns(admin: Client, connection: Any) -> None:
    make.warehouse(connection, "wh-1", "Allentown")
    make.warehouse(connection, "wh-2", "Reno")
    make.inventory(connection, "MUG", levels={"wh-1": 1200, "wh-2": 30})
    make.inventory(connection, "TRAY", levels={"wh-2": 7})
    page = text(admin.get("/inventory/"))
    for words in ("1,230", "1,200", "Allentown", "Reno", "2 warehouses", "What the columns mean"):
        assert words in page, words


# --- States when there is nothing to show -----------------------------------------------------------


def test_empty_list_of_a_healthy_connection(admin: Client, connection: Any) -> None:
    make.synced(connection, Entity.INBOUND_SHIPMENTS, at=now() - timedelta(minutes=4))
    page = text(admin.get("/inbound-shipments/"))
    assert "No inbound shipments" in page
    assert "Checked <" in page
    assert "4 min ago" in page


def test_list_before_the_first_sync_says_what_will_appear(admin: Client, connection: Any) -> None:
    assert "The first sync is due." in text(admin.get("/orders/"))
    run = make.run(connection, state=State.RUNNING, started_at=now() - timedelta(seconds=30))
    assert "It started 30 s ago." in text(admin.get("/orders/"))
    type(run).objects.filter(pk=run.pk).update(state=State.FAILED, message="The WMS did not answer.")
    assert "The first sync has not succeeded yet" in text(admin.get("/orders/"))


def test_list_without_a_live_connection(admin: Client, workspace: Any) -> None:
    assert "No WMS is connected yet" in text(admin.get("/orders/"))
    connection = make.connection(workspace, status=Status.DISCONNECTED, disconnected_at=now() - timedelta(days=2))
    assert "The WMS is disconnected" in text(admin.get("/orders/"))
    make.order(connection, order_number="#KEPT")
    page = text(admin.get("/orders/"))
    assert "#KEPT" in page
    assert "Its data stays as it was then." in page


def test_entity_not_offered_is_refused(admin: Client, connection: Any) -> None:
    EntitySchedule.objects.filter(connection=connection, entity="products").update(
        enabled=False, off_reason="This account may not read products."
    )
    page = text(admin.get("/products/"))
    assert "Products are not synced" in page
    assert "This account may not read products." in page


def test_list_of_an_unmapped_brand_leads_to_the_mapping(admin: Client, workspace: Any, connection: Any) -> None:
    """The empty list explains itself."""
    brand = make.brand(workspace, "Acme")
    make.order(connection, order_number="#NB-1")
    page = text(admin.get("/orders/?brand=acme"))
    assert "No warehouse account is linked to Acme yet" in page
    assert f'href="/settings/brands/{brand.pk}/">Open mapping</a>' in page
    assert "#NB-1" not in page


# --- Freshness -------------------------------------------------------------------------------------


def test_list_says_that_its_data_is_late(admin: Client, member: Client, connection: Any) -> None:
    """Everyone sees late and stale; the suggested remedy depends on the person."""
    make.order(connection)
    for minutes, word in ((4, "Fresh"), (8, "Late"), (20, "Stale")):
        make.synced(connection, at=now() - timedelta(minutes=minutes))
        assert word in text(member.get("/orders/")).split("<main")[1].split("<table")[0]
    assert "Sync now" in text(admin.get("/orders/"))
    page = text(member.get("/orders/"))
    assert "Orders may be behind." in page
    assert "Sync now" not in page
    assert "Ask an admin" in page


def test_list_says_that_the_login_was_rejected(member: Client, connection: Any) -> None:
    type(connection).objects.update(status=Status.NEEDS_ATTENTION, status_message="Trackstar refused the login.")
    assert "Trackstar rejected the login." in text(member.get("/orders/"))


@pytest.mark.parametrize(
    "address", ["/orders/", "/inventory/", "/inbound-shipments/", "/products/", "/settings/integrations/", "/orders/9/"]
)
def test_every_page_has_the_sync_widget(member: Client, connection: Any, address: str) -> None:
    """It shows the time since the last update and opens to the exact date and time."""
    moment = now() - timedelta(minutes=2)
    for entity in connection.connector.entities():
        make.synced(connection, entity, at=moment)
    page = member.get(address).content.decode()
    widget = page.split('<details class="widget"')[1].split("</details>")[0]
    assert "Fresh" in widget
    assert "data-relative>2 min ago</time>" in widget
    assert "Last update" in widget
    assert "UTC)" in widget


def test_widget_names_late_data(member: Client, connection: Any) -> None:
    for entity in connection.connector.entities():
        make.synced(connection, entity, at=now() - timedelta(minutes=2))
    make.synced(connection, Entity.INVENTORY, at=now() - timedelta(minutes=30))
    part = text(member.get("/sync-widget/", headers={"HX-Request": "true"}))
    assert "Stale" in part
    assert "Inventory" in part
    assert "30 min ago" in part
    assert "Needs attention (1)" in part


def test_pages_have_no_inline_script_or_style(admin: Client, connection: Any) -> None:
    """The content security policy allows neither."""
    order = make.order(connection, lines=(("MUG", 1, "2"),))
    make.run(connection, state=State.RUNNING)
    addresses = ["/orders/", f"/orders/{order.pk}/", "/settings/integrations/", "/accounts/login/", "/orders/9/"]
    addresses += [f"/settings/integrations/{connection.pk}/sync/"]
    for address in addresses:
        response = admin.get(address, follow=True)
        page = response.content.decode()
        assert " style=" not in page, address
        assert "<style" not in page, address
        assert page.count("<script") == page.count("<script src="), address
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert Order.objects.count() == 1
