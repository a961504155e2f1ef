"""Creating, holding, releasing and cancelling orders. Facts: trytond_sale and _stock 8.2 and their answers.

Tryton detects no duplicates, so each order carries our reference in its comment and is found by it. Creating an order
takes three calls (create a draft, quote it, confirm it), each in its own transaction; when Tryton refuses a step, the
draft is removed. There are no holds: an unconfirmed order returns to draft, a confirmed one's shipments do.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from ...errors import ConnectorError
from ...http.client import Client
from ..actions import ActionRejected, ActionRequest, ActionResult, OutcomeUnknown
from . import lookups
from .lookups import Values, current_record, encode_amount, encode_day, encode_quantity, field_error, search, target_id
from .orders import ORDERS, UNSHIPPED_STATES
from .rpc import change

SALE, SHIPMENT = "model.sale.sale", "model.stock.shipment.out"
MAX_REQUEST_TIME = timedelta(minutes=2)  # Tryton allows a request one minute
WIZARD = "wizard.sale.handle.shipment.exception"
DEFAULTS = ("invoice_address", "shipment_address", "payment_term", "currency", "invoice_party", "shipment_party")


def _state(client: Client, sale_id: int) -> str:
    sale = lookups.find_by_id(client, "sale.sale", sale_id, "state")
    if sale is None:
        raise ActionRejected("Tryton no longer has this order.")
    return str(sale["state"])


# --- Creating ---------------------------------------------------------------------------------------------------------


def create(client: Client, request: ActionRequest) -> ActionResult:
    """Create an order and confirm it. If Tryton refuses a step, no part of the order stays there."""
    created = _find_by_reference(client, request)
    sale_id = created["id"] if created else _create_draft(client, request)
    try:
        return _confirm(client, sale_id)
    except ActionRejected:
        _remove(client, sale_id)
        raise


def find_created(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the order with our reference. If only some of its steps were carried out, the others follow now.

    A refusal may mean that a step is still being carried out. Only after MAX_REQUEST_TIME is it a refusal of the order.
    """
    created = _find_by_reference(client, request)
    if created is None or created["state"] == "cancelled":
        return None
    try:
        return _confirm(client, created["id"])
    except ActionRejected:
        if datetime.now(UTC) - request.asked_at < MAX_REQUEST_TIME:
            raise OutcomeUnknown from None
        _remove(client, created["id"])
        return None


def _find_by_reference(client: Client, request: ActionRequest) -> Values | None:
    ours = ["OR", ["reference", "=", request.reference], ["comment", "like", f"%{request.reference}%"]]
    return next(iter(search(client, "sale.sale", [ours], "state")), None)


def _create_draft(client: Client, request: ActionRequest) -> int:
    values = request.values
    party_id = lookups.find_party(client, values["party"], "party")["id"]
    carrier = values.get("shipping_method_id")
    sale = {
        **_form_defaults(client, party_id),
        "party": party_id,
        "reference": values.get("order_number") or request.reference,
        "comment": "\n".join(filter(None, [values.get("packing_note"), request.reference])),
        "carrier": int(carrier) if carrier else None,
        "lines": [["create", _order_lines(client, values["line_items"])]],
    }
    if not carrier:
        sale["shipment_cost_method"] = None  # otherwise it can't be quoted without a carrier
    if "warehouse_id" in values:
        sale["warehouse"] = lookups.find_warehouse(client, values["warehouse_id"])["id"]
    if "required_ship_date" in values:
        sale["shipping_date"] = encode_day(values["required_ship_date"])
    if "ship_to_address" in values:
        sale["shipment_address"] = _find_or_create_address(client, party_id, values["ship_to_address"])
    return int(change(client, f"{SALE}.create", [sale])[0])


def _order_lines(client: Client, lines: Sequence[Mapping[str, Any]]) -> list[Values]:
    return [
        {
            "product": product["id"],
            "quantity": encode_quantity(line["quantity"]),
            "unit": product["default_uom"],
            "unit_price": encode_amount(line["unit_price"]),
        }
        for line, product in zip(lines, lookups.find_products(client, lines), strict=True)
    ]


def _form_defaults(client: Client, party_id: int) -> Values:
    """Return what Tryton's own form fills in for a customer, such as addresses and terms."""
    form = {"party": party_id, "company": client.state["context"].get("company")}
    changes = change(client, f"{SALE}.on_change", form, ["party"])
    defaults = changes[0] if isinstance(changes, list) and changes else changes
    if not isinstance(defaults, dict):
        return {}
    return {name: defaults[name] for name in DEFAULTS if defaults.get(name) is not None}


def _find_or_create_address(client: Client, party_id: int, address: Mapping[str, Any]) -> int:
    """Return the id of the customer's address with these values, a new one if there is none."""
    values = {
        "party_name": address.get("full_name"),
        "street": "\n".join(filter(None, [address.get("address1"), address.get("address2")])),
        "city": address.get("city"),
        "postal_code": address.get("postal_code"),
    }
    for row in search(client, "party.address", [["party", "=", party_id], ["city", "=", values["city"]]], *values):
        if all((row.get(name) or None) == (value or None) for name, value in values.items()):
            return int(row["id"])
    countries = search(client, "country.country", [["code", "=", str(address.get("country")).upper()]])
    if not countries:
        raise field_error("ship_to_address.country", "Tryton has no such country.")
    created = {**values, "party": party_id, "country": countries[0]["id"]}
    return int(change(client, "model.party.address.create", [created])[0])


