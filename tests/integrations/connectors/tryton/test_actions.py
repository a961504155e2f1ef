"""Tryton's actions: refusals at their fields, nothing left half created, nothing created twice."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.connectors.actions import ActionKind, ActionRejected, ActionRequest, ActionResult
from integrations.connectors.tryton import Tryton, orders, rpc
from integrations.connectors.tryton.payloads import Row, encoded_moment
from integrations.errors import ConnectorError, Kind
from tests.integrations.connectors.tryton.test_quirks import Peer
from tests.kit.server import Reply, Server

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
STAMP = encoded_moment(datetime(2026, 1, 1, tzinfo=UTC))
LINES = [{"sku": "MUG", "quantity": "2", "unit_price": "12.5"}]
# The rows of Tryton's tables, by model. A search returns them all.
ROWS: Mapping[str, list[dict[str, Any]]] = {
    "party.party": [{"id": 5, "code": "5", "name": "Ada"}],
    "product.product": [{"id": 9, "code": "MUG", "default_uom": 1}],
    "stock.location": [{"id": 3}],
}


@pytest.fixture(autouse=True)
def _no_sessions_kept() -> Iterator[None]:
    rpc._tokens.clear()
    yield
    rpc._tokens.clear()


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Server() as server:
        found = Peer(server, {})
        for model, rows in ROWS.items():
            found.answers[f"model.{model}.search_read"] = rows
        sale(found, [])
        found.answers |= {
            "model.sale.sale.on_change": [{"invoice_address": 2, "shipment_address": 2, "rec_name": "x"}],
            "model.sale.sale.create": lambda *params: sale(found, [{"id": 62, "state": "draft"}]) or [62],
            "model.sale.sale.quote": lambda *params: sale(found, [{"id": 62, "state": "quotation"}]),
            "model.sale.sale.confirm": lambda *params: sale(found, [{"id": 62, "state": "processing"}]),
            "model.sale.sale.cancel": None,
            "model.sale.sale.delete": lambda *params: sale(found, []),
        }
        yield found


def sale(peer: Peer, rows: list[dict[str, Any]]) -> None:
    """Set the sales that searches find. Reading a whole order finds none, since these tests don't need it."""
    peer.answers["model.sale.sale.search_read"] = lambda *params: rows if len(params[4]) < 5 else []
    peer.answers["model.sale.sale.fields_get"] = {}


def request(kind: ActionKind, target: str | None = None, **given: Any) -> ActionRequest:
    return ActionRequest(kind, target, given, "packr-abc", "key", NOW)


def create(peer: Peer, **given: Any) -> ActionResult:
    values = {"party": "5", "warehouse_id": "3", "line_items": LINES, **given}
    return Tryton.actions[ActionKind.CREATE_ORDER].send(peer.client(), request(ActionKind.CREATE_ORDER, **values))


def sent(peer: Peer, method: str) -> list[Any]:
    return [params for called, params in peer.calls if called == f"model.{method}"]


def error(*parts: Any) -> Reply:
    return Reply(json.dumps({"id": 1, "error": list(parts)}).encode())


def test_order_is_created_quoted_and_confirmed_with_our_reference(peer: Peer) -> None:
    assert create(peer, order_number="A-7", packing_note="Ring twice").external_id == "62"
    ((made, _),) = sent(peer, "sale.sale.create")
    assert made[0]["reference"] == "A-7"
    assert made[0]["comment"] == "Ring twice\npackr-abc"
    assert made[0]["lines"] == [
        [
            "create",
            [{"product": 9, "quantity": 2.0, "unit": 1, "unit_price": {"__class__": "Decimal", "decimal": "12.5"}}],
        ]
    ]
    assert made[0]["shipment_cost_method"] is None
    assert "rec_name" not in made[0]
    order = [method.rpartition(".")[2] for method in peer.methods() if "search" not in method]
    assert order.index("create") < order.index("quote") < order.index("confirm")


def test_unknown_values_are_reported_at_their_fields_and_nothing_is_sent(peer: Peer) -> None:
    with pytest.raises(ActionRejected) as rejected:
        create(peer, line_items=[*LINES, {"sku": "LAMP", "quantity": "1", "unit_price": "1"}])
    assert rejected.value.fields == {"line_items.1.sku": ["Tryton has no product with this code."]}
    peer.answers["model.party.party.search_read"] = []
    with pytest.raises(ActionRejected) as rejected:
        create(peer)
    assert rejected.value.fields == {"party": ["Tryton has no party with this code or name."]}
    assert sent(peer, "sale.sale.create") == []


