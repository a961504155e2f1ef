"""Trackstar's writes, with the literal samples of its documentation (fact sheet 8, 10, 11 and 14)."""

import json
from datetime import UTC, datetime

import pytest

from integrations.connectors.actions import ActionKind, ActionRejected, ActionRequest, OutcomeUnknown
from integrations.connectors.trackstar import Trackstar
from integrations.errors import ConnectorError, Kind
from integrations.http.client import Client
from tests.kit.server import Reply, Server

AT = datetime(2026, 2, 4, 18, 0, tzinfo=UTC)
CREATE_ORDER = {
    "order_number": "NB-1043",
    "reference_id": "5550123456790",
    "ship_to_address": {
        "full_name": "Ada Quill",
        "address1": "9 Pier Rd",
        "city": "Portland",
        "state": "ME",
        "postal_code": "04101",
        "country": "US",
    },
    "line_items": [{"sku": "MUG-BLU", "quantity": 1, "unit_price": 24}],
}
CREATED = {
    "data": {"id": "T3JkZXI6NzcwMTI=", "status": "open"},
    "id": "T3JkZXI6NzcwMTI=",
    "unused_fields": ["gift_message"],
}
CREATE_INBOUND = {
    "warehouse_id": "wh_east",
    "purchase_order_number": "PO-2300",
    "expected_arrival_date": "2026-03-01T00:00:00Z",
    "shipping_price": 0,
    "line_items": [
        {
            "sku": "MUG-BLU",
            "expected_quantity": 50,
            "expected_weight": 0.9,
            "expected_weight_unit": "lb",
            "unit_cost": 5.1,
        }
    ],
}
CANCELLED = {
    "data": {"id": "T3JkZXI6NzcwMTI=", "order_number": "NB-1043", "status": "cancelled", "raw_status": "canceled"},
    "id": "T3JkZXI6NzcwMTI=",
    "unused_fields": [],
}
ADJUST = {"quantity": 3, "adjustment_type": "increase", "warehouse_id": "wh_east", "location_id": "A-01-03"}
ADJUSTED = {
    "data": {"id": "inv_88", "sku": "MUG-BLU", "onhand": 45, "fulfillable": 38},
    "id": "inv_88",
    "unused_fields": [],
}
INVALID = {
    "error": "Validation error",
    "origin": "trackstar",
    "detail": {
        "json": {
            "order_number": ["Missing data for required field."],
            "line_items": {"0": {"quantity": ["Not a valid integer."]}},
        }
    },
}
EXISTS = {"error": "Order number NB-1042 already exists", "origin": "integration"}


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def client(server):
    credentials = {"api_key": "the-key", "access_token": "the-token"}
    made = Client(server.url, credentials=credentials, private_hosts=frozenset({server.host}))
    Trackstar.sign(made)
    yield made
    made.close()


def wish(kind, target=None, reference="packr-1", before=None, **values):
    return ActionRequest(ActionKind(kind), target, values, reference, "packr-act-7f2b", AT, before=before or {})


def send(client, one):
    return Trackstar.actions[one.kind].send(client, one)


def answers(server, body, status=200, headers=None):
    server.answer = lambda call: Reply(json.dumps(body).encode(), status, headers or {})


def values_of_sample():
    values = {name: value for name, value in CREATE_ORDER.items() if name != "reference_id"}
    return values | {"line_items": [{"sku": "MUG-BLU", "quantity": 1, "unit_price": "24"}], "packing_note": ""}


def test_order_is_created_as_in_the_sample(server, client):
    """Numbers as numbers, nothing empty, our reference, the key of the wish."""
    answers(server, CREATED)
    done = send(client, wish("create-order", reference="5550123456790", **values_of_sample()))
    (call,) = server.calls
    assert (call.method, call.path, json.loads(call.body)) == ("POST", "/wms/orders", CREATE_ORDER)
    assert call.headers["idempotency-key"] == "packr-act-7f2b"
    assert (done.external_id, done.record.status, done.unused) == ("T3JkZXI6NzcwMTI=", "open", ("gift_message",))
    assert not done.version_known  # the sample's data has no date


def test_reply_without_id_and_unused_fields_is_accepted(server, client):
    answers(server, {"data": {"id": "T3", "updated_date": "2026-02-04T18:40:02Z"}})
    done = send(client, wish("create-order", **values_of_sample()))
    assert (done.external_id, done.version_known, done.unused) == ("T3", True, ())


