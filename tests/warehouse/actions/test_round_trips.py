"""Every action against the sandbox WMS: accepted, refused, not permitted, unavailable, repeated."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils.timezone import now

from integrations.connectors.actions import ActionKind
from integrations.models import Action, Connection
from packr.warehouse import actions
from packr.warehouse.models import InboundShipment, Order, Product
from packr.workspaces.errors import Refused
from tests.kit.running import sync
from tests.warehouse.actions.conftest import ADDRESS, new_inbound, new_order


def writes(wms):
    return [(method, path) for method, path in wms.requests() if method != "GET"]


def test_new_order_is_sent_and_shown_immediately(wms, act, item):
    """One request, before any sync; the WMS stores the action's reference."""
    action = act("create-order", **new_order(item))
    assert (action.state, action.message, action.errors) == ("accepted", "", {})
    assert writes(wms) == [("POST", "/wms/orders")]
    (there,) = wms.orders(order_number="T-1")
    here = Order.objects.get(connection=action.connection, external_id=there["id"])
    assert (here.order_number, here.reference_id, here.status) == ("T-1", action.reference, there["status"])
    assert (action.external_id, there["reference_id"]) == (there["id"], action.reference)
    assert [line.quantity for line in here.lines.all()] == [2]
    assert there["line_items"][0]["unit_price"] == 24.5


def test_hold_is_placed_and_released(wms, act, order):
    """The passthrough returns no order, so a read follows and shows the hold."""
    held = act("hold-order", order)
    assert held.state == "accepted"
    order.refresh_from_db()
    assert (order.status, order.record["raw_status"]) == ("exception", "On hold")
    assert writes(wms) == [("POST", "/wms/passthrough")]
    released = act("release-order", order)
    assert released.state == "accepted"
    order.refresh_from_db()
    assert order.record["raw_status"] != "On hold"


def test_cancelling_twice_is_accepted(wms, act, order):
    """Cancelling an order that is already cancelled counts as accepted."""
    assert act("cancel-order", order).state == "accepted"
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert act("cancel-order", order).state == "accepted"
    assert [path.rpartition("/")[2] for _, path in writes(wms)] == ["cancel", "cancel"]


def test_inbound_shipment_is_created_and_changed(wms, act, item):
    made = act("create-inbound-shipment", **new_inbound(item))
    assert (made.state, made.errors) == ("accepted", {})
    here = InboundShipment.objects.get(external_id=made.external_id)
    assert (here.purchase_order_number, here.lines.get().expected_quantity) == ("PO-1", 50)
    changes = {"expected_arrival_date": "2027-04-02", "line_items": [{"sku": item.sku, "expected_quantity": "60"}]}
    changed = act("update-inbound-shipment", here, tracking_number="1Z9", **changes)
    assert changed.state == "accepted"
    (there,) = wms.rows("/wms/inbound-shipments", purchase_order_number="PO-1")
    assert there["tracking_numbers"] == ["1Z9"]
    assert there["line_items"][0]["expected_quantity"] == 60
    here.refresh_from_db()
    assert (f"{here.expected_arrival_date:%d %m}", here.lines.get().expected_quantity) == ("02 04", 60)


def test_inventory_is_adjusted_by_a_difference(wms, act, item):
    """The WMS's new count is shown."""
    before = item.onhand
    action = act("adjust-inventory", item, adjustment_type="decrease", quantity="3", warehouse_id="wh_east")
    assert action.state == "accepted"
    item.refresh_from_db()
    assert item.onhand == before - 3


def test_product_is_renamed(wms, act, synced):
    product = Product.objects.filter(connection=synced).order_by("pk")[0]
    assert act("update-product", product, name="  New name ").state == "accepted"
    product.refresh_from_db()
    assert product.name == "New name"


def test_field_errors_have_the_path_of_their_field(wms, act, item):
    """Trackstar's validation errors have paths at any depth; the values are kept."""
    detail = {"json": {"line_items": {"0": {"sku": ["Unknown SKU."]}}, "order_number": ["Too long.", "Taken."]}}
    body = {"error": "Validation error", "origin": "trackstar", "detail": detail}
    wms.fault("answer", path="/wms/orders", method="POST", status=422, value=body)
    action = act("create-order", **new_order(item))
    assert (action.state, action.origin) == ("refused", "trackstar")
    assert action.errors == {"line_items.0.sku": ["Unknown SKU."], "order_number": ["Too long.", "Taken."]}
    assert action.values["order_number"] == "T-1"
    assert not Order.objects.filter(order_number="T-1").exists()


