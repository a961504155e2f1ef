"""The paths through the product that its help describes, in the browser."""

import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

from django.utils.timezone import now
from playwright.sync_api import Page, expect

from syncs.models import EntitySchedule, State, SyncRun

Visit = Callable[..., Page]


def card(page: Page, name: str = "Sandbox") -> object:
    return page.locator(".connection").filter(has_text=f"· {name}")


def integrations(page: Page) -> None:
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Integrations")).to_be_visible()


def test_refresh_checks_the_connection_on_the_card(visit: Visit, built: SimpleNamespace) -> None:
    """Settings, Integrations, card, Refresh."""
    page = visit()
    integrations(page)
    before = SyncRun.objects.count()
    here = page.locator(".connection").filter(has_text="Sandbox")
    expect(here).to_contain_text("Checked: 3 min ago")
    here.get_by_role("button", name="Refresh").click()
    expect(here).to_contain_text("Checked: just now")
    expect(here.get_by_role("button", name="Refresh")).to_be_focused()
    expect(page.locator("#announce")).to_have_text("Checked Sandbox: Connected")
    assert SyncRun.objects.count() == before


def test_manual_sync_from_the_card_to_the_finished_run(visit: Visit, built: SimpleNamespace) -> None:
    """Open the window, select an entity, Run, watch the run, and refresh the table."""
    page = visit()
    integrations(page)
    page.locator(".connection").filter(has_text="Sandbox").get_by_role("link", name="Manual sync").click()
    window = page.get_by_role("dialog", name="Manual sync")
    expect(window.get_by_role("group", name="Trigger incremental")).to_be_visible()
    expect(window.get_by_text("Syncing one entity is faster")).to_contain_text("Usually 4 s and 1 request.")
    window.get_by_label("Target entity").select_option("products")
    assert SyncRun.objects.filter(trigger="manual").count() == 0, "choosing an entity starts nothing"
    window.get_by_role("button", name="Run", exact=True).click()

    live = window.locator("article.run")
    expect(live).to_contain_text("Queued")
    expect(live.get_by_role("heading", name="Products")).to_be_focused()
    expect(page.locator("#announce")).to_have_text("Products: queued")
    run = SyncRun.objects.get(trigger="manual")
    SyncRun.objects.filter(pk=run.pk).update(state=State.RUNNING, started_at=now(), seen=1240)
    expect(live).to_contain_text("Running")
    expect(live).to_contain_text("1,240 records read")
    expect(live).not_to_contain_text("Completed")
    expect(window.locator("tr", has_text="Products").get_by_text("so far")).to_be_visible()
    ended = now()
    SyncRun.objects.filter(pk=run.pk).update(state=State.SUCCEEDED, completed_at=ended)
    EntitySchedule.objects.filter(connection=built.busy, entity="products").update(as_of=ended)
    expect(live).to_contain_text("Succeeded")
    expect(live).to_contain_text("Completed")
    expect(page.locator("#announce")).to_have_text("Products: succeeded, 1,240 records read")
    assert live.get_attribute("hx-trigger") is None

    window.get_by_role("button", name="Refresh").click()
    expect(window.locator("tr", has_text="Products")).to_contain_text("Succeeded")
    page.keyboard.press("Escape")
    expect(window).to_be_hidden()


def test_second_trigger_shows_who_started_the_run(visit: Visit, built: SimpleNamespace) -> None:
    page = visit()
    for _ in range(2):
        page.goto(f"/settings/integrations/{built.busy.pk}/sync/")
        page.get_by_label("Target entity").select_option("inventory")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("article.run")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?run=\d+&attached=\d+$"))
    expect(page.locator("article.run")).to_contain_text(re.compile(r"Dana Weiss started this sync \d+ s ago"))
    assert SyncRun.objects.filter(trigger="manual").count() == 1


