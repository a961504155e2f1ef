"""Lost answers: Packr looks the change up in the WMS instead of sending it again, so one object exists."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations import action_sender, services
from integrations.errors import Kind
from integrations.models import Action
from packr.warehouse import actions
from packr.warehouse.actions import reconciliation
from packr.warehouse.models import InboundShipment, Order
from tests.kit.running import sync
from tests.warehouse.actions.conftest import new_inbound, new_order

LOST_AFTER_SUCCESS = [
    ("lost_answer", {}),  # carried out, then the connection is reset
    ("truncate", {}),
    ("bad_json", {}),
    ("wrong_encoding", {}),
]
NOT_CARRIED_OUT = [
    ("server_error", {"status": 500}),
    ("server_error", {"status": 502, "html": True}),
    ("html", {}),
    ("redirect", {}),
]


@pytest.fixture
def without_immediate_lookup(monkeypatch):
    """Disable the immediate lookup after a lost answer."""
    monkeypatch.setattr(action_sender, "MIN_TIME_TO_LOOK", action_sender.ANSWER_TIMEOUT)


def later(action, **delta):
    """Reconcile the action as if this much time had passed. Return it."""
    earlier = timedelta(**delta)
    Action.objects.filter(pk=action.pk).update(asked_at=action.asked_at - earlier, settle_at=now())
    actions.settle()
    action.refresh_from_db()
    return action


@pytest.mark.parametrize(("fault", "params"), LOST_AFTER_SUCCESS)
def test_lost_answer_is_found_immediately(wms, act, item, fault, params):
    """The lookup by reference happens while the person waits."""
    wms.fault(fault, path="/wms/orders", method="POST", times=1, **params)
    action = act("create-order", **new_order(item))
    assert (action.state, action.message) == ("accepted", "")
    (there,) = wms.orders(order_number="T-1")
    assert Order.objects.get(order_number="T-1").external_id == there["id"] == action.external_id
    assert len(wms.requests("POST")) == 1


@pytest.mark.parametrize(("fault", "params"), LOST_AFTER_SUCCESS)
def test_lost_answer_is_found_later(wms, act, item, without_immediate_lookup, fault, params):
    wms.fault(fault, path="/wms/orders", method="POST", times=1, **params)
    action = act("create-order", **new_order(item))
    assert action.state == "unknown"
    assert "Don’t send it again" in action.message
    assert later(action, seconds=30).state == "accepted"
    assert len(wms.orders(order_number="T-1")) == Order.objects.filter(order_number="T-1").count() == 1


@pytest.mark.parametrize(("fault", "params"), NOT_CARRIED_OUT)
def test_missing_order_is_refused_only_after_the_visibility_delay(wms, act, item, fault, params):
    """A 500 may follow a commit, so nothing is concluded or sent before the WMS must show the order."""
    wms.fault(fault, path="/wms/orders", method="POST", times=1, **params)
    action = act("create-order", **new_order(item))
    assert action.state == "unknown"
    assert later(action, minutes=10).state == "unknown"
    gone = later(action, minutes=20)
    assert (gone.state, gone.message) == ("refused", reconciliation.NOT_MADE)
    assert [path for method, path in wms.requests("POST")].count("/wms/orders") == 1
    # The person may send it again, which creates one order.
    assert act("create-order", **new_order(item)).state == "accepted"
    assert len(wms.orders(order_number="T-1")) == 1


def test_unknown_action_blocks_the_same_change_under_another_key(wms, act, item):
    """A second form or person can't create a second order."""
    wms.fault("html", path="/wms/orders", method="POST", times=1)
    assert act("create-order", key="k", **new_order(item)).state == "unknown"
    with pytest.raises(actions.Invalid, match="order_number: The same change was sent before"):
        act("create-order", **new_order(item))
    assert act("create-order", key="k", **new_order(item)).state == "unknown"
    assert act("create-order", **new_order(item, number="T-2")).state == "accepted"
    assert [path for method, path in wms.requests("POST")].count("/wms/orders") == 2