def test_inbound_shipment_is_created_as_in_the_sample(server, client):
    answers(server, {"data": {"id": "inb_1"}, "id": "inb_1"})
    values = CREATE_INBOUND | {"expected_arrival_date": "2026-03-01", "shipping_price": "0", "supplier_id": "sup_3"}
    values["line_items"] = [{**values["line_items"][0], "expected_weight": "0.9", "unit_cost": "5.1"}]
    assert send(client, wish("create-inbound-shipment", **values)).external_id == "inb_1"
    body = json.loads(server.calls[0].body)
    assert body == CREATE_INBOUND | {"supplier_object": {"supplier_id": "sup_3"}}


def test_order_is_cancelled_as_in_the_sample(server, client):
    answers(server, CANCELLED)
    done = send(client, wish("cancel-order", "T3JkZXI6NzcwMTI="))
    (call,) = server.calls
    assert (call.method, call.path) == ("PUT", "/wms/orders/T3JkZXI6NzcwMTI%3D/cancel")
    assert done.record.status == "cancelled"


def test_inventory_is_adjusted_as_in_the_sample(server, client):
    answers(server, ADJUSTED)
    done = send(client, wish("adjust-inventory", "inv_88", **ADJUST))
    assert json.loads(server.calls[0].body) == ADJUST
    assert (server.calls[0].method, server.calls[0].path) == ("PUT", "/wms/inventory/inv_88/adjust")
    assert done.record.onhand == "45"


def test_hold_uses_the_passthrough_as_in_the_sample(server, client):
    answers(
        server, {"status_code": 200, "headers": {}, "body": {"data": {"order_update_holds": {"order": {"id": "T3"}}}}}
    )
    done = send(client, wish("hold-order", "T3JkZXI6NzcwMTE="))
    body = json.loads(server.calls[0].body)
    assert (server.calls[0].path, body["method"], body["path"]) == ("/wms/passthrough", "POST", "/graphql")
    assert "order_update_holds" in body["data"]["query"]
    assert body["data"]["variables"]["data"] == {"order_id": "T3JkZXI6NzcwMTE=", "operator_hold": True}
    assert (done.record, done.version_known, done.clock is not None) == (None, False, True)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"status_code": 200, "body": {"errors": [{"message": "Order not found"}], "data": None}}, "Order not found"),
        ({"status_code": 200, "body": '{"errors": [{"message": "As text"}]}'}, "As text"),
        ({"status_code": 403, "body": {"message": "No."}}, "No."),
    ],
)
def test_passthrough_with_status_200_can_be_a_refusal(server, client, said, words):
    answers(server, said)
    with pytest.raises(ActionRejected) as declined:
        send(client, wish("hold-order", "T3"))
    assert (declined.value.message, declined.value.origin) == (words, "wms")


@pytest.mark.parametrize("said", [{"status_code": 502, "body": {}}, {"status_code": 200, "body": "<html>"}, [], {}])
def test_unusable_passthrough_reply_is_unknown(server, client, said):
    answers(server, said)
    with pytest.raises(ConnectorError) as error:
        send(client, wish("hold-order", "T3"))
    assert error.value.sent
    assert error.value.kind in (Kind.CONTRACT, Kind.UNREACHABLE)


def test_field_errors_as_in_the_sample(server, client):
    answers(server, INVALID, 422)
    with pytest.raises(ActionRejected) as declined:
        send(client, wish("create-order", **values_of_sample()))
    assert (declined.value.message, declined.value.origin) == ("Validation error", "trackstar")
    assert declined.value.fields == {
        "order_number": ["Missing data for required field."],
        "line_items.0.quantity": ["Not a valid integer."],
    }


@pytest.mark.parametrize(
    ("detail", "fields"),
    [
        ({"json": {"line_items": [{"sku": ["Unknown."]}]}}, {"line_items.0.sku": ["Unknown."]}),
        ({"json": {"line_items.0.sku": ["Unknown."]}}, {"line_items.0.sku": ["Unknown."]}),
        ({"body": {"order_number": "Taken."}}, {"order_number": ["Taken."]}),
        ({"json": ["Nothing fits."]}, {"json": ["Nothing fits."]}),
        ({"json": {"a": {"b": [None, 7, {"c": "Deep."}]}}}, {"a.b.2.c": ["Deep."]}),
        ("nonsense", {}),
    ],
)
def test_field_errors_in_any_shape(server, client, detail, fields):
    """The form of nested errors is not documented, so they are traversed and their paths joined."""
    answers(server, {**INVALID, "detail": detail}, 422)
    with pytest.raises(ActionRejected) as declined:
        send(client, wish("create-order", **values_of_sample()))
    assert declined.value.fields == fields


