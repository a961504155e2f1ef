"""Freshness in the browser: the sync widget, the diagnosis, asking an admin, and the brand mapping."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integrations.models import BrandMapping
from syncs.models import SyncRequest, SyncRun
from tests.kit import factories as make

Visit = Callable[..., Page]
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


@SCRIPTS
def test_widget_opens_on_every_page_and_starts_a_sync(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """By keyboard, with and without JavaScript."""
    page = visit(java_script_enabled=scripts)
    for path in ("/inventory/", "/settings/brands/", "/nothing/like/this/"):
        page.goto(path)
        expect(page.locator("details.widget summary")).to_be_visible()
    page.locator("details.widget summary").focus()
    page.keyboard.press("Enter")
    panel = page.locator("#widget-panel")
    for words in ("Last update", "Running (", "Upcoming", "Needs attention ("):
        expect(panel).to_contain_text(words)
    expect(panel).to_contain_text(re.compile(r"\d+ \w{3} \d{4}, \d\d:\d\d:\d\d CES?T \("))
    button = panel.get_by_role("button", name="Run variants sync of Sandbox")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Manual sync")).to_be_visible()
    assert set(SyncRun.objects.filter(trigger="manual").values_list("entity", flat=True)) == {"products", "inventory"}


def test_widget_refreshes_automatically_unless_hidden(visit: Visit, built: SimpleNamespace) -> None:
    """It polls every 5 s while a run is active, and not in a hidden tab."""
    page = visit("member")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "sync-widget" in request.url else None)
    page.clock.install()
    page.goto("/products/")
    expect(page.locator(".widget-summary")).to_have_attribute("hx-trigger", "every 5s")
    page.clock.run_for(5_500)
    assert len(asked) == 1
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    page.clock.run_for(30_000)
    assert len(asked) == 1


@SCRIPTS
def test_stale_page_leads_to_the_sync_of_its_data(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """The banner names the cause, and one button opens the window with the entity selected."""
    page = visit(java_script_enabled=scripts)
    page.goto("/inbound-shipments/")
    page.get_by_role("link", name="Why is this stale?").click()
    expect(page.get_by_role("heading", name="Why is this stale?")).to_be_visible()
    expect(page.locator(".reason")).to_contain_text("Trackstar (Overflow) rejected the login.")
    expect(page.locator(".reasons")).to_contain_text("returned a web page instead of data.")
    page.get_by_role("listitem").filter(has_text="Trigger a manual sync").get_by_role("link", name="Sync now").click()
    expect(page.get_by_role("heading", name="Manual sync")).to_be_visible()
    expect(page).to_have_url(re.compile(r"entity=inbound-shipments$"))


@SCRIPTS
def test_member_asks_and_admin_approves(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """The member adds a note on the card. The admin sees it in the widget and on Integrations, and watches the run."""
    member = visit("member", java_script_enabled=scripts)
    member.goto("/settings/integrations/")
    card = member.locator(".connection").filter(has_text="Sandbox")
    card.get_by_text("Ask an admin", exact=True).click()
    card.get_by_label("Data that looks out of date").select_option("products")
    card.get_by_label("Note").fill("Names look old.")
    card.get_by_role("button", name="Ask for a sync").click()
    expect(member.get_by_text("The admins now see your request to sync products.")).to_be_visible()
    expect(member.locator(".connection").filter(has_text="Sandbox")).to_contain_text("You asked an admin")

    admin = visit("admin", java_script_enabled=scripts)
    admin.goto("/products/")
    admin.locator("details.widget summary").click()
    expect(admin.locator("#widget-panel")).to_contain_text("Lee Park asks for products")
    admin.goto("/settings/integrations/")
    asked = admin.get_by_role("region", name="Sync requests")
    expect(asked).to_contain_text("“Names look old.”")
    asked.get_by_role("button", name="Approve").click()
    expect(admin.get_by_role("heading", name="Manual sync")).to_be_visible()
    run = SyncRequest.objects.get().run
    assert run
    assert run.requested_by == built.admin
    member.reload()
    expect(member.locator(".connection").filter(has_text="Sandbox")).to_contain_text("Dana Weiss started the sync")


def test_deciding_in_the_widget_returns_to_the_page(visit: Visit, built: SimpleNamespace) -> None:
    """Also after the widget has refreshed itself."""
    make_request(built)
    page = visit()
    page.clock.install()
    page.goto("/inventory/?q=mug")
    page.clock.run_for(6_000)
    page.locator("details.widget summary").click()
    page.get_by_role("button", name=re.compile("Decline")).first.click()
    expect(page).to_have_url(re.compile(r"/inventory/\?q=mug$"))
    expect(page.get_by_text("Declined the request to sync products.")).to_be_visible()


def make_request(built: SimpleNamespace) -> Any:
    from integrations.entities import Entity
    from syncs.sync_requests import request_sync

    return request_sync(built.busy, Entity.PRODUCTS, person=built.member)


@SCRIPTS
def test_brand_is_linked_from_its_empty_page(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """The empty page links to the mapping, where sample records distinguish the accounts."""
    make.customer(built.busy, "c-3", "Unmapped GmbH")
    make.order(built.busy, order_number="#NB-9001", warehouse_customer_id="c-3")
    page = visit(java_script_enabled=scripts)
    page.goto("/orders/?brand=unmapped")
    expect(page.get_by_role("heading", name="No warehouse account is linked to Unmapped yet")).to_be_visible()
    page.get_by_role("link", name="Open mapping").click()
    fits = page.get_by_role("region", name="Suggestions")
    expect(fits).to_contain_text("Unmapped GmbH in Sandbox")
    expect(fits).to_contain_text("#NB-9001")
    assert BrandMapping.objects.filter(brand__name="Unmapped").count() == 0
    fits.get_by_role("button", name="Link Unmapped to Unmapped GmbH in Sandbox").click()
    expect(page.get_by_text("Unmapped now shows Unmapped GmbH in Sandbox.")).to_be_visible()
    page.get_by_role("link", name="Orders", exact=True).click()
    expect(page.get_by_text("#NB-9001")).to_be_visible()
    page.goto("/settings/brands/")
    page.get_by_role("link", name="Unmapped", exact=True).click()
    linked = page.get_by_role("region", name="Linked to")
    linked.locator("summary").click()
    linked.get_by_role("button", name="Remove this link").click()
    expect(page.get_by_text("so there is nothing to show")).to_be_visible()


def test_member_sees_the_mapping_without_changing_it(visit: Visit, built: SimpleNamespace) -> None:
    page = visit("member")
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Brands").click()
    expect(page.get_by_role("heading", name="Brand WMS mapping")).to_be_visible()
    page.get_by_role("link", name="Acme", exact=True).click()
    expect(page.get_by_role("region", name="Linked to")).to_contain_text("Acme in Sandbox")
    expect(page.get_by_role("button", name=re.compile("Link|Remove"))).to_have_count(0)
