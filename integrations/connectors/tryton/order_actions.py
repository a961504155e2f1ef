"""Creating, holding, releasing and cancelling orders. Facts: trytond_sale and _stock 8.2 and their answers.

Nothing dedupes in Tryton, so an order bears our reference in its comment and is looked up by it. Creating takes three
calls (make a draft, quote, confirm), each its own transaction; what is refused half-way is taken back. There is no
hold: before it is confirmed an order is put back to draft, afterwards its shipments are.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from ...errors import ConnectorError
from ...http.client import Client
from ..actions import ActionRejected, ActionRequest, ActionResult, OutcomeUnknown
from . import lookups
from .lookups import Values, encode_amount, encode_day, encode_quantity, search, target_id
from .orders import ORDERS
from .rpc import change

SALE, SHIPMENT = "model.sale.sale", "model.stock.shipment.out"
UNDER_WAY = timedelta(minutes=2)  # Tryton gives a request a minute
OPEN_SHIPMENTS = ("draft", "waiting", "assigned", "picked", "packed")
WIZARD = "wizard.sale.handle.shipment.exception"


def done(client: Client, number: int) -> ActionResult:
    """The order as Tryton has it now."""
    page = ORDERS.lookup(client, [str(number)])
    return ActionResult(str(number), next(iter(page.records), None), clock=page.clock)


# --- Creating ---------------------------------------------------------------------------------------------------------


def create(client: Client, wish: ActionRequest) -> ActionResult:
    """Make an order and confirm it. When Tryton refuses on the way, nothing of it stays there."""
    found = _made(client, wish)
    number = found["id"] if found else _draft(client, wish)
    try:
        return _confirm(client, number)
    except ActionRejected:
        _take_back(client, number)
        raise


def find_created(client: Client, wish: ActionRequest) -> ActionResult | None:
    """The order that bears our reference. One that was only half made is gone on with: that can be done twice.

    What Tryton refuses then may be a step that is under way; only later it is what was refused before.
    """
    found = _made(client, wish)
    if found is None or found["state"] == "cancelled":
        return None
    try:
        return _confirm(client, found["id"])
    except ActionRejected:
        if datetime.now(UTC) - wish.asked_at < UNDER_WAY:
            raise OutcomeUnknown from None
        _take_back(client, found["id"])
        return None


def _made(client: Client, wish: ActionRequest) -> Values | None:
    ours = ["OR", ["reference", "=", wish.reference], ["comment", "like", f"%{wish.reference}%"]]
    return next(iter(search(client, "sale.sale", [ours], "state")), None)


def _draft(client: Client, wish: ActionRequest) -> int:
    values = wish.values
    buyer = lookups.find_party(client, values["party"], "party")
    items = lookups.find_products(client, values["line_items"])
    filled = _filled_in(client, buyer["id"])
    carrier = values.get("shipping_method_id")
    sale = {
        **filled,
        "party": buyer["id"],
        "reference": values.get("order_number") or wish.reference,
        "comment": "\n".join(filter(None, [values.get("packing_note"), wish.reference])),
        "carrier": int(carrier) if carrier else None,
        "lines": [["create", [_line(line, item) for line, item in zip(values["line_items"], items, strict=True)]]],
    }
    if not carrier:
        sale["shipment_cost_method"] = None  # else it can't be quoted without a carrier
    if "warehouse_id" in values:
        sale["warehouse"] = lookups.find_warehouse(client, values["warehouse_id"])["id"]
    if "required_ship_date" in values:
        sale["shipping_date"] = encode_day(values["required_ship_date"])
    if "ship_to_address" in values:
        sale["shipment_address"] = _address(client, buyer["id"], values["ship_to_address"])
    made = change(client, f"{SALE}.create", [sale])
    return int(made[0])


def _filled_in(client: Client, buyer: int) -> Values:
    """What Tryton's own form would fill in for a customer: addresses and terms."""
    asked = {"party": buyer, "company": client.state["context"].get("company")}
    said = change(client, f"{SALE}.on_change", asked, ["party"])
    found = said[0] if isinstance(said, list) and said else said
    wanted = ("invoice_address", "shipment_address", "payment_term", "currency", "invoice_party", "shipment_party")
    return {name: found[name] for name in wanted if isinstance(found, dict) and found.get(name) is not None}


def _line(line: Any, product: Values) -> Values:
    return {
        "product": product["id"],
        "quantity": encode_quantity(line["quantity"]),
        "unit": product["default_uom"],
        "unit_price": encode_amount(line["unit_price"]),
    }


def _address(client: Client, buyer: int, wanted: Any) -> int:
    """The customer's address of these words; made when there is none yet."""
    street = "\n".join(filter(None, [wanted.get("address1"), wanted.get("address2")]))
    words = {
        "party_name": wanted.get("full_name"),
        "street": street,
        "city": wanted.get("city"),
        "postal_code": wanted.get("postal_code"),
    }
    known = search(client, "party.address", [["party", "=", buyer], ["city", "=", words["city"]]], *words)
    for row in known:
        if all((row.get(name) or None) == (value or None) for name, value in words.items()):
            return int(row["id"])
    country = search(client, "country.country", [["code", "=", str(wanted.get("country")).upper()]])
    if not country:
        raise ActionRejected(
            "Some values were not accepted.", fields={"ship_to_address.country": ["Tryton knows no such country."]}
        )
    made = change(client, "model.party.address.create", [{**words, "party": buyer, "country": country[0]["id"]}])
    return int(made[0])


