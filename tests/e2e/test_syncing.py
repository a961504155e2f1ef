"""The pages of a connection in the browser: the documented paths, by keyboard alone, and without scripts."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from syncs.models import Mode, Review, State, SyncRun

Visit = Callable[..., Page]
BOTH = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])


def connection(page: Page, name: str = "Sandbox") -> None:
    """Open the connection from the navigation, by its name on the card."""
    page.get_by_role("link", name="Settings").click()
    page.locator(".connection").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


def tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Data of").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name="Control Panel")).to_be_visible()


def requested_run() -> SyncRun:
    """Return the only run that a person has requested."""
    return SyncRun.objects.filter(trigger="manual", state=State.QUEUED).get()


@BOTH
def test_full_inventory_update_from_the_actions_menu(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """Connections, name, Inventory tab, Control Panel, Actions, "Full inventory update"."""
    page = visit(java_script_enabled=scripts)
    connection(page)
    tab(page, "Inventory")
    page.get_by_text("Actions", exact=True).click()
    page.get_by_role("link", name="Full inventory update").click()
    expect(page.get_by_role("heading", name="Run a full update of inventory?")).to_be_visible()
    assert not SyncRun.objects.filter(trigger="manual", state=State.QUEUED).exists(), "nothing before it is confirmed"
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("article.run")).to_contain_text("Queued")
    assert (requested_run().entity, requested_run().mode) == ("inventory", Mode.FULL)


@BOTH
def test_update_inventory_from_the_actions_menu(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """The same path, "Update inventory". It starts immediately and reads only changes."""
    page = visit(java_script_enabled=scripts)
    connection(page)
    tab(page, "Inventory")
    page.get_by_text("Actions", exact=True).click()
    page.get_by_role("button", name="Update inventory").click()
    expect(page.locator("article.run")).to_contain_text("Queued")
    assert (requested_run().entity, requested_run().mode) == ("inventory", Mode.INCREMENTAL)


@BOTH
def test_sync_button_starts_its_data_type(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """The connections page, the connection, the sync button of the data type."""
    page = visit(java_script_enabled=scripts)
    connection(page)
    page.get_by_role("button", name="Run products sync").click()
    expect(page.locator("article.run")).to_contain_text("Products")
    assert requested_run().entity == "products"


def test_member_sees_runs_but_no_sync_buttons(visit: Visit, built: SimpleNamespace) -> None:
    """Everybody sees state, runs and history; only admins see the buttons."""
    page = visit("member")
    connection(page)
    expect(page.get_by_role("heading", name="Workspace sync state — latest run per table")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Run .* sync"))).to_have_count(0)
    expect(page.get_by_role("link", name="Manual sync")).to_have_count(0)
    tab(page, "Inventory")
    expect(page.get_by_text("Actions", exact=True)).to_have_count(0)
    page.get_by_role("link", name="History", exact=True).click()
    page.get_by_label("State").select_option("partial")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name=f"Inventory, run {built.partial.pk}").click()
    expect(page.get_by_text("1,215 records read, 4 new, 9 changed and 2 rejected.")).to_be_visible()
    expect(page.get_by_role("button", name="Retry all")).to_have_count(0)


def test_keyboard_alone_leads_from_the_card_to_the_run(visit: Visit, built: SimpleNamespace) -> None:
    """The dialog, the selection and Run. The live row gets the focus, and Escape leads back."""
    page = visit()
    page.goto("/settings/integrations/")
    opener = page.locator(f"#manual-sync-{built.busy.pk}")
    opener.focus()
    page.keyboard.press("Enter")
    window = page.get_by_role("dialog", name="Manual sync")
    expect(window).to_be_visible()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('select[name=entity]')"):
            break
    page.keyboard.type("Prod")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(window.locator("article.run").get_by_role("heading", name="Products")).to_be_focused()
    assert requested_run().entity == "products"
    page.keyboard.press("Escape")
    expect(window).to_be_hidden()
    expect(opener).to_be_focused()


def test_actions_menu_works_by_keyboard_alone(visit: Visit, built: SimpleNamespace) -> None:
    """Enter opens the menu, Tab reaches its items, and Escape closes it."""
    page = visit()
    page.goto(f"/settings/integrations/{built.busy.pk}/data/inventory/")
    summary = page.get_by_text("Actions", exact=True)
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Update inventory")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Update inventory")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Update inventory")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Run a full update of inventory?")).to_be_visible()


def test_full_sync_is_estimated_and_confirmed_in_the_dialog(visit: Visit, built: SimpleNamespace) -> None:
    """The estimate replaces the form, Back returns to it, and Run leads to the live rows."""
    page = visit()
    page.goto("/settings/integrations/")
    page.locator(f"#manual-sync-{built.busy.pk}").click()
    window = page.locator("dialog")
    window.get_by_role("link", name="Run full sync").click()
    expect(window.get_by_role("heading", name="Run full sync?")).to_be_visible()
    expect(window).to_contain_text("In total, usually")
    window.get_by_role("link", name="Back").click()
    window.get_by_role("group", name="Full update").get_by_label("Data").select_option("customers")
    window.get_by_role("button", name="Estimate full update").click()
    expect(window.get_by_role("heading", name="Run a full update of customers?")).to_be_visible()
    expect(window).to_contain_text("No full run yet, so no estimate.")
    window.get_by_role("button", name="Run", exact=True).click()
    expect(window.locator("article.run")).to_contain_text("Customers")
    assert (requested_run().entity, requested_run().mode) == ("customers", Mode.FULL)


@BOTH
def test_date_window_shows_errors_and_starts_a_run(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """Errors of dates are shown at their fields, which keep the input."""
    page = visit(java_script_enabled=scripts)
    page.goto(f"/settings/integrations/{built.busy.pk}/sync/")
    days = page.get_by_role("group", name="Date window")
    days.get_by_label("From").fill("2026-03-05")
    days.get_by_label("To").fill("2026-03-01")
    days.get_by_role("button", name="Estimate date window").click()
    expect(days.get_by_role("alert")).to_have_text(
        "The end date is before the start date. Choose the same date or a later one."
    )
    expect(days.get_by_label("From")).to_have_value("2026-03-05")
    days.get_by_label("To").fill("2026-03-06")
    days.get_by_role("button", name="Estimate date window").click()
    expect(page.get_by_text("From 5 Mar 2026, 00:00:00 CET")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("article.run")).to_contain_text("Date window")
    assert requested_run().mode == Mode.WINDOW


@BOTH
def test_run_is_cancelled_from_its_page(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """The confirmation shows the progress and what is kept."""
    page = visit(java_script_enabled=scripts)
    page.goto(f"/settings/integrations/{built.busy.pk}/")
    page.get_by_role("button", name="Run orders sync").click()
    page.get_by_role("link", name="Open this run").click()
    page.get_by_text("Cancel", exact=True).click()
    expect(page.get_by_text("These changes stay")).to_be_visible()
    page.get_by_role("button", name="Cancel this sync").click()
    expect(page.get_by_text("Cancelled by Dana Weiss.")).to_be_visible()
    assert SyncRun.objects.get(trigger="manual", entity="orders").state == State.CANCELLED


@BOTH
def test_pending_removals_are_reviewed_and_released(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts)
    page.goto(f"/settings/integrations/{built.busy.pk}/")
    page.get_by_role("link", name="30 pending removals").click()
    expect(page.get_by_role("row")).to_have_count(31)
    page.get_by_role("link", name="Release").click()
    expect(page.get_by_role("heading", name="Release 30 removals?")).to_be_visible()
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_text("Released. This run reads the list again")).to_be_visible()
    built.held.refresh_from_db()
    assert built.held.review == Review.RELEASED


def test_run_page_updates_until_the_run_ends(visit: Visit, built: SimpleNamespace) -> None:
    """Phase, counts and rate update without reloading. Only milestones are announced, and polling stops at the end."""
    run = SyncRun.objects.get(connection=built.busy, state=State.RUNNING)
    page = visit()
    page.goto(f"/settings/integrations/{built.busy.pk}/runs/{run.pk}/")
    expect(page.locator("#announce")).to_have_text("")
    SyncRun.objects.filter(pk=run.pk).update(seen=2480, unchanged=2480)
    expect(page.locator(".story")).to_contain_text("2,480 records read so far")
    expect(page.locator("#announce")).to_have_text("Shipping methods: running")
    SyncRun.objects.filter(pk=run.pk).update(state=State.SUCCEEDED, completed_at=now())
    expect(page.locator(".story")).to_contain_text("2,480 records read, no changes.")
    expect(page.locator("#announce")).to_have_text("Shipping methods: succeeded, 2,480 records read")
    assert page.locator(".run-page").get_attribute("hx-get") is None


def test_run_page_does_not_poll_in_a_hidden_tab(visit: Visit, built: SimpleNamespace) -> None:
    """It polls again when the tab is visible."""
    run = SyncRun.objects.get(connection=built.busy, state=State.RUNNING)
    page = visit()
    page.goto(f"/settings/integrations/{built.busy.pk}/runs/{run.pk}/")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    questions: list[str] = []
    # The browser's own requests, such as for the page's icon, do not count.
    page.on("request", lambda request: questions.append(request.url) if "/static/" not in request.url else None)
    page.wait_for_timeout(4500)
    assert questions == []
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    with page.expect_request(re.compile(r"in=page")):
        pass


def test_history_filters_are_kept_in_the_url(visit: Visit, built: SimpleNamespace) -> None:
    page = visit("member")
    page.goto(f"/settings/integrations/{built.busy.pk}/history/")
    page.get_by_label("Show").select_option("event")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("kind=event"))
    rows = page.locator("table.timeline tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Days of history were raised from 30 to 60.")
    rows.last.get_by_role("link").click()
    expect(page.locator("tr:target")).to_contain_text("Connected to Trackstar.")
    page.go_back()
    page.reload()
    expect(rows).to_have_count(2)
    page.get_by_role("link", name="Clear").click()
    expect(page).to_have_url(re.compile("history/$"))
