"""Connecting, reconnecting and disconnecting in the browser, with and without scripts."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from playwright.sync_api import Page, expect

from integrations.models import Connection, Status
from packr.warehouse.models import Order
from syncs.models import EntitySchedule, State, SyncRun, Trigger
from tests.kit import factories as make

Visit = Callable[..., Page]


def card(page: Page, name: str) -> object:
    return page.locator(".connection").filter(has_text=f"· {name}")


def enter(page: Page, key: str, token: str = "token") -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_label("Access token").fill(token)


@pytest.mark.parametrize("scripts", [True, False])
def test_connecting_up_to_the_first_syncs(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """Catalogue, login, confirmation, progress; nothing is stored before the confirmation."""
    page = visit("newcomer", java_script_enabled=scripts)
    page.goto("/settings/integrations/")
    page.get_by_role("link", name="Connect your WMS").click()
    page.get_by_role("link", name="Connect Trackstar").click()
    enter(page, "wrong-key")
    page.get_by_role("button", name="Check the login").click()
    expect(page.get_by_role("alert").first).to_contain_text("Trackstar doesn’t recognize this API key.")
    expect(page.get_by_label("API key")).to_have_value("")
    enter(page, "good-key")
    page.get_by_role("button", name="Check the login").click()
    expect(page.locator(".notice.positive")).to_contain_text("accepted the login of Northbay at ShipHero")
    expect(page.get_by_label("Orders (with order shipments)")).to_be_checked()
    expect(page.get_by_label("Customers")).not_to_be_checked()
    expect(page.get_by_label("Customers")).to_have_accessible_description(re.compile("may not read this type of data"))
    expect(page.locator("li", has_text="Shipping methods")).to_contain_text("Not offered")
    assert not Connection.objects.filter(workspace=built.bare).exists()
    page.get_by_label("Products").uncheck()
    page.get_by_label("Days of history").fill("60")
    page.get_by_role("button", name="Connect Trackstar").click()
    expect(page.get_by_text("The first syncs have started")).to_be_visible()
    made = Connection.objects.get(workspace=built.bare)
    assert (made.lookback_days, made.connected_by.username) == (60, "newcomer")
    here = card(page, "Trackstar")
    expect(here).to_contain_text("Connected: just now")
    rows = page.locator(".states tbody tr")
    expect(rows.filter(has_text="Orders").first).to_contain_text("Queued")
    expect(rows.filter(has_text="Products")).to_contain_text("left it out when connecting.")
    assert SyncRun.objects.filter(connection=made).exclude(trigger=Trigger.FIRST).count() == 0
    if scripts:
        SyncRun.objects.filter(connection=made, entity="orders").update(state=State.RUNNING, seen=1240)
        expect(rows.filter(has_text="Orders").first).to_contain_text("1,240", timeout=15_000)


@pytest.mark.parametrize("scripts", [True, False])
def test_rejected_login_is_fixed_in_place(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """The card changes from Needs attention to Connected, on the same connection."""
    Connection.objects.filter(pk=built.troubled.pk).update(
        account_key=built.troubled.connector.account_key("", {"access_token": "token"})
    )
    page = visit(java_script_enabled=scripts)
    page.goto("/settings/integrations/")
    card(page, "Overflow").get_by_role("link", name="Reconnect").click()
    enter(page, "wrong-key")
    page.get_by_role("button", name="Reconnect").click()
    expect(page.get_by_role("alert").first).to_contain_text("Not reconnected. Trackstar doesn’t recognize this")
    enter(page, "good-key")
    page.get_by_role("button", name="Reconnect").click()
    here = card(page, "Overflow")
    expect(here).not_to_contain_text("Needs attention")
    expect(here).to_contain_text("Checked: just now")
    expect(page.get_by_text("Overflow is connected again")).to_be_visible()
    built.troubled.refresh_from_db()
    assert built.troubled.status == Status.CONNECTED
    assert SyncRun.objects.filter(connection=built.troubled, state=State.QUEUED).exists()


def test_other_account_asks_for_confirmation(visit: Visit, built: SimpleNamespace) -> None:
    page = visit()
    page.goto(f"/settings/integrations/{built.busy.pk}/reconnect/")
    enter(page, "good-key", "quite-another")
    page.get_by_role("button", name="Reconnect").click()
    expect(page.get_by_role("heading", name="Is this the same account?")).to_be_visible()
    page.get_by_role("button", name="Same account: reconnect").click()
    expect(page.get_by_text("Sandbox is connected again")).to_be_visible()
    assert SyncRun.objects.filter(connection=built.busy, state=State.QUEUED, mode="full").exists()


@pytest.mark.parametrize("scripts", [True, False])
def test_disconnecting_both_ways(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    """The data is kept first and then deleted, which requires the name."""
    make.order(built.troubled)
    page = visit(java_script_enabled=scripts)
    page.goto("/settings/integrations/")
    card(page, "Overflow").get_by_role("link", name="Disconnect").click()
    expect(page.get_by_label("Keep the data")).not_to_be_checked()
    expect(page.get_by_label("Delete the data")).not_to_be_checked()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("Choose what should happen to the data.")).to_be_visible()
    page.get_by_label("Keep the data").check()
    page.get_by_role("button", name="Disconnect").click()
    ended = page.locator(".ended").filter(has_text="Overflow")
    expect(ended).to_contain_text("Disconnected just now")
    expect(card(page, "Overflow")).to_have_count(0)
    assert Order.objects.filter(connection=built.troubled).count() == 1
    ended.get_by_role("link", name="Delete its data").click()
    page.get_by_label("To delete, type the connection’s name").fill("overflow")
    page.get_by_role("button", name="Delete the data").click()
    expect(page.get_by_text("The name doesn’t match")).to_be_visible()
    page.get_by_label("To delete, type the connection’s name").fill("Overflow")
    page.get_by_role("button", name="Delete the data").click()
    expect(page.get_by_text("Overflow and its data are deleted.")).to_be_visible()
    assert not Connection.objects.filter(pk=built.troubled.pk).exists()
    assert not Order.objects.filter(connection_id=built.troubled.pk).exists()


def test_member_can_look_but_not_change(visit: Visit, built: SimpleNamespace) -> None:
    """A member sees the catalogue and the cadences; the server refuses changes."""
    page = visit("member")
    page.goto("/settings/integrations/")
    for name in ("Reconnect", "Change credentials", "Disconnect", "Connect again", "Delete its data"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    expect(card(page, "Overflow")).to_contain_text("An admin can reconnect: Dana Weiss.")
    card(page, "Sandbox").get_by_role("link", name="Sync Settings").click()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    expect(page.get_by_role("row", name="Orders").first).to_contain_text("every 5 min")
    page.goto("/settings/integrations/connect/")
    expect(page.get_by_role("row", name="Bills")).to_contain_text("Not offered")
    expect(page.get_by_role("link", name="Connect Trackstar")).to_have_count(0)
    here = f"/settings/integrations/{built.busy.pk}"
    for path in ("/settings/integrations/connect/trackstar/", f"{here}/reconnect/", f"{here}/disconnect/"):
        answer = page.goto(path)
        assert answer
        assert answer.status == 403
        expect(page.get_by_text("Only an admin of this workspace may do this.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_switching_entities_on_and_off(visit: Visit, built: SimpleNamespace, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts)
    page.goto("/settings/integrations/")
    card(page, "Sandbox").get_by_role("link", name="Sync Settings").click()
    page.get_by_label("Sync products").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Off: products. Earlier data stays.")).to_be_visible()
    expect(page.get_by_role("row", name="Products")).to_contain_text("Dana Weiss switched it off.")
    assert not EntitySchedule.objects.get(connection=built.busy, entity="products").enabled
    page.get_by_label("Sync products").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("On, syncing now: products.")).to_be_visible()
    assert SyncRun.objects.filter(connection=built.busy, entity="products", state=State.QUEUED).exists()


def test_connecting_by_keyboard_alone(visit: Visit, built: SimpleNamespace) -> None:
    page = visit("newcomer")
    page.goto("/settings/integrations/connect/trackstar/")
    page.get_by_label("Name").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("good-key")
    page.keyboard.press("Tab")
    page.keyboard.type("token")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Trackstar accepted the login")).to_be_visible()
    page.get_by_label("Orders (with order shipments)").focus()
    page.keyboard.press("Space")
    expect(page.get_by_label("Orders (with order shipments)")).not_to_be_checked()
    page.get_by_label("Days of history").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Connect Trackstar")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The first syncs have started")).to_be_visible()


def test_back_button_restores_a_usable_form(visit: Visit, built: SimpleNamespace) -> None:
    """During the check the button is disabled; going back enables it."""
    page = visit("newcomer")
    page.goto("/settings/integrations/connect/trackstar/")
    enter(page, "good-key")
    page.get_by_role("button", name="Check the login").click()
    expect(page.get_by_text("Trackstar accepted the login")).to_be_visible()
    page.go_back()
    button = page.get_by_role("button", name="Check the login")
    expect(button).to_be_enabled()