def test_order_refused_half_way_is_removed(peer: Peer) -> None:
    words = "To get a quote you must enter a warehouse."
    peer.answers["model.sale.sale.quote"] = error("UserError", [words, "", None])
    with pytest.raises(ActionRejected, match=words):
        create(peer)
    assert [len(sent(peer, f"sale.sale.{method}")) for method in ("cancel", "delete")] == [1, 1]


def test_warning_is_a_refusal_without_its_name(peer: Peer) -> None:
    peer.answers["model.sale.sale.confirm"] = error("UserWarning", ["credit_5", "The credit limit is exceeded.", ""])
    with pytest.raises(ActionRejected) as rejected:
        create(peer)
    assert rejected.value.message == "Tryton asks for a confirmation in its own client: The credit limit is exceeded."


def test_internal_error_is_a_refusal_without_secrets(peer: Peer) -> None:
    client = peer.client()
    secret = client.credentials["password"]
    peer.answers["model.sale.sale.create"] = error(f"boom {secret}", "")
    with pytest.raises(ActionRejected) as rejected:
        create(peer)
    assert "boom (secret)" in rejected.value.message


def test_half_created_order_is_continued_and_not_created_again(peer: Peer) -> None:
    sale(peer, [{"id": 62, "state": "draft"}])
    assert create(peer).external_id == "62"
    assert sent(peer, "sale.sale.create") == []
    assert len(sent(peer, "sale.sale.quote")) == 1
    ((domain, *_), *_) = sent(peer, "sale.sale.search_read")
    assert ["comment", "like", "%packr-abc%"] in domain[0]


def test_change_whose_sign_in_failed_was_not_sent(peer: Peer) -> None:
    peer.answers["common.db.login"] = Reply(b"{", announced=500)
    with pytest.raises(ConnectorError) as lost:
        create(peer)
    assert (lost.value.kind, lost.value.sent) == (Kind.UNREACHABLE, False)


def test_change_is_sent_again_after_an_ended_session(peer: Peer) -> None:
    made = peer.answers["model.sale.sale.create"]
    replies = [Reply(status=401)]
    peer.answers["model.sale.sale.create"] = lambda *params: replies.pop() if replies else made(*params)
    assert create(peer).external_id == "62"
    assert len(sent(peer, "sale.sale.create")) == 2  # the first was not carried out


@pytest.mark.parametrize(
    ("state", "number", "shipments", "held"),
    [
        ("draft", None, [], False),  # nobody quoted it yet
        ("draft", "7", [], True),
        ("quotation", "7", [], False),
        ("processing", "7", ["draft"], True),
        ("processing", "7", ["done", "draft"], True),
        ("processing", "7", ["draft", "waiting"], False),
        ("processing", "7", ["cancelled"], False),
        ("done", "7", ["draft"], False),
    ],
)
def test_order_is_on_hold_when_its_open_shipments_are_draft(
    state: str, number: str | None, shipments: list[str], held: bool
) -> None:
    """Tryton has no holds."""
    moves = [
        {
            "id": 3,
            "last_modified_at": STAMP,
            "state": "draft",
            "shipment.": {"last_modified_at": STAMP, "state": shipment},
        }
        for shipment in shipments
    ]
    line = {"id": 2, "last_modified_at": STAMP, "type": "line", "moves.": moves}
    sale = {"id": 1, "last_modified_at": STAMP, "create_date": STAMP, "shipment_state": "waiting", "lines.": [line]}
    record = orders.parse_order(Row({**sale, "state": state, "number": number}))
    assert (record.status == "exception", "on hold" in str(record.raw_status)) == (held, held)


def test_order_with_only_cancelled_shipments_is_cancelled() -> None:
    """The sale itself stays `processing`."""
    assert orders.order_status("processing", "none", ["cancelled"]) == "cancelled"
    assert orders.order_status("processing", "exception", ["cancelled"]) == "exception"


# Confirmed orders: their shipments are held, released and cancelled.


def confirmed(peer: Peer, *states: str) -> None:
    """Let the peer have the confirmed sale 62 with shipments 1, 2, … in these states."""
    sale(peer, [{"id": 62, "state": "processing", "shipment_state": "exception"}])
    peer.answers["model.stock.shipment.out.search_read"] = [
        {"id": number, "state": state} for number, state in enumerate(states, start=1)
    ]
    peer.answers |= {f"model.stock.shipment.out.{button}": None for button in ("wait", "draft", "cancel")}