@pytest.mark.parametrize(
    ("status", "body", "words", "origin"),
    [
        (400, EXISTS, "Order number NB-1042 already exists", "wms"),
        (404, {"error": "orders not found", "id": "x"}, "no longer has this record. orders not found", "trackstar"),
        (
            403,
            {"error": "create_order is disabled for this connection"},
            "switched off for the connection",
            "trackstar",
        ),
        (501, {"error": "Endpoint get_returns is not implemented for Cool WMS"}, "can’t do this", "trackstar"),
        (418, {}, "refused without a reason (418)", "trackstar"),
    ],
)
def test_refusals_are_sentences(server, client, status, body, words, origin):
    answers(server, body, status)
    with pytest.raises(ActionRejected) as declined:
        send(client, wish("create-order", **values_of_sample()))
    assert words in declined.value.message
    assert declined.value.origin == origin


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>", 404),
        Reply(b"{}", 408),
        Reply(b'{"data": []}', 200),
        Reply(b'{"error": "still running"}', 409),
    ],
)
def test_reply_that_does_not_tell_the_outcome_is_an_error(server, client, reply):
    server.answer = lambda call: reply
    with pytest.raises(ConnectorError) as error:
        send(client, wish("create-order", **values_of_sample()))
    assert (error.value.kind, error.value.sent) == (Kind.CONTRACT, True)
    assert len(server.calls) == 1


def test_order_that_is_already_cancelled_counts_as_cancelled(server, client):
    """Whatever a WMS answers to the second cancellation, the order is cancelled."""
    order = {"data": {"id": "o", "status": "cancelled", "updated_date": "2026-02-04T18:40:02Z"}}
    server.answer = lambda call: (
        Reply(json.dumps(order).encode()) if call.method == "GET" else Reply(json.dumps(EXISTS).encode(), 400)
    )
    assert send(client, wish("cancel-order", "o")).record.status == "cancelled"
    order["data"]["status"] = "fulfilled"
    with pytest.raises(ActionRejected, match="already exists"):
        send(client, wish("cancel-order", "o"))
    order["data"] = "nonsense"
    with pytest.raises(ActionRejected, match="already exists"):
        send(client, wish("cancel-order", "o"))


def find(client, one):
    return Trackstar.actions[one.kind].find(client, one)


def test_created_order_is_found_by_reference_then_by_number(server, client):
    """An older order of the same number is not taken for it."""
    held = [{"id": "o", "reference_id": "else", "order_number": "NB-1043", "created_date": "2026-02-04T18:00:03Z"}]
    server.answer = lambda call: Reply(
        json.dumps({"data": held if "order_number" in call.query else [], "next_token": None}).encode()
    )
    one = wish("create-order", **values_of_sample())
    assert find(client, one).external_id == "o"
    assert [dict(call.query) for call in server.calls] == [{"reference_id": "packr-1"}, {"order_number": "NB-1043"}]
    held[0]["created_date"] = "2026-02-04T17:00:00Z"
    assert find(client, one) is None


@pytest.mark.parametrize(("now", "expected"), [(45, "done"), (42, None), (44, "unclear")])
def test_adjustment_is_found_by_the_count(server, client, now, expected):
    levels = {"wh_east": {"onhand": now}}
    answers(server, {"data": {"id": "inv_88", "inventory_by_warehouse_id": levels}})
    one = wish("adjust-inventory", "inv_88", before={"onhand": "42.000000"}, **ADJUST)
    if expected == "unclear":
        with pytest.raises(OutcomeUnknown):
            find(client, one)
    else:
        assert (find(client, one) is not None) == (expected == "done")


def test_learned_facts_decide_which_actions_are_available(server, client):
    holds, orders = Trackstar.actions[ActionKind.HOLD_ORDER], Trackstar.actions[ActionKind.CREATE_ORDER]
    adjust = Trackstar.actions[ActionKind.ADJUST_INVENTORY]
    shiphero = {"integration_name": "shiphero", "available_actions": ["get_orders", "create_order"]}
    extensiv = {"integration_name": "extensiv", "integration_label": "Extensiv", "available_actions": ["get_orders"]}
    assert [one.unavailable_reason(shiphero) for one in (holds, orders, adjust)] == ["", "", ""]
    assert all(one.unavailable_reason(extensiv).startswith("Extensiv ") for one in (holds, orders, adjust))
    assert [bool(one.unavailable_reason({})) for one in (holds, orders, adjust)] == [True, False, False]
