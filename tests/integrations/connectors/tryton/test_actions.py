"""Changing things in Tryton: its own words at the right place, nothing half-made left behind, nothing made twice."""

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
# What Tryton's tables hold, by model, for searches; each search gives all of it.
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
            "model.sale.sale.create": lambda *asked: sale(found, [{"id": 62, "state": "draft"}]) or [62],
            "model.sale.sale.quote": lambda *asked: sale(found, [{"id": 62, "state": "quotation"}]),
            "model.sale.sale.confirm": lambda *asked: sale(found, [{"id": 62, "state": "processing"}]),
            "model.sale.sale.cancel": None,
            "model.sale.sale.delete": lambda *asked: sale(found, []),
        }
        yield found


def sale(peer: Peer, rows: list[dict[str, Any]]) -> None:
    """What is found of sales from now on; reading one whole is not what these tests are about."""
    peer.answers["model.sale.sale.search_read"] = lambda *asked: rows if len(asked[4]) < 5 else []
    peer.answers["model.sale.sale.fields_get"] = {}


def wish(kind: ActionKind, target: str | None = None, **given: Any) -> ActionRequest:
    return ActionRequest(kind, target, given, "packr-abc", "key", NOW)


def create(peer: Peer, **given: Any) -> ActionResult:
    asked = {"party": "5", "warehouse_id": "3", "line_items": LINES, **given}
    return Tryton.actions[ActionKind.CREATE_ORDER].send(peer.client(), wish(ActionKind.CREATE_ORDER, **asked))


def sent(peer: Peer, method: str) -> list[Any]:
    return [params for asked, params in peer.asked if asked == f"model.{method}"]


def error(*said: Any) -> Reply:
    return Reply(json.dumps({"id": 1, "error": list(said)}).encode())


def test_an_order_is_made_quoted_and_confirmed_and_bears_our_reference(peer: Peer) -> None:
    """P22"""
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


def test_what_tryton_does_not_know_is_said_at_its_field_and_nothing_is_sent(peer: Peer) -> None:
    """T22"""
    with pytest.raises(ActionRejected) as declined:
        create(peer, line_items=[*LINES, {"sku": "LAMP", "quantity": "1", "unit_price": "1"}])
    assert declined.value.fields == {"line_items.1.sku": ["Tryton knows no product of this code."]}
    peer.answers["model.party.party.search_read"] = []
    with pytest.raises(ActionRejected) as declined:
        create(peer)
    assert declined.value.fields == {"party": ["Tryton knows no party of this code or name."]}
    assert sent(peer, "sale.sale.create") == []


def test_what_is_refused_half_way_is_taken_back(peer: Peer) -> None:
    """T22: in Tryton's own words; no draft stays there."""
    words = "To get a quote you must enter a warehouse."
    peer.answers["model.sale.sale.quote"] = error("UserError", [words, "", None])
    with pytest.raises(ActionRejected, match=words):
        create(peer)
    assert [len(sent(peer, f"sale.sale.{method}")) for method in ("cancel", "delete")] == [1, 1]


def test_a_warning_is_a_refusal_in_its_own_words_without_its_name(peer: Peer) -> None:
    peer.answers["model.sale.sale.confirm"] = error("UserWarning", ["credit_5", "The credit limit is exceeded.", ""])
    with pytest.raises(ActionRejected) as declined:
        create(peer)
    assert declined.value.message == "Tryton asks for a confirmation there: The credit limit is exceeded."


def test_an_error_inside_an_answer_says_that_nothing_was_changed_and_tells_no_secret(peer: Peer) -> None:
    client = peer.client()
    secret = client.credentials["password"]
    peer.answers["model.sale.sale.create"] = error(f"boom {secret}", "")
    with pytest.raises(ActionRejected) as declined:
        create(peer)
    assert "boom (secret)" in declined.value.message


def test_an_order_that_is_there_by_its_reference_is_not_made_again(peer: Peer) -> None:
    """RELIABILITY 2: what was half made is gone on with."""
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


def test_a_session_that_has_ended_is_opened_anew_and_the_change_made_once(peer: Peer) -> None:
    made = peer.answers["model.sale.sale.create"]
    replies = [Reply(status=401)]
    peer.answers["model.sale.sale.create"] = lambda *asked: replies.pop() if replies else made(*asked)
    assert create(peer).external_id == "62"
    assert len(sent(peer, "sale.sale.create")) == 2  # the first was refused at the door


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
def test_an_order_is_on_hold_when_what_is_left_of_it_is_draft_again(
    state: str, number: str | None, shipments: list[str], held: bool
) -> None:
    """P23: Tryton has no holds."""
    moves = [
        {"id": 3, "last_modified_at": STAMP, "state": "draft", "shipment.": {"last_modified_at": STAMP, "state": one}}
        for one in shipments
    ]
    line = {"id": 2, "last_modified_at": STAMP, "type": "line", "moves.": moves}
    sale = {"id": 1, "last_modified_at": STAMP, "create_date": STAMP, "shipment_state": "waiting", "lines.": [line]}
    record = orders.parse_order(Row({**sale, "state": state, "number": number}))
    assert (record.status == "exception", "on hold" in str(record.raw_status)) == (held, held)


def test_an_order_whose_shipments_were_all_cancelled_is_cancelled() -> None:
    """P24: the sale itself stays `processing` for ever."""
    assert orders.order_status("processing", "none", ["cancelled"]) == "cancelled"
    assert orders.order_status("processing", "exception", ["cancelled"]) == "exception"
