"""Actions in the browser, with and without JavaScript, against the sandbox."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.models import Connection
from integrations.services import Account, connect
from packr.demo.sandbox.account import connection_id
from packr.demo.sandbox.server import Sandbox
from packr.warehouse.models import InventoryItem, Order
from packr.workspaces.models import Role
from syncs.engine import client_pool
from syncs.models import EntitySchedule
from tests.kit import factories as make
from tests.kit.running import sync
from tests.warehouse.actions.conftest import ADDRESS, Wms

from .shots import LOOKS
from .test_accessibility import broken, too_wide

Visit = Callable[..., Page]
CHECK = Trackstar.__dict__["check"]  # the real check; other browser tests replace it
ENTITIES = (Entity.ORDERS, Entity.INVENTORY, Entity.PRODUCTS, Entity.INBOUND_SHIPMENTS, Entity.WAREHOUSES)
JAVASCRIPT = pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])


@pytest.fixture
def wms(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wms]:
    monkeypatch.setattr(Trackstar, "check", CHECK)
    monkeypatch.setattr(Trackstar, "reads_per_second", None)
    monkeypatch.setattr(client_pool, "_idle_clients", type(client_pool._idle_clients)())
    with Sandbox(port=0, seed=3, orders=30, still=True, limit=False) as sandbox:
        settings.PRIVATE_WMS_HOSTS = frozenset({sandbox.url.removeprefix("http://")})
        yield Wms(sandbox)


@pytest.fixture
def built(transactional_db: None, _as_in_tests: None, wms: Wms) -> Connection:
    """Return a workspace with an admin, a member, and a connection that has synced the sandbox once."""
    here = make.workspace(timezone="Europe/Berlin")
    make.person("admin", in_=here, role=Role.ADMIN, first_name="Dana")
    make.person("member", in_=here, first_name="Lee")
    credentials = {"api_key": "sandbox", "access_token": "sandbox-1", "connection_id": connection_id(1)}
    account = Account("trackstar", "Depot", credentials, base_url=wms.sandbox.url, lookback_days=3650)
    made = connect(here, account, first_sync=False)
    EntitySchedule.objects.filter(connection=made).update(enabled=False)
    for number in ("S-1", "S-2"):
        wms.put_order(number)
    for entity in ENTITIES:
        assert sync(made, entity).state == "succeeded"
    return made


@pytest.fixture
def sku(built: Connection) -> str:
    """Return the SKU of an item with plenty of stock."""
    plenty = InventoryItem.objects.filter(active=True, levels__warehouse_id="wh_east", levels__fulfillable__gt=20)
    return str(plenty.order_by("pk")[0].sku)


def fill(page: Page, sku: str, number: str) -> None:
    page.get_by_label("Order number").fill(number)
    for name, value in ADDRESS.items():
        page.locator(f"[name='ship_to_address.{name}']").fill(value)
    line(page, 0, sku)


def line(page: Page, place: int, sku: str) -> None:
    for name, value in (("sku", sku), ("quantity", "2"), ("unit_price", "24.50")):
        page.locator(f"[name='line_items.{place}.{name}']").fill(value)
    page.locator(f"[name='line_items.{place}.warehouse_id']").select_option("wh_east")


@JAVASCRIPT
def test_order_is_created_after_a_refusal(visit: Visit, wms: Wms, sku: str, scripts: bool) -> None:
    """An unknown SKU is refused in the WMS's words with the input kept; the corrected order is created."""
    page = visit(java_script_enabled=scripts)
    page.goto("/orders/")
    page.get_by_role("link", name="New order").click()
    fill(page, "NO-SUCH-SKU", "E-1")
    page.get_by_role("button", name="Add a line").click()
    expect(page.locator("[name='line_items.1.sku']")).to_be_visible()
    if scripts:
        expect(page.locator("[name='line_items.1.sku']")).to_be_focused()
        expect(page.locator("#announce")).to_have_text("2 lines")
    expect(page.get_by_label("Order number")).to_have_value("E-1")
    page.get_by_role("button", name="Remove line 2").click()
    expect(page.locator("[name='line_items.1.sku']")).to_have_count(0)
    page.get_by_role("button", name="Create order").last.click()
    expect(page.get_by_role("alert").filter(has_text="Not sent yet")).to_be_focused()
    expect(page.get_by_role("region", name="Stock check")).to_contain_text("Not in the inventory")
    page.get_by_role("button", name="Send anyway").click()

    problem = page.get_by_role("alert").filter(has_text="was not created")
    expect(problem).to_contain_text("refused it and says")
    expect(problem).to_contain_text("SKU NO-SUCH-SKU does not exist")
    expect(page.get_by_label("Order number")).to_have_value("E-1")
    if scripts:
        assert broken(page) == []
    page.locator("[name='line_items.0.sku']").fill(sku)
    page.get_by_label("Order number").press("Enter")

    expect(page.get_by_role("heading", name="Order E-1")).to_be_visible()
    expect(page.get_by_text("Order E-1 was created.")).to_be_visible()
    expect(page.locator(".mark")).to_contain_text(re.compile(r"(Accepted by WMS|Confirmed in data) at \d\d:\d\d:\d\d"))
    assert [row["order_number"] for row in wms.orders(order_number="E-1")] == ["E-1"]
    page.goto("/orders/")
    expect(page.locator("tr", has_text="E-1").locator(".mark")).to_contain_text(re.compile("Accepted|Confirmed"))