def test_null_like_text_is_refused_at_its_field(wms, act, item):
    """Trackstar rejects null-like text; the error has the path of the field."""
    action = act("create-order", **new_order(item, number="none"))
    assert (action.state, action.errors) == ("refused", {"order_number": ["Field may not be null."]})


def test_refusal_keeps_the_message_of_the_wms(wms, act, item):
    """The origin is the WMS."""
    act("create-order", **new_order(item))
    again = act("create-order", **new_order(item))
    assert (again.state, again.message, again.origin) == ("refused", "Order number T-1 already exists", "wms")
    assert len(wms.orders(order_number="T-1")) == 1


def test_shipped_order_cannot_be_cancelled_or_held(wms, act, synced):
    shipped = Order.objects.filter(connection=synced, status="fulfilled").order_by("pk")[0]
    refused = act("cancel-order", shipped)
    assert (refused.state, refused.origin) == ("refused", "wms")
    assert "already shipped" in refused.message
    held = act("hold-order", shipped)
    assert (held.state, held.message) == ("refused", "Order is fulfilled")
    shipped.refresh_from_db()
    assert shipped.status == "fulfilled"


@pytest.mark.parametrize(
    ("fault", "words", "failure"),
    [
        ("not_implemented", "can’t do this", ""),
        ("forbidden", "switched off for the connection", ""),
        ("rate_limited", "limiting requests", "rate_limited"),
    ],
)
def test_failure_has_a_readable_message(wms, act, order, fault, words, failure):
    wms.fault(fault, path="/wms/orders/", method="PUT", retry_after=30)
    action = act("cancel-order", order)
    assert (action.state, action.failure) == ("refused", failure)
    assert words in action.message
    assert (action.retry_at is not None) == (fault == "rate_limited")


def test_rejected_login_sets_the_connection_status(wms, act, order):
    wms.fault("unauthorized", path="/wms/orders/", method="PUT")
    action = act("cancel-order", order)
    assert (action.state, action.failure) == ("refused", "credentials")
    assert "Nothing was changed in the WMS" in action.message
    assert Connection.objects.get().status == "needs_attention"


def test_acting_needs_the_permission(wms, synced, order, home):
    """The server enforces it, not only the page."""
    mel = User.objects.get(username="mel")
    with pytest.raises(PermissionDenied):
        actions.act(synced, ActionKind.CANCEL_ORDER, values={}, person=mel, key="k", row=order)
    assert (writes(wms), Action.objects.count()) == ([], 0)


def test_holds_are_offered_only_where_the_wms_has_them(synced, ada, order, wms):
    """The passthrough is used only if the WMS behind Trackstar has holds."""
    assert set(actions.available_actions(synced).values()) == {""}
    for learned, words in (({}, "can’t tell yet"), ({"integration_name": "extensiv"}, "offer holds")):
        Connection.objects.update(learned=learned)
        synced.refresh_from_db()
        offered = actions.available_actions(synced)
        assert words in offered[ActionKind.HOLD_ORDER]
        assert offered[ActionKind.CANCEL_ORDER] == ""
        with pytest.raises(Refused, match=words):
            actions.act(synced, ActionKind.HOLD_ORDER, values={}, person=ada, key="k", row=order)
    assert writes(wms) == []


