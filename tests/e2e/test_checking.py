"""Record checks, stock checks and overrides in the browser: accessible, and no wider than a phone."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from integrations.connectors.base import Page as Answer
from packr.warehouse import live_lookup
from packr.warehouse.models import InventoryItem, Order
from tests.kit import factories as make
from tests.kit.model_wms import order as order_record

from .test_accessibility import broken, too_wide

Visit = Callable[..., Page]


@pytest.mark.parametrize("look", ["phone", "dark"])
def test_record_is_checked_and_accepted(
    visit: Visit, built: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """A member checks and accepts a record in two clicks, without JavaScript."""
    order = Order.objects.filter(connection=built.busy, status="open").order_by("pk").first()
    assert order is not None
    Order.objects.filter(pk=order.pk).update(digest=bytes(40))  # dated by another record's response
    now = order_record(order.external_id, order.changed_at, order_number=order.order_number, status="cancelled")
    monkeypatch.setattr(live_lookup, "read_live", lambda connection, resource, ids: Answer([now]))
    page = visit("member", look=look)
    page.goto(f"/orders/{order.pk}/")
    problems = _problems(page, "order")
    page.get_by_role("button", name="Check this record in the WMS now").click()
    page.get_by_role("heading", name="The WMS’s answer").wait_for()
    problems += _problems(page, "compared")
    row = page.get_by_role("row").filter(has_text="Status").first
    assert "cancelled" in row.inner_text()
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("Packr now shows the WMS’s values.").wait_for()
    assert problems == []
    order.refresh_from_db()
    assert order.status == "cancelled"


@pytest.mark.parametrize("look", ["phone", "dark"])
def test_value_is_overridden_and_restored(visit: Visit, built: SimpleNamespace, look: str) -> None:
    item = InventoryItem.objects.filter(connection=built.busy).order_by("pk").first()
    assert item is not None
    make.override(item, author=User.objects.get(username="admin"))
    page = visit(look=look)
    page.goto(f"/inventory/{item.pk}/override/")
    problems = _problems(page, "form")
    page.get_by_label("Show").fill("many")
    page.get_by_label("Reason").fill("Counted by hand")
    page.get_by_role("button", name="Override").click()
    page.get_by_text("Enter a number of units, such as 12.").wait_for()
    problems += _problems(page, "refused")
    page.goto("/overrides/")
    problems += _problems(page, "list")
    page.get_by_role("button", name="End").click()
    page.get_by_text("shows the WMS’s value again").wait_for()
    assert problems == []


def _problems(page: Page, name: str) -> list[str]:
    return [f"{name}: {each}" for each in (*broken(page), *too_wide(page))]
