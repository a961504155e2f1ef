"""Metrics on the pages, and the workspace's low-stock threshold."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from packr.warehouse.models import ProcessingMark, SkuMetrics
from packr.workspaces.models import Workspace
from syncs.models import Problem
from syncs.monitoring import watchdog
from tests.kit import factories as make

from ...kit.html import main


def metrics(connection: Any, sku: str, cover: str | None = None, **fields: Any) -> SkuMetrics:
    """Create the metrics of a SKU."""
    zeros = {"sold_7": 0, "sold_30": 0, "sold_90": 0, "outstanding": 0}
    return SkuMetrics.objects.create(
        connection=connection,
        sku=sku,
        cover=Decimal(cover) if cover else None,
        day=now().date(),
        worked_out_at=now(),
        **{**zeros, **fields},
    )


def test_low_stock_threshold_belongs_to_the_workspace(
    admin: Client, member: Client, workspace: Any, admin_user: User
) -> None:
    """An admin sets it, a member sees it, and an invalid value is rejected at its field."""
    assert "below 14 days of cover" in main(member, "/settings/stock/")
    assert member.post("/settings/stock/", {"low_stock_days": "20"}).status_code == 403
    refused = admin.post("/settings/stock/", {"low_stock_days": "0"})
    assert refused.status_code == 400
    assert "greater than or equal to 1" in refused.content.decode()
    saved = admin.post("/settings/stock/", {"low_stock_days": "20"})
    assert (saved.status_code, saved.headers["Location"]) == (303, "/settings/stock/")
    assert Workspace.objects.get(pk=workspace.pk).low_stock_days == 20
    assert "below 20 days of cover" in main(member, "/settings/stock/")


def test_metrics_older_than_two_days_open_an_incident(workspace: Any, connection: Any) -> None:
    """Newer ones open none."""
    moment = now()
    make.synced(connection, at=moment)
    mark = ProcessingMark.objects.create(
        connection=connection, entity=Entity.ORDERS, rolled_at=moment - timedelta(hours=47), day=moment.date()
    )

    def open_now(later: timedelta) -> list[str]:
        found = watchdog.check(moment + later)
        return [one.message for one in found if one.problem == Problem.METRICS]

    assert open_now(timedelta()) == []
    (message,) = open_now(timedelta(hours=1, minutes=1))
    assert "Sandbox" in message
    ProcessingMark.objects.filter(pk=mark.pk).update(rolled_at=moment + timedelta(hours=2))
    assert open_now(timedelta(hours=2)) == []


def test_lists_and_pages_show_metrics(member: Client, workspace: Any, connection: Any) -> None:
    """Inventory and Products show sales, days of cover and arrivals; low stock is a filter."""
    make.inventory(connection, "MUG")
    make.product(connection, "MUG")
    cup = make.inventory(connection, "CUP", warehouse_customer_id="acme")
    metrics(connection, "MUG", "3.4", sold_30=1240, next_arrival=now() + timedelta(days=400))
    metrics(connection, "CUP", "14", customer="acme")
    metrics(connection, "CUP", "2", customer="other")
    for address in ("/inventory/", "/products/"):
        text = main(member, address)
        assert "1,240" in text
        assert "Units in orders created in the last 30 days" in text
    low = main(member, "/inventory/?stock=low")
    assert "MUG" in low
    assert "CUP" not in low
    page = main(member, f"/inventory/{cup.pk}/")
    assert "Days of cover 14" in page
    assert "Low stock" not in page.split("Days of cover 14")[1].split("Next arrival")[0]