def test_same_key_returns_the_same_action(wms, act, item):
    """A double click, two tabs or a retry create one order; the key can't be used for another change."""
    first = act("create-order", key="k", **new_order(item))
    again = act("create-order", key="k", **new_order(item))
    assert first.pk == again.pk
    assert len(writes(wms)) == 1
    with pytest.raises(actions.KeyTaken):
        act("create-order", key="k", **new_order(item, number="T-2"))
    assert len(wms.orders(order_number="T-1")) == 1


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"order_number": "  "}, {"order_number": ["Required."]}),
        ({"nonsense": "1"}, {"nonsense": ["There is no such field."]}),
        ({"line_items": []}, {"line_items": ["Required."]}),
        ({"line_items": "x"}, {"line_items": ["Enter a list of lines."]}),
        (
            {"line_items": [{"sku": "A", "quantity": 0.5, "unit_price": "x"}]},
            {"line_items.0.quantity": ["Enter 1 or more."], "line_items.0.unit_price": ["Enter a number."]},
        ),
        (
            {"ship_to_address": {"full_name": "Ada", "planet": "Mars"}},
            {
                "ship_to_address.planet": ["There is no such field."],
                **{f"ship_to_address.{name}": ["Required."] for name in sorted(set(ADDRESS) - {"full_name"})},
            },
        ),
        ({"shipping_price": "NaN"}, {"shipping_price": ["Enter a number."]}),
        ({"shipping_price": True}, {"shipping_price": ["Enter a number."]}),
        ({"packing_note": ["x"]}, {"packing_note": ["Enter one value."]}),
    ],
)
def test_invalid_values_are_not_sent(wms, act, item, changes, errors):
    with pytest.raises(actions.Invalid) as invalid:
        act("create-order", **{**new_order(item), **changes})
    assert dict(sorted(invalid.value.fields.items())) == dict(sorted(errors.items()))
    assert (writes(wms), Action.objects.count()) == ([], 0)


def test_exchanges_are_stored_without_secrets(wms, act, item, synced):
    """Request, answer, latency and person are stored; credentials never, even if the WMS repeats them."""
    echo = {"error": "not with sandbox-1", "origin": "integration"}
    wms.fault("answer", path="/wms/orders", method="POST", times=1, status=400, value=echo)
    refused = act("create-order", **new_order(item))
    accepted = act("create-order", **new_order(item))
    (exchange,) = accepted.exchanges
    assert (exchange["method"], exchange["path"], exchange["status"]) == ("POST", "/wms/orders", 200)
    assert accepted.reference in exchange["body"]
    assert '"status":' in exchange["answer"]
    assert accepted.latency_ms >= exchange["ms"] > 0
    assert accepted.person.username == "ada"
    assert "sandbox-1" not in f"{refused.exchanges} {refused.message}"
    assert "(secret)" in refused.exchanges[0]["answer"]


def test_hold_is_shown_before_the_copy_shows_it(wms, act, order, synced):
    """Trackstar's copy lags its passthrough by up to a crawl; Packr shows the hold meanwhile."""
    (copy,) = wms.orders(order_number="S-1")
    wms.fault("answer", path="/wms/orders", method="GET", value={"data": [copy], "next_token": None})
    action = act("hold-order", order)
    assert (action.state, action.confirmed_at) == ("accepted", None)
    order.refresh_from_db()
    assert (order.held, order.status) == (True, copy["status"])
    sync(synced)
    order.refresh_from_db()
    assert order.held
    assert actions.marks([order])[order.pk].status == actions.ActionStatus.ACCEPTED
    wms.heal()
    sync(synced)
    order.refresh_from_db()
    assert (order.held, order.record["raw_status"]) == (True, "On hold")
    assert actions.marks([order])[order.pk].status == actions.ActionStatus.CONFIRMED


def test_sync_confirms_an_accepted_action(wms, act, order, synced):
    """A record read after the WMS's answer confirms the action."""
    action = act("cancel-order", order)
    assert actions.marks([order])[order.pk].status == actions.ActionStatus.ACCEPTED
    sync(synced)
    action.refresh_from_db()
    assert action.confirmed_at > action.answered_at
    assert actions.marks([order])[order.pk].status == actions.ActionStatus.CONFIRMED


@pytest.mark.parametrize("is_shown", [True, False])
def test_one_read_decides_when_write_protection_ends(wms, act, order, is_shown):
    """The action is unconfirmed only after one more read, and nothing is undone silently."""
    (copy,) = wms.orders(order_number="S-1")
    wms.fault("answer", path="/wms/orders", method="GET", value={"data": [copy], "next_token": None})
    action = act("hold-order", order)
    if is_shown:
        wms.heal()
    later = now() + timedelta(hours=2, minutes=1)
    wms.clear_requests()
    assert actions.settle(later) == 1
    assert len(wms.requests("GET")) == 1
    mark = actions.marks([order], later)[order.pk]
    assert mark.status == ("confirmed" if is_shown else "unconfirmed")
    order.refresh_from_db()
    assert order.held
    action.refresh_from_db()
    action.connection.refresh_from_db()
    assert (action.settle_at, action.connection.shielded_until) == (None, None)