def test_inbound_shipment_is_found_by_its_number(wms, act, item, without_immediate_lookup):
    wms.fault("lost_answer", path="/wms/inbound-shipments", method="POST", times=1)
    action = act("create-inbound-shipment", **new_inbound(item))
    assert action.state == "unknown"
    assert later(action, seconds=30).state == "accepted"
    assert InboundShipment.objects.get(purchase_order_number="PO-1").external_id == action.external_id
    assert len(wms.rows("/wms/inbound-shipments", purchase_order_number="PO-1")) == 1


@pytest.mark.parametrize("fault", ["lost_answer", "server_error"])
def test_cancellation_is_reconciled_by_the_order_status(wms, act, order, without_immediate_lookup, fault):
    """The order ends up cancelled either way, since cancelling can be repeated."""
    wms.fault(fault, path="/wms/orders/", method="PUT", times=1)
    action = act("cancel-order", order)
    assert action.state == "unknown"
    assert later(action, seconds=30).state == "accepted"
    order.refresh_from_db()
    assert order.status == "cancelled"


@pytest.mark.parametrize(("fault", "params"), [("rate_limited", {}), ("unauthorized", {}), ("server_error", {})])
def test_failed_repeat_leaves_the_outcome_unknown(wms, act, order, fault, params):
    """The outcome stays unknown, and Packr looks again later."""
    wms.fault("server_error", path="/wms/orders/", method="PUT", times=1)
    action = act("cancel-order", order)
    wms.fault(fault, path="/wms/orders/", method="PUT", **params)
    assert later(action, seconds=30).state == "unknown"
    assert action.settle_at is not None
    wms.heal()
    assert later(action, seconds=30).state == "accepted"


@pytest.mark.parametrize("kind", ["hold-order", "release-order"])
@pytest.mark.parametrize("fault", ["lost_answer", "server_error"])
def test_hold_is_reconciled(wms, act, order, fault, kind, without_immediate_lookup):
    if kind == "release-order":
        assert act("hold-order", order).state == "accepted"
    wms.fault(fault, path="/wms/passthrough", method="POST", times=1)
    action = act(kind, order)
    assert action.state == "unknown"
    assert later(action, seconds=30).state == "accepted"
    order.refresh_from_db()
    assert (order.record["raw_status"] == "On hold") == (kind == "hold-order")


@pytest.mark.parametrize("fault", ["lost_answer", "html", "server_error"])
def test_adjustment_is_made_once(wms, act, item, without_immediate_lookup, fault):
    """A relative change is never repeated blindly: the count shows it, or the key while the WMS keeps it."""
    before = item.onhand
    wms.fault(fault, path="/wms/inventory", method="PUT", times=1)
    action = act("adjust-inventory", item, adjustment_type="decrease", quantity=3, warehouse_id="wh_east")
    assert action.state == "unknown"
    later(action, seconds=30)
    item.refresh_from_db()
    there = wms.call("GET", f"/wms/inventory/{item.external_id}")["data"]["onhand"]
    if fault == "server_error":
        # After an error the WMS forgets the key, so Packr does not send the adjustment again.
        assert (action.state, there) == ("unknown", before)
        assert later(action, minutes=20).message == reconciliation.NOT_MADE
    else:
        assert (action.state, there, item.onhand) == ("accepted", before - 3, before - 3)


def test_adjustment_among_other_movements_is_reconciled_by_key(wms, act, item, without_immediate_lookup):
    """If the count also changed otherwise, only the key shows the outcome, unless an error made the WMS forget it."""
    wms.fault("lost_answer", path="/wms/inventory", method="PUT", times=1)
    action = act("adjust-inventory", item, adjustment_type="decrease", quantity=3, warehouse_id="wh_east")
    body = {"quantity": 1, "adjustment_type": "decrease", "warehouse_id": "wh_east"}
    wms.call("PUT", f"/wms/inventory/{item.external_id}/adjust", body)
    assert later(action, seconds=30).state == "accepted"
    assert wms.call("GET", f"/wms/inventory/{item.external_id}")["data"]["onhand"] == item.onhand - 4


def test_unsent_request_is_refused_immediately(wms, act, item, settings, monkeypatch):
    """Nothing was sent, so the person may send it again immediately."""
    wms.sandbox.stop()
    action = act("create-order", **new_order(item))
    assert (action.state, action.failure) == ("refused", Kind.UNREACHABLE)
    assert "Nothing was sent to the WMS" in action.message
    assert action.settle_at is None


