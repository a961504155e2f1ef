"""API actions: the same service as the pages, with Idempotency-Key, and refusals in the API's error format."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations.models import Action, ActionState
from packr.warehouse.models import Order
from packr.workspaces import tokens
from packr.workspaces.models import Scope

from .conftest import new_inbound, new_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _plain_settings(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture
def program(home):
    """Return a client with a token of a person, with these scopes or all."""

    def made(who="ada", *scopes):
        secret = tokens.create(User.objects.get(username=who), scopes)
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return made


def send(client, method, address, data=None, key=None):
    headers = {"Idempotency-Key": key} if key else {}
    return getattr(client, method)(f"/api/v1/{address}", data=data, content_type="application/json", headers=headers)


def error(answer):
    whole = answer.json()
    assert set(whole) == {"error"}
    assert set(whole["error"]) == {"code", "message", "origin", "fields"}
    return whole["error"]


def test_same_key_creates_one_order(synced, wms, program, item):
    """201 with the action and its record; the same key returns the same, and other content under it is refused."""
    client = program()
    body = new_order(item, "A-1") | {"connection": synced.pk}
    first = send(client, "post", "orders/", body, key="k-1")
    assert first.status_code == 201
    created = first.json()
    assert (created["state"], created["kind"]) == ("accepted", "create-order")
    assert (created["person"], created["through"]) == ("ada", "api")
    assert first.headers["Location"] == created["url"]
    assert client.get(created["url"]).json() == created
    assert client.get(created["record"]).json()["order_number"] == "A-1"
    again = send(client, "post", "orders/", body, key="k-1")
    assert (again.status_code, again.json()["id"]) == (201, created["id"])
    other = send(client, "post", "orders/", body | {"order_number": "A-2"}, key="k-1")
    assert (other.status_code, error(other)["code"]) == (409, "conflict")
    assert [row["order_number"] for row in wms.orders() if row["order_number"].startswith("A-")] == ["A-1"]


def test_refusal_has_the_message_and_origin_of_the_wms(synced, wms, program, item):
    """The error has code, message, fields and origin; invalid values are rejected before anything is sent."""
    client = program()
    unknown = new_order(item, "A-3")
    unknown["line_items"][0]["sku"] = "NOPE"
    refused = send(client, "post", "orders/", unknown, key="k-1")
    assert refused.status_code == 422
    found = error(refused)
    assert (found["code"], found["origin"]) == ("refused", "wms")
    assert "SKU NOPE does not exist" in found["message"]
    assert send(client, "post", "orders/", unknown, key="k-1").json() == refused.json()
    missing = new_order(item, "A-3") | {"line_items": [{"sku": item.sku, "quantity": 0}], "colour": "red"}
    wrong = send(client, "post", "orders/", missing)
    assert (wrong.status_code, error(wrong)["origin"]) == (400, "packr")
    assert {"line_items.0.quantity", "line_items.0.unit_price", "colour"} <= set(error(wrong)["fields"])
    assert not wms.orders(order_number="A-3")


def test_check_stock_refuses_a_short_order(synced, wms, program, item):
    """A short order is not sent; one in stock is."""
    client = program()
    much = new_order(item, "A-4", quantity=99_999) | {"check_stock": True}
    short = send(client, "post", "orders/", much)
    assert (short.status_code, error(short)["code"]) == (409, "out_of_stock")
    assert "99999 ordered" in error(short)["fields"]["line_items.0.sku"][0]
    assert not Action.objects.exists()
    assert wms.requests("POST") == []
    assert send(client, "post", "orders/", new_order(item, "A-4") | {"check_stock": True}).status_code == 201


def test_orders_are_held_released_and_cancelled(synced, wms, program, order):
    """A lost answer returns 202 with the address of the action."""
    client = program()
    for verb in ("hold", "release", "cancel"):
        answer = send(client, "post", f"orders/{order.pk}/{verb}/", {})
        assert (answer.status_code, answer.json()["state"]) == (200, "accepted"), answer.content
    assert wms.orders(order_number="S-1")[0]["status"] == "cancelled"
    lost = Action.objects.create(
        connection=synced,
        kind="cancel-order",
        entity="orders",
        external_id=order.external_id,
        reference="packr-X",
        key="lost",
        state=ActionState.UNKNOWN,
    )
    answer = send(client, "post", f"orders/{order.pk}/cancel/", {}, key="lost")
    assert (answer.status_code, answer.json()["state"]) == (202, "unknown")
    assert answer.headers["Location"].endswith(f"/api/v1/actions/{lost.pk}/")
    listed = send(client, "get", "actions/?state=unknown").json()["results"]
    assert [row["id"] for row in listed] == [lost.pk]


def test_inbound_shipments_inventory_and_products_are_sent(synced, wms, program, item):
    client = program()
    made = send(client, "post", "inbound-shipments/", new_inbound(item, "PO-A1"))
    assert made.status_code == 201, made.content
    address = made.json()["record"].removeprefix("http://testserver/api/v1/")
    changed = send(client, "patch", address, {"expected_arrival_date": "2027-04-01"})
    assert changed.status_code == 200, changed.content
    assert send(client, "get", address).json()["expected_arrival_date"].startswith("2027-04-01")
    adjusted = {"adjustment_type": "increase", "quantity": 2, "warehouse_id": "wh_east"}
    assert send(client, "post", f"inventory/{item.pk}/adjust/", adjusted).status_code == 200
    product = send(client, "get", "products/").json()["results"][0]
    renamed = send(client, "patch", f"products/{product['id']}/", {"name": "Renamed"})
    assert renamed.status_code == 200, renamed.content
    assert send(client, "get", f"products/{product['id']}/").json()["name"] == "Renamed"


def test_permissions_and_availability(synced, wms, program, order, item):
    """403 without permission or scope, 404 for other workspaces' records, 409 for unavailable actions."""
    offered = {one["kind"]: one for one in send(program("mel"), "get", f"connections/{synced.pk}/actions/").json()}
    assert [one["name"] for one in offered["create-order"]["fields"]][:1] == ["order_number"]
    cancel = f"orders/{order.pk}/cancel/"
    assert error(send(program("mel"), "post", cancel, {}))["code"] == "permission_denied"
    assert send(program("mel"), "post", "orders/", new_order(item, "A-9")).status_code == 403
    assert send(program("ada", Scope.READ, Scope.SYNC), "post", cancel, {}).status_code == 403
    assert "scope “act”" in error(send(program("ada", Scope.READ), "post", cancel, {}))["message"]
    assert send(program(), "post", "orders/987654/cancel/", {}).status_code == 404
    assert list(error(send(program(), "post", "orders/", {"connection": 987654}))["fields"]) == ["connection"]
    assert send(program(), "post", "orders/", [1]).status_code == 400
    assert send(program(), "post", cancel, {}, key="k" * 256).status_code == 400
    synced.learned = {**synced.learned, "integration_name": "nobody knows"}
    synced.save()
    unable = send(program(), "post", f"orders/{order.pk}/hold/", {})
    assert (unable.status_code, bool(error(unable)["message"])) == (409, True)
    assert not Action.objects.exists()
    assert Order.objects.get(pk=order.pk).status != "cancelled"
    assert send(program("ada", Scope.ACT), "post", cancel, {}).status_code == 200
