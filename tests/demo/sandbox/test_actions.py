"""Writes, their rules, and the idempotency keys."""

import pytest

ADDRESS = {
    "full_name": "Ada Quill",
    "address1": "9 Pier Rd",
    "city": "Portland",
    "state": "ME",
    "postal_code": "04101",
    "country": "US",
}


@pytest.fixture
def item(wms):
    """Return an item with plenty of stock at wh_east."""
    return next(
        i
        for i in wms.rows("/wms/inventory")
        if i["active"] and i["inventory_by_warehouse_id"]["wh_east"]["fulfillable"] > 20
    )


def order_body(item, number="T-1", quantity=2):
    line = {"sku": item["sku"], "quantity": quantity, "unit_price": 24, "warehouse_id": "wh_east"}
    return {"order_number": number, "ship_to_address": ADDRESS, "line_items": [line]}


def counters(wms, item):
    return wms.get(f"/wms/inventory/{item['id']}").json["data"]["inventory_by_warehouse_id"]["wh_east"]


def path_of(order):
    return "/wms/orders/" + order["id"].replace("=", "%3D")


def test_order_and_its_stock_are_created_changed_and_cancelled(wms, item):
    before = counters(wms, item)
    reply = wms.write("POST", "/wms/orders", order_body(item) | {"gift_message": "hi", "tags": ["vip"]})
    order = reply.json["data"]
    assert (reply.status, reply.json["id"], reply.json["unused_fields"]) == (200, order["id"], ["gift_message"])
    assert (order["status"], order["reference_id"], order["tags"]) == ("open", "T-1", ["vip"])
    assert order["ship_to_address"]["company"] is None
    assert wms.get(path_of(order)).json["data"] == order
    assert counters(wms, item)["committed"] == before["committed"] + 2
    lines = order_body(item, quantity=5)["line_items"]
    changed = wms.write("PUT", path_of(order), {"line_items": lines}).json["data"]
    assert changed["line_items"][0]["quantity"] == 5
    assert counters(wms, item)["committed"] == before["committed"] + 5
    cancelled = wms.write("PUT", path_of(order) + "/cancel").json["data"]
    assert cancelled["status"] == "cancelled"
    assert counters(wms, item) == before
    refused = wms.write("PUT", path_of(order), {"tags": ["x"]})
    assert (refused.status, refused.json["origin"]) == (400, "integration")


def test_shipped_order_reduces_stock_and_cannot_be_cancelled(wms, item):
    before = counters(wms, item)
    order = wms.write("POST", "/wms/orders", order_body(item)).json["data"]
    shipped = wms.write("POST", path_of(order) + "/shipments", {"tracking_number": "1Z9"}).json["data"]
    assert shipped["status"] == "fulfilled"
    assert shipped["shipments"][0]["packages"][0]["tracking_number"] == "1Z9"
    assert shipped["shipments"][0]["line_items"][0]["quantity"] == 2
    assert counters(wms, item)["onhand"] == before["onhand"] - 2
    refused = wms.write("PUT", path_of(order) + "/cancel")
    assert (refused.status, refused.json["origin"]) == (400, "integration")


def test_order_beyond_stock_is_backordered_and_repeated_number_refused(wms, item):
    assert wms.write("POST", "/wms/orders", order_body(item, quantity=100_000)).json["data"]["status"] == "backordered"
    again = wms.write("POST", "/wms/orders", order_body(item))
    assert again.json == {"error": "Order number T-1 already exists", "origin": "integration"}
    unknown = wms.write("POST", "/wms/orders", order_body({"sku": "NOPE"}, "T-2"))
    assert unknown.json["origin"] == "integration"
    assert wms.write("PUT", "/wms/orders/none/cancel").json["id"] == "none"


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"order_number": None}, {"order_number": ["Field may not be null."]}),
        ({"reference_id": "None"}, {"reference_id": ["Field may not be null."]}),
        ({"packing_note": ""}, {"packing_note": ["Field may not be null."]}),
        ({"extra": {"deep": [None]}}, {"extra": {"deep": {"0": ["Field may not be null."]}}}),
        (
            {"line_items": [{"sku": "A", "quantity": "2", "unit_price": 1}]},
            {"line_items": {"0": {"quantity": ["Not a valid integer."]}}},
        ),
        ({"line_items": []}, {"line_items": ["Shorter than minimum length 1."]}),
        ({"ship_to_address": {}}, None),
    ],
)
def test_invalid_bodies_are_reported_by_field(reading, change, detail):
    body = order_body({"sku": "A"}) | change
    reply = reading.write("POST", "/wms/orders", body)
    assert reply.status == 422
    if detail is None:
        assert set(reply.json["detail"]["json"]["ship_to_address"]) == set(ADDRESS)
    else:
        assert reply.json["detail"] == {"json": detail}
    assert reading.write("POST", "/wms/orders", {}).json["detail"]["json"].keys() == {
        "order_number",
        "ship_to_address",
        "line_items",
    }


def test_inbound_shipments_are_created_changed_received_and_cancelled(wms, item):
    before = counters(wms, item)
    line = {"sku": item["sku"], "expected_quantity": 50, "expected_weight": 0.9, "unit_cost": 5.1}
    body = {
        "warehouse_id": "wh_east",
        "purchase_order_number": "PO-T",
        "expected_arrival_date": "2026-03-01T00:00:00Z",
        "shipping_price": 0,
        "line_items": [line],
    }
    made = wms.write("POST", "/wms/inbound-shipments", body).json["data"]
    assert counters(wms, item)["awaiting"] == before["awaiting"] + 50
    path = f"/wms/inbound-shipments/{made['id']}"
    wms.write("PUT", path, {"line_items": [{"sku": item["sku"], "expected_quantity": 30}]})
    received = wms.write("PUT", path + "/receive", {"line_items": [{"sku": item["sku"], "quantity": 10}]}).json["data"]
    assert (received["status"], received["receipts"][0]["line_items"][0]["quantity"]) == ("receiving", 10)
    after = counters(wms, item)
    assert (after["awaiting"], after["onhand"]) == (before["awaiting"] + 20, before["onhand"] + 10)
    new_line = wms.write("PUT", path, {"line_items": [{"sku": "NOPE", "expected_quantity": 1}]})
    assert new_line.json["origin"] == "integration"
    assert wms.write("PUT", path, {"status": "cancelled"}).json["data"]["status"] == "cancelled"
    assert counters(wms, item)["awaiting"] == before["awaiting"]