def test_private_address_is_refused(wms, act, item, settings):
    settings.PRIVATE_WMS_HOSTS = frozenset()
    action = act("create-order", **new_order(item))
    assert (action.state, action.failure, action.exchanges) == ("refused", Kind.CONTRACT, [])


def test_slow_wms_times_out(monkeypatch, wms, act, item):
    """The limit is 10 s (one second in this test). The WMS finishes afterwards, and there is one order."""
    monkeypatch.setattr(action_sender, "ANSWER_TIMEOUT", timedelta(seconds=1))
    monkeypatch.setattr(action_sender, "MIN_TIME_TO_LOOK", timedelta(seconds=1))
    wms.fault("hang", path="/wms/orders", method="POST", times=1, seconds=60)
    action = act("create-order", **new_order(item))
    assert action.state == "unknown"
    assert 900 < action.latency_ms < 1500
    wms.heal()
    for _ in range(50):
        if wms.orders(order_number="T-1"):
            break
    assert later(action, seconds=30).state == "accepted"
    assert len(wms.orders(order_number="T-1")) == Order.objects.filter(order_number="T-1").count() == 1


class Killed(BaseException):
    """Raised in place of a killed process."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_action_of_a_killed_process_is_reconciled(monkeypatch, wms, act, item, when):
    """The row was committed before the request left, so its outcome is found after kill -9."""
    real = action_sender.send

    def killed_send(action):
        if when == "after":
            real(action)
        raise Killed

    monkeypatch.setattr(action_sender, "send", killed_send)
    with pytest.raises(Killed):
        act("create-order", **new_order(item))
    monkeypatch.setattr(action_sender, "send", real)
    action = Action.objects.get()
    assert action.state == "sending"
    assert actions.settle() == 0  # its process may still be running
    assert later(action, minutes=1).state == ("accepted" if when == "after" else "unknown")
    if when == "before":
        assert later(action, minutes=20).state == "refused"
    assert len(wms.orders(order_number="T-1")) == Order.objects.filter(order_number="T-1").count()


def test_sync_may_write_the_order_before_reconciliation(wms, act, item, synced, without_immediate_lookup):
    """The sync and the reconciliation write the same row."""
    wms.fault("lost_answer", path="/wms/orders", method="POST", times=1)
    action = act("create-order", **new_order(item))
    assert sync(synced).created == 1
    assert later(action, seconds=30).state == "accepted"
    assert Order.objects.filter(order_number="T-1").count() == 1


def test_only_one_process_reconciles_an_action(monkeypatch, wms, act, order, without_immediate_lookup):
    """A conditional update lets only the first process reconcile it."""
    wms.fault("lost_answer", path="/wms/orders/", method="PUT", times=1)
    action = act("cancel-order", order)
    Action.objects.update(settle_at=now())
    real, looks = action_sender.find_outcome, []

    def look(one):
        looks.append(one.pk)
        assert actions.settle() == 0  # as another process at this moment would
        return real(one)

    monkeypatch.setattr(action_sender, "find_outcome", look)
    assert actions.settle() == 1
    assert looks == [action.pk]
    assert not actions.is_any_due()


def test_lookup_intervals_grow_and_end_with_a_message(wms, act, order):
    wms.fault("html", path="/wms/orders/", method="PUT")
    action = act("cancel-order", order)
    waits = []
    for _ in range(4):
        later(action)
        waits.append(round((action.settle_at - now()).total_seconds()))
    assert waits == sorted(set(waits))
    assert later(action, hours=25).state == "unknown"
    assert (action.settle_at, action.message) == (None, reconciliation.STILL_UNKNOWN)
    # A person has checked the WMS and sends it again.
    assert act("cancel-order", order).state == "unknown"


def test_open_action_of_a_disconnected_connection_gets_a_message(wms, act, order, synced, without_immediate_lookup):
    wms.fault("lost_answer", path="/wms/orders/", method="PUT", times=1)
    action = act("cancel-order", order)
    services.disconnect(synced)
    assert later(action, seconds=30).message == reconciliation.CONNECTION_ENDED
    assert action.settle_at is None
