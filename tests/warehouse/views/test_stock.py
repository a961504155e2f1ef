"""The stock check on an order's page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection
from integrations.records import OrderLine
from integrations.services import Account, connect
from packr.warehouse.models import Order
from tests.kit import factories as make
from tests.kit import model_wms
from tests.kit.html import main
from tests.kit.model_wms import ModelWms
from tests.kit.running import sync


def test_order_page_shows_short_stock_without_shipped_units(member: Client, connection: Any) -> None:
    make.synced(connection, Entity.INVENTORY)
    make.warehouse(connection, "w1", "Allentown")
    make.inventory(connection, "MUG", levels={"w1": 2})
    order = make.order(connection, warehouse_id="w1", lines=(("MUG", 5, "2"),))
    text = main(member, f"/orders/{order.pk}/")
    assert "Short: MUG (5 ordered, 2 available)." in text
    assert "Available in Allentown" in text
    assert "Stock as of 1 min ago." in text
    make.order_shipment(order, record={"line_items": [{"inventory_item_id": "i1", "sku": "MUG", "quantity": "3"}]})
    assert "All of it can be sent from Allentown." in main(member, f"/orders/{order.pk}/")
    Order.objects.update(status="fulfilled")
    assert "Stock check" not in main(member, f"/orders/{order.pk}/")


@pytest.fixture
def order(model: ModelWms, workspace: Any) -> Order:
    """An order of one mug; the mirror has nine, the WMS has none left."""
    made: Connection = connect(workspace, Account("model", "Depot", {"key": "k1"}), first_sync=False)
    when = datetime.now(UTC) - timedelta(minutes=12)
    model.put(Entity.ORDERS, model_wms.order("o1", when, line_items=[OrderLine(sku="MUG", quantity="1")]))
    model.put(Entity.INVENTORY, model_wms.item("MUG", "9", when))
    sync(made)
    sync(made, Entity.INVENTORY)
    model.put(Entity.INVENTORY, model_wms.item("MUG", "0", when + timedelta(minutes=1)))
    model.calls.clear()
    return Order.objects.get()


def test_stock_is_read_live_on_request(member: Client, model: ModelWms, order: Order) -> None:
    """One call reads only these SKUs."""
    assert "All of it can be sent from w1." in main(member, f"/orders/{order.pk}/")
    assert model.calls == []
    response = member.post(f"/orders/{order.pk}/stock/", follow=True)
    assert "Short: MUG (1 ordered, 0 available)." in response.content.decode()
    assert [call.ids for call in model.calls] == [("MUG",)]
    model.faults.append(ConnectorError(Kind.UNREACHABLE, "The WMS did not answer in time."))
    response = member.post(f"/orders/{order.pk}/stock/", follow=True)
    assert "The stock was not read. The WMS did not answer in time." in response.content.decode()