def test_everything_works_without_scripts(visit: Visit, built: SimpleNamespace) -> None:
    """A reload link replaces polling; forms and links replace the dialog."""
    page = visit(java_script_enabled=False)
    integrations(page)
    here = page.locator(".connection").filter(has_text="Sandbox")
    here.get_by_role("button", name="Refresh").click()
    expect(page.locator(".connection").filter(has_text="Sandbox")).to_contain_text("Checked: just now")
    page.locator(".connection").filter(has_text="Sandbox").get_by_role("link", name="Manual sync").click()
    page.get_by_label("Target entity").select_option("orders")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("article.run")).to_contain_text("Queued")
    SyncRun.objects.filter(trigger="manual").update(state=State.RUNNING, started_at=now(), seen=7)
    page.get_by_role("link", name="Reload").click()
    expect(page.locator("article.run")).to_contain_text("7 records read")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("heading", name="Manual sync")).to_be_visible()


def test_exact_time_is_shown_by_hover_keyboard_and_touch(visit: Visit, built: SimpleNamespace) -> None:
    """By hover, keyboard and touch. Escape closes it."""
    page = visit()
    integrations(page)
    here = page.locator(".connection").filter(has_text="Sandbox").locator(".age")
    exact = here.get_by_role("tooltip")
    expect(exact).to_be_hidden()
    here.get_by_role("button").hover()
    expect(exact).to_be_visible()
    expect(exact).to_have_text(re.compile(r"^\d+ \w{3} \d{4}, \d\d:\d\d:\d\d CES?T \(.*\d\d:\d\d UTC\)$"))
    exact.hover()
    expect(exact).to_be_visible()
    page.keyboard.press("Escape")
    expect(exact).to_be_hidden()
    page.mouse.move(0, 0)
    here.get_by_role("button").focus()
    expect(exact).to_be_visible()
    expect(here.get_by_role("button")).to_have_accessible_description(exact.inner_text())
    page.keyboard.press("Escape")
    expect(exact).to_be_hidden()
    phone = visit(has_touch=True)
    phone.goto("/settings/integrations/")
    there = phone.locator(".connection").filter(has_text="Sandbox").locator(".age")
    there.get_by_role("button").tap()
    expect(there.get_by_role("tooltip")).to_be_visible()


def test_widget_shows_the_exact_time_and_counts_up(visit: Visit, built: SimpleNamespace) -> None:
    """At the lower left of every page, by keyboard too."""
    page = visit(look="light")
    page.clock.install()
    page.goto("/products/")
    widget = page.locator("details.widget")
    box = widget.bounding_box()
    assert box
    assert box["x"] < 40
    assert box["y"] > 700
    age = widget.locator(".widget-age time")
    before = age.inner_text()
    page.clock.fast_forward(timedelta(minutes=5).seconds * 1000)
    expect(age).not_to_have_text(before)
    widget.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(widget.get_by_text("Last update")).to_be_visible()
    expect(widget.locator("dd").first).to_have_text(re.compile(r"\d\d:\d\d:\d\d CES?T"))
    page.keyboard.press("Escape")
    expect(widget.get_by_text("Last update")).to_be_hidden()
    expect(widget.locator("summary")).to_be_focused()


def test_search_sort_and_page_are_kept_in_the_url(visit: Visit, built: SimpleNamespace) -> None:
    page = visit()
    page.get_by_role("searchbox").fill("#NB")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Total").click()
    expect(page.get_by_role("columnheader", name="Total")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Showing 51 to 100 of 160")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=%23NB&.*sort=total_price&after=[\w-]+$"))
    page.reload()
    expect(page.get_by_text("Showing 51 to 100 of 160")).to_be_visible()


def test_brand_filters_every_page(visit: Visit, built: SimpleNamespace) -> None:
    page = visit("member")
    page.locator("details.switch summary").click()
    page.get_by_role("link", name="Borealis").click()
    expect(page.get_by_text("Showing 1 to 50 of 80")).to_be_visible()
    page.get_by_role("link", name="Inventory").click()
    expect(page.get_by_text("Showing 1 to 50 of 65")).to_be_visible()
