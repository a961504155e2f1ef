"""Fixtures for actions: a workspace synced once from its own sandbox WMS, whose data does not change."""

import http.client
import json
from itertools import count

import pytest
from django.contrib.auth.models import User

from integrations.connectors.actions import ActionKind
from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.services import Account, connect
from packr.demo.sandbox.server import Sandbox
from packr.warehouse import actions
from packr.warehouse.models import InventoryItem, Order
from syncs.engine import client_pool
from syncs.models import EntitySchedule
from tests.kit.running import sync

ENTITIES = (Entity.ORDERS, Entity.INVENTORY, Entity.PRODUCTS, Entity.INBOUND_SHIPMENTS, Entity.WAREHOUSES)
ADDRESS = {
    "full_name": "Ada Quill",
    "address1": "9 Pier Rd",
    "city": "Portland",
    "state": "ME",
    "postal_code": "04101",
    "country": "US",
}
_keys = count(1)


class Wms:
    """The sandbox and its controls."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.host = sandbox.url.removeprefix("http://")

    def call(self, method, path, body=None):
        headers = {"x-trackstar-api-key": "sandbox", "x-trackstar-access-token": "sandbox-1"}
        connection = http.client.HTTPConnection(self.host, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return json.loads(answer.read())
        finally:
            connection.close()

    def fault(self, name, **params):
        return self.call("POST", "/_control/fault", {"fault": name, **params})

    def heal(self):
        return self.call("POST", "/_control/fault", {"clear": True})

    def change(self, entity, **body):
        return self.call("POST", "/_control/change", {"account": "sandbox-1", "entity": entity, **body})["record"]

    def put_order(self, number):
        """Create an order that does not come from Packr. Return it."""
        active = (one for one in self.rows("/wms/inventory") if one["active"])
        item = next(one for one in active if one["inventory_by_warehouse_id"]["wh_east"]["fulfillable"] > 20)
        line = {"sku": item["sku"], "quantity": 1, "unit_price": 9, "warehouse_id": "wh_east"}
        body = {"order_number": number, "ship_to_address": ADDRESS, "line_items": [line]}
        return self.call("POST", "/wms/orders", body)["data"]

    def requests(self, method=None):
        """Return the requests so far as (method, path)."""
        found = self.call("GET", "/_control/requests")
        return [(one["method"], one["path"]) for one in found if method in (None, one["method"])]

    def clear_requests(self):
        self.call("POST", "/_control/requests", {"clear": True})

    def rows(self, path, **query):
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return self.call("GET", f"{path}?{text}")["data"]

    def orders(self, **query):
        return self.rows("/wms/orders", **query)


@pytest.fixture
def wms(settings, monkeypatch):
    monkeypatch.setattr(Trackstar, "reads_per_second", None)
    monkeypatch.setattr(client_pool, "_idle_clients", type(client_pool._idle_clients)())
    with Sandbox(port=0, seed=3, orders=40, still=True, limit=False) as sandbox:
        settings.PRIVATE_WMS_HOSTS = frozenset({sandbox.url.removeprefix("http://")})
        yield Wms(sandbox)


@pytest.fixture
def connection(wms, home):
    from packr.demo.sandbox.account import connection_id

    credentials = {"api_key": "sandbox", "access_token": "sandbox-1", "connection_id": connection_id(1)}
    account = Account("trackstar", "Sandbox", credentials, base_url=wms.sandbox.url, lookback_days=3650)
    made = connect(home, account, first_sync=False)
    EntitySchedule.objects.filter(connection=made).update(enabled=False)
    return made


@pytest.fixture
def synced(connection, wms):
    for number in ("S-1", "S-2"):
        wms.put_order(number)
    for entity in ENTITIES:
        assert sync(connection, entity).state == "succeeded"
    wms.clear_requests()
    return connection


@pytest.fixture
def ada(home):
    return User.objects.get(username="ada")


@pytest.fixture
def act(synced, ada):
    """Return a function that requests an action as the workspace's admin, with a new key by default."""

    def request_action(kind, row=None, *, key=None, **values):
        key = key or f"key-{next(_keys)}"
        return actions.act(synced, ActionKind(kind), values=values, person=ada, key=key, row=row)

    return request_action


@pytest.fixture
def order(synced):
    """Return an order that has not been shipped."""
    return Order.objects.get(connection=synced, order_number="S-1")


@pytest.fixture
def item(synced):
    """Return an item with more than 20 units at wh_east."""
    return InventoryItem.objects.filter(
        connection=synced, active=True, levels__warehouse_id="wh_east", levels__fulfillable__gt=20
    ).order_by("pk")[0]


def new_order(item, number="T-1", quantity=2):
    line = {"sku": item.sku, "quantity": quantity, "unit_price": "24.50", "warehouse_id": "wh_east"}
    return {"order_number": number, "ship_to_address": ADDRESS, "line_items": [line]}


def new_inbound(item, number="PO-1", quantity=50):
    line = {"sku": item.sku, "expected_quantity": quantity, "unit_cost": "5.1", "expected_weight": "0.9"}
    return {
        "purchase_order_number": number,
        "warehouse_id": "wh_east",
        "expected_arrival_date": "2027-03-01",
        "shipping_price": "0",
        "line_items": [line],
    }