def press(peer: Peer, kind: ActionKind) -> list[tuple[str, Any]]:
    """Send the action for sale 62. Return the pressed buttons of shipments with the ids."""
    Tryton.actions[kind].send(peer.client(), request(kind, "62"))
    prefix = "model.stock.shipment.out."
    pressed = [(method.removeprefix(prefix), params[0]) for method, params in peer.calls if method.startswith(prefix)]
    return [(button, ids) for button, ids in pressed if button != "search_read"]


def test_hold_returns_the_open_shipments_to_draft(peer: Peer) -> None:
    confirmed(peer, "waiting", "assigned", "draft", "done")
    assert press(peer, ActionKind.HOLD_ORDER) == [("wait", [2]), ("draft", [1, 2])]


@pytest.mark.parametrize(
    ("states", "words"), [(["waiting", "picked"], "already being picked"), (["done"], "no open shipments")]
)
def test_hold_is_refused_once_goods_are_picked_or_gone(peer: Peer, states: list[str], words: str) -> None:
    confirmed(peer, *states)
    with pytest.raises(ActionRejected, match=words):
        press(peer, ActionKind.HOLD_ORDER)
    assert sent(peer, "stock.shipment.out.draft") == []


def test_release_lets_draft_shipments_wait(peer: Peer) -> None:
    confirmed(peer, "draft", "waiting", "done")
    assert press(peer, ActionKind.RELEASE_ORDER) == [("wait", [1])]


def test_cancellation_of_a_confirmed_order_cancels_its_shipments_without_replacement(peer: Peer) -> None:
    confirmed(peer, "waiting", "draft", "cancelled")
    wizard = "wizard.sale.handle.shipment.exception"
    question = {"view": {"defaults": {"domain_moves": [7, 8]}}}
    peer.answers |= {f"{wizard}.create": [5], f"{wizard}.execute": question, f"{wizard}.delete": None}
    assert press(peer, ActionKind.CANCEL_ORDER) == [("cancel", [1, 2])]
    _, (session, reply, step, _) = (params for method, params in peer.calls if method == f"{wizard}.execute")
    assert (session, step) == (5, "handle")
    assert reply == {"ask": {"domain_moves": [7, 8], "ignore_moves": [7, 8], "recreate_moves": []}}


def test_cancellation_of_a_shipped_order_is_refused(peer: Peer) -> None:
    confirmed(peer, "waiting", "done")
    with pytest.raises(ActionRejected, match="has been shipped"):
        press(peer, ActionKind.CANCEL_ORDER)
    assert sent(peer, "stock.shipment.out.cancel") == []


@pytest.mark.parametrize(
    ("kind", "states", "is_found"),
    [
        (ActionKind.HOLD_ORDER, ["draft", "done"], True),
        (ActionKind.HOLD_ORDER, ["draft", "waiting"], False),
        (ActionKind.HOLD_ORDER, ["done"], False),
        (ActionKind.RELEASE_ORDER, ["waiting", "done"], True),
        (ActionKind.RELEASE_ORDER, ["draft", "waiting"], False),
    ],
)
def test_outcome_is_found_in_the_shipments(peer: Peer, kind: ActionKind, states: list[str], is_found: bool) -> None:
    confirmed(peer, *states)
    find = Tryton.actions[kind].find
    assert find
    assert (find(peer.client(), request(kind, "62")) is not None) == is_found


# Stock.


def test_refused_count_is_cancelled(peer: Peer) -> None:
    peer.answers["model.stock.location.search_read"] = [{"id": 3, "storage_location": 4}]
    peer.answers |= {"model.stock.inventory.create": [11], "model.stock.inventory.cancel": None}
    peer.answers["model.stock.inventory.confirm"] = error("UserError", ["There is no lost and found.", "", None])
    kind = ActionKind.ADJUST_INVENTORY
    with pytest.raises(ActionRejected, match="no lost and found"):
        Tryton.actions[kind].send(peer.client(), request(kind, "9", warehouse_id="3", quantity="40"))
    ((created, _),) = sent(peer, "stock.inventory.create")
    assert created == [{"location": 4, "company": 1, "lines": [["create", [{"product": 9, "quantity": 40.0}]]]}]
    assert [params[0] for params in sent(peer, "stock.inventory.cancel")] == [[11]]


def test_ids_of_other_systems_are_refused(peer: Peer) -> None:
    for kind, target in ((ActionKind.CANCEL_ORDER, "abc"), (ActionKind.UPDATE_INBOUND_SHIPMENT, "stock.lot,4")):
        with pytest.raises(ActionRejected, match="no record with this ID"):
            Tryton.actions[kind].send(peer.client(), request(kind, target, reference="x"))
    assert [method for method in peer.methods() if method.startswith("model.s")] == []