def _confirm(client: Client, sale_id: int) -> ActionResult:
    """Quote and confirm an order, as far as this is still to be done."""
    if _state(client, sale_id) == "draft":
        change(client, f"{SALE}.quote", [sale_id])
    if _state(client, sale_id) == "quotation":
        change(client, f"{SALE}.confirm", [sale_id])
    return current_record(client, ORDERS, str(sale_id))


def _remove(client: Client, sale_id: int) -> None:
    """Remove a draft that Tryton does not confirm, if it allows that. A draft that stays is found by our reference."""
    with suppress(ActionRejected, ConnectorError):
        change(client, f"{SALE}.cancel", [sale_id])
        change(client, f"{SALE}.delete", [sale_id])


# --- Holding, releasing, cancelling -----------------------------------------------------------------------------------


def _shipments(client: Client, sale_id: int, *states: str) -> list[Values]:
    """Return the shipments of an order in these states, by default all that have not left."""
    domain = [["moves.origin.sale", "=", sale_id, "sale.line"]]
    shipments = search(client, "stock.shipment.out", domain, "state")
    return [shipment for shipment in shipments if shipment["state"] in (states or UNSHIPPED_STATES)]


def _press(client: Client, button: str, shipments: list[Values], *states: str) -> None:
    """Press a button of the shipments in these states."""
    ids = [shipment["id"] for shipment in shipments if shipment["state"] in states]
    if ids:
        change(client, f"{SHIPMENT}.{button}", ids)


def hold(client: Client, request: ActionRequest) -> ActionResult:
    """Return an order to draft or, if it is confirmed, its shipments."""
    sale_id = target_id(request)
    state = _state(client, sale_id)
    if state == "quotation":
        change(client, f"{SALE}.draft", [sale_id])
    elif state != "draft":
        shipments = _shipments(client, sale_id)
        if any(shipment["state"] in ("picked", "packed") for shipment in shipments):
            raise ActionRejected("This order is already being picked in Tryton, so it can’t be held.")
        if not shipments:
            raise ActionRejected(f"This order has no open shipments to hold: it is {state} in Tryton.")
        _press(client, "wait", shipments, "assigned")
        _press(client, "draft", shipments, "assigned", "waiting")
    return current_record(client, ORDERS, str(sale_id))


def release(client: Client, request: ActionRequest) -> ActionResult:
    """Let an order continue: quote and confirm it, or let its shipments wait for their goods again."""
    sale_id = target_id(request)
    if _state(client, sale_id) in ("draft", "quotation"):
        return _confirm(client, sale_id)
    _press(client, "wait", _shipments(client, sale_id), "draft")
    return current_record(client, ORDERS, str(sale_id))


def cancel(client: Client, request: ActionRequest) -> ActionResult:
    """Cancel an order. A confirmed one can't be cancelled, so its shipments are, without a replacement."""
    sale_id = target_id(request)
    state = _state(client, sale_id)
    if state in ("draft", "quotation"):
        change(client, f"{SALE}.cancel", [sale_id])
    elif state == "confirmed":
        raise ActionRejected(
            "Tryton is still processing this order, so it can’t be cancelled now. Try again in a minute."
        )
    elif state != "cancelled":
        shipments = _shipments(client, sale_id, *UNSHIPPED_STATES, "shipped", "done")
        if any(shipment["state"] in ("shipped", "done") for shipment in shipments):
            raise ActionRejected("This order, or a part of it, has been shipped already.")
        _press(client, "cancel", shipments, *UNSHIPPED_STATES)
        _ignore_cancelled_shipments(client, sale_id)
    return current_record(client, ORDERS, str(sale_id))


def _ignore_cancelled_shipments(client: Client, sale_id: int) -> None:
    """Answer Tryton's question after a cancelled shipment: what was cancelled is not sent again."""
    sale = lookups.find_by_id(client, "sale.sale", sale_id, "shipment_state")
    if sale is None or sale["shipment_state"] != "exception":
        return
    context = {"active_model": "sale.sale", "active_id": sale_id, "active_ids": [sale_id]}
    session = change(client, f"{WIZARD}.create", **context)[0]
    question = change(client, f"{WIZARD}.execute", session, {}, "ask", **context)
    moves = question["view"]["defaults"]["domain_moves"]
    reply = {"ask": {"domain_moves": moves, "ignore_moves": moves, "recreate_moves": []}}
    change(client, f"{WIZARD}.execute", session, reply, "handle", **context)
    change(client, f"{WIZARD}.delete", session, **context)


def find_held(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the order if it is on hold."""
    sale_id = target_id(request)
    state = _state(client, sale_id)
    if state == "quotation":
        return None
    open_states = {"draft"} if state == "draft" else {row["state"] for row in _shipments(client, sale_id)}
    return current_record(client, ORDERS, str(sale_id)) if open_states == {"draft"} else None


def find_released(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the order if it is not on hold."""
    sale_id = target_id(request)
    if _state(client, sale_id) in ("draft", "quotation") or _shipments(client, sale_id, "draft"):
        return None
    return current_record(client, ORDERS, str(sale_id))


def find_cancelled(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the order if it is cancelled."""
    order = current_record(client, ORDERS, str(target_id(request)))
    return order if getattr(order.record, "status", "") == "cancelled" else None