@JAVASCRIPT
def test_order_is_held_released_and_cancelled(visit: Visit, wms: Wms, built: Connection, scripts: bool) -> None:
    """Each change starts on the order's page and shows immediately; a shipped order is refused."""
    page = visit(java_script_enabled=scripts)
    page.goto("/orders/")
    page.get_by_role("link", name="S-1", exact=True).click()
    for button, done in (
        ("Hold order", "Order S-1 is on hold."),
        ("Release hold", "The hold of order S-1 was released."),
        ("Cancel order", "Order S-1 was cancelled."),
    ):
        page.get_by_role("link", name=button).click()
        expect(page.get_by_role("heading", name=button)).to_be_visible()
        page.get_by_role("button", name=button).last.click()
        expect(page.get_by_text(done)).to_be_visible()
    expect(page.locator(".head .badge").first).to_contain_text("Cancelled")
    assert wms.orders(order_number="S-1")[0]["status"] == "cancelled"
    page.get_by_role("region", name="Changes sent to the WMS").get_by_role("link", name="Cancel order").click()
    expect(page.get_by_text(re.compile("answered 200"))).to_be_visible()

    shipped = Order.objects.get(order_number="S-2")
    wms.call("POST", f"/wms/orders/{shipped.external_id}/shipments", {})
    page.goto(f"/orders/{shipped.pk}/cancel/")
    page.get_by_role("button", name="Cancel order").last.click()
    expect(page.get_by_role("alert").filter(has_text="Order S-2 was not cancelled.")).to_contain_text(
        "Order has already shipped"
    )


@JAVASCRIPT
def test_inbound_shipment_is_created(visit: Visit, wms: Wms, sku: str, scripts: bool) -> None:
    """An empty line is reported with a link to it; the completed form is sent."""
    page = visit(java_script_enabled=scripts)
    page.goto("/inbound-shipments/")
    page.get_by_role("link", name="New inbound shipment").click()
    page.get_by_label("Purchase order number").fill("PO-E1")
    page.locator("[name=warehouse_id]").select_option("wh_east")
    page.get_by_label("Expected arrival").fill("2027-03-01")
    page.get_by_label("Shipping price").fill("0")
    page.locator("[name='line_items.0.sku']").fill(sku)
    page.get_by_role("button", name="Create inbound shipment").last.click()
    page.get_by_role("link", name="Line 1, Quantity").click()
    expect(page.locator("[name='line_items.0.expected_quantity']")).to_be_focused()
    for name, value in (("expected_quantity", "50"), ("unit_cost", "5.1"), ("expected_weight", "0.9")):
        page.locator(f"[name='line_items.0.{name}']").fill(value)
    page.get_by_role("button", name="Create inbound shipment").last.click()
    expect(page.get_by_role("heading", name="Inbound shipment PO-E1")).to_be_visible()
    assert any(row["purchase_order_number"] == "PO-E1" for row in wms.rows("/wms/inbound-shipments"))


@pytest.mark.parametrize("look", LOOKS)
def test_action_pages_pass_axe_and_fit_a_phone(visit: Visit, wms: Wms, built: Connection, sku: str, look: str) -> None:
    """Forms, refusals, confirmations and the log pass axe and fit a phone."""
    page, problems = visit(look=look), []
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    order = Order.objects.get(order_number="S-1")
    inbound = built.pk and page.goto("/inbound-shipments/") and page.locator("table a.code").first.get_attribute("href")
    item = InventoryItem.objects.get(sku=sku)

    def looked(name: str) -> None:
        problems.extend(f"{name}: {each}" for each in (*broken(page), *too_wide(page)))

    for path in ("/orders/new/", f"/orders/{order.pk}/cancel/", f"{inbound}edit/", f"/inventory/{item.pk}/adjust/"):
        page.goto(path)
        looked(path)
    page.goto(f"/orders/{order.pk}/cancel/")
    page.get_by_role("button", name="Cancel order").last.click()
    looked("cancelled")
    page.goto("/orders/new/")
    fill(page, "NO-SUCH-SKU", "E-2")
    page.get_by_role("button", name="Create order").last.click()
    looked("not in stock")
    page.get_by_role("button", name="Send anyway").click()
    looked("refused")
    page.get_by_role("link", name="Request and answer").click()
    looked("one change")
    page.goto("/actions/")
    looked("changes")
    page.goto("/actions/?kind=update-product")
    looked("no changes")
    assert problems == [], "\n".join(problems)
    assert [error for error in errors if "400" not in error] == []


def test_member_sees_actions_but_cannot_start_one(visit: Visit, built: Connection) -> None:
    page = visit("member")
    page.goto("/orders/")
    expect(page.get_by_role("link", name="New order")).to_have_count(0)
    page.goto("/orders/new/")
    expect(page.get_by_text("Only an admin of this workspace may do this.")).to_be_visible()
    assert User.objects.get(username="member").is_active