def _confirm(client: Client, number: int) -> ActionResult:
    """Quote and confirm an order, as far as that is still to be done."""
    if _state(client, number) == "draft":
        change(client, f"{SALE}.quote", [number])
    if _state(client, number) == "quotation":
        change(client, f"{SALE}.confirm", [number])
    return done(client, number)


def _take_back(client: Client, number: int) -> None:
    """Remove a draft that Tryton would not confirm, as far as it lets us; what stays is found by our reference."""
    with suppress(ActionRejected, ConnectorError):
        change(client, f"{SALE}.cancel", [number])
        change(client, f"{SALE}.delete", [number])


def _state(client: Client, number: int) -> str:
    found = lookups.find_by_id(client, "sale.sale", number, "state")
    if found is None:
        raise ActionRejected("Tryton no longer has this order.")
    return str(found["state"])


# --- Holding, releasing, cancelling -----------------------------------------------------------------------------------


def hold(client: Client, wish: ActionRequest) -> ActionResult:
    """Put an order back to draft or, once it is confirmed, its shipments."""
    number = target_id(wish)
    state = _state(client, number)
    if state == "quotation":
        change(client, f"{SALE}.draft", [number])
    elif state != "draft":
        _hold_shipments(client, number, state)
    return done(client, number)


def _hold_shipments(client: Client, number: int, state: str) -> None:
    shipments = _shipments(client, number)
    begun = [one for one in shipments if one["state"] in ("picked", "packed")]
    if begun:
        raise ActionRejected("Tryton has begun to pick this order: it can’t be held any more.")
    if not shipments:
        raise ActionRejected(f"Nothing of this order is left to be held: it is {state} in Tryton.")
    assigned = [one["id"] for one in shipments if one["state"] == "assigned"]
    if assigned:
        change(client, f"{SHIPMENT}.wait", assigned)
    waiting = [one["id"] for one in shipments if one["state"] != "draft"]
    if waiting:
        change(client, f"{SHIPMENT}.draft", waiting)


def release(client: Client, wish: ActionRequest) -> ActionResult:
    """Let an order go on: quote and confirm it, or let its shipments wait for their goods again."""
    number = target_id(wish)
    state = _state(client, number)
    if state == "draft":
        change(client, f"{SALE}.quote", [number])
    if state in ("draft", "quotation"):
        change(client, f"{SALE}.confirm", [number])
        return done(client, number)
    held = [one["id"] for one in _shipments(client, number) if one["state"] == "draft"]
    if held:
        change(client, f"{SHIPMENT}.wait", held)
    return done(client, number)


def cancel(client: Client, wish: ActionRequest) -> ActionResult:
    """Cancel an order. One that is confirmed can't be: then its shipments are, and Tryton told to leave it at that."""
    number = target_id(wish)
    state = _state(client, number)
    if state in ("draft", "quotation"):
        change(client, f"{SALE}.cancel", [number])
    elif state == "confirmed":
        raise ActionRejected(
            "Tryton has not processed this order yet, so it can’t be cancelled now. Try again in a minute."
        )
    elif state != "cancelled":
        _cancel_shipments(client, number)
    return done(client, number)


def _cancel_shipments(client: Client, number: int) -> None:
    every = search(client, "stock.shipment.out", [["moves.origin.sale", "=", number, "sale.line"]], "state")
    if any(one["state"] in ("shipped", "done") for one in every):
        raise ActionRejected("This order, or a part of it, has been shipped already.")
    live = [one["id"] for one in every if one["state"] in OPEN_SHIPMENTS]
    if live:
        change(client, f"{SHIPMENT}.cancel", live)
    _leave_cancelled(client, number)


def _leave_cancelled(client: Client, number: int) -> None:
    """Go through Tryton's own questions after a cancelled shipment: what was cancelled is not sent again."""
    if (lookups.find_by_id(client, "sale.sale", number, "shipment_state") or {}).get("shipment_state") != "exception":
        return
    active = {"active_model": "sale.sale", "active_id": number, "active_ids": [number]}
    session = change(client, f"{WIZARD}.create", **active)[0]
    asked = change(client, f"{WIZARD}.execute", session, {}, "ask", **active)
    moves = asked["view"]["defaults"]["domain_moves"]
    answers = {"ask": {"domain_moves": moves, "ignore_moves": moves, "recreate_moves": []}}
    change(client, f"{WIZARD}.execute", session, answers, "handle", **active)
    change(client, f"{WIZARD}.delete", session, **active)


def _shipments(client: Client, number: int) -> list[Values]:
    """The shipments of an order that have not left."""
    found = search(client, "stock.shipment.out", [["moves.origin.sale", "=", number, "sale.line"]], "state")
    return [one for one in found if one["state"] in OPEN_SHIPMENTS]


def find_held(client: Client, wish: ActionRequest) -> ActionResult | None:
    """Whether the order is on hold."""
    number = target_id(wish)
    state = _state(client, number)
    shipments = _shipments(client, number) if state not in ("draft", "quotation") else []
    held = state == "draft" or (bool(shipments) and all(one["state"] == "draft" for one in shipments))
    return done(client, number) if held else None


def find_released(client: Client, wish: ActionRequest) -> ActionResult | None:
    """Whether the order goes on."""
    number = target_id(wish)
    state = _state(client, number)
    waits = state in ("draft", "quotation") or any(one["state"] == "draft" for one in _shipments(client, number))
    return None if waits else done(client, number)


def find_cancelled(client: Client, wish: ActionRequest) -> ActionResult | None:
    """Whether the order is cancelled."""
    found = done(client, target_id(wish))
    return found if getattr(found.record, "status", "") == "cancelled" else None