def test_stock_is_adjusted_and_products_are_changed(wms, item):
    before = counters(wms, item)
    path = f"/wms/inventory/{item['id']}/adjust"
    body = {"quantity": 3, "adjustment_type": "increase", "warehouse_id": "wh_east"}
    assert wms.write("PUT", path, body).json["data"]["onhand"] == item["onhand"] + 3
    wms.write("PUT", path, body | {"adjustment_type": "decrease"})
    assert counters(wms, item) == before
    too_much = wms.write("PUT", path, body | {"adjustment_type": "decrease", "quantity": 10**6})
    assert too_much.json["origin"] == "integration"
    assert wms.write("PUT", path, body | {"adjustment_type": "set"}).status == 422
    made = wms.write("POST", "/wms/products", {"sku": "NEW-1", "name": "New"}).json["data"]
    part = made["inventory_items"][0]["inventory_item_id"]
    assert wms.get(f"/wms/inventory/{part}").json["data"]["sku"] == "NEW-1"
    assert wms.write("PUT", f"/wms/products/{made['id']}", {"name": "Newer"}).json["data"]["name"] == "Newer"
    assert wms.write("POST", "/wms/products", {"sku": "NEW-1", "name": "New"}).json["origin"] == "integration"
    tagged = wms.write("PUT", f"/wms/products/{made['id']}/trackstar-tags", {"trackstar_tags": ["a"]}).json["data"]
    assert tagged["trackstar_tags"] == ["a"]
    assert [row["id"] for row in wms.rows("/wms/products", **{"trackstar_tags[contains]": "a"})] == [made["id"]]
    assert wms.write("POST", "/wms/kits", {}).status == 501


def test_repeated_idempotency_key_runs_once(wms, item):
    first = wms.write("POST", "/wms/orders", order_body(item), key="k1")
    again = wms.write("POST", "/wms/orders", dict(reversed(order_body(item).items())), key="k1")
    assert again.json == first.json
    assert (first.headers["Idempotent-Replayed"], again.headers["Idempotent-Replayed"]) == (None, "true")
    assert wms.write("POST", "/wms/orders", order_body(item, "T-9"), key="k1").status == 400
    assert wms.write("PUT", path_of(first.json["data"]), {"tags": ["x"]}, key="k1").status == 400
    assert len(wms.rows("/wms/orders", order_number="T-1")) == 1
    # An error releases the key.
    assert wms.write("POST", "/wms/orders", {}, key="k2").status == 422
    assert wms.write("POST", "/wms/orders", order_body(item, "T-2"), key="k2").status == 200
    # Keys belong to one connection.
    assert wms.write("POST", "/wms/orders", order_body(item, "T-1"), key="k1", token="sandbox-2").status == 200
    assert wms.write("POST", "/wms/orders", order_body(item), key="k" * 256).status == 400


def test_running_key_is_409_and_expires_after_15_minutes(wms, item):
    wms.write("POST", "/wms/orders", order_body(item), key="k")
    attempt = wms.sandbox.world.account(1).answers["k"]
    attempt.answer = None
    assert wms.write("POST", "/wms/orders", order_body(item), key="k").status == 409
    attempt.begun -= 16 * 60
    assert wms.write("POST", "/wms/orders", order_body(item), key="k").json["origin"] == "integration"


def passthrough(wms, query, variables=None):
    data = {"query": query} | ({"variables": variables} if variables else {})
    body = {"method": "POST", "path": "/graphql", "headers": {}, "params": {}, "data": data}
    return wms.write("POST", "/wms/passthrough", body)


def test_orders_are_held_by_passthrough(wms, item):
    order = wms.write("POST", "/wms/orders", order_body(item)).json["data"]
    mutation = "mutation H($d: UpdateOrderHoldsInput!) { order_update_holds(data: $d) { order { id } } }"
    reply = passthrough(wms, mutation, {"d": {"order_id": order["id"], "operator_hold": True}}).json
    assert reply["status_code"] == 200
    assert reply["body"]["data"]["order_update_holds"]["order"]["holds"]["operator_hold"] is True
    held = wms.get(path_of(order)).json["data"]
    assert (held["status"], held["raw_status"]) == ("exception", "On hold")
    wms.control("change", account="sandbox-1", tick=200)
    assert wms.get(path_of(order)).json["data"]["raw_status"] == "On hold"
    data = f'{{order_id: "{order["id"]}", operator_hold: false}}'
    written = f"mutation {{ order_update_holds(data: {data}) {{ order {{ id }} }} }}"
    passthrough(wms, written)
    released = wms.get(path_of(order)).json["data"]
    assert (released["status"], released["raw_status"]) == (order["status"], order["raw_status"])
    unknown = passthrough(wms, mutation, {"d": {"order_id": "none", "operator_hold": True}})
    assert (unknown.status, unknown.json["status_code"]) == (200, 200)
    assert unknown.json["body"]["errors"]
    assert passthrough(wms, "{ orders { id } }").json["body"]["errors"]
