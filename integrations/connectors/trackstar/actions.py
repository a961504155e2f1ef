"""Trackstar's writes: forwarded to the WMS while the caller waits, answered with the WMS's own words.

Facts: docs.trackstarhq.com "Writing Data", "Passthrough Requests" and the skill "trackstar-write" (2026), OpenAPI
document (October 2025). No value may be null or empty; an Idempotency-Key is kept for 24 hours, but released by an
answer that is an error; holds have no endpoint, so they go by passthrough to an integration whose own API has them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from ...entities import Entity
from ...errors import ConnectorError, Kind
from ...http.client import Answer, Client, explain
from ...records import InventoryItem, Record
from ..actions import (
    ActionKind,
    ActionRejected,
    ActionRequest,
    ActionResult,
    Operation,
    OutcomeUnknown,
    RetryPolicy,
    is_held,
)
from ..decoding import ItemMapping
from . import action_fields, mapping
from .errors import refused
from .resources import REFUSED, broken, plain_words

PATHS: Mapping[Entity, tuple[str, ItemMapping[Any]]] = {
    Entity.ORDERS: ("/wms/orders", mapping.ORDERS),
    Entity.INBOUND_SHIPMENTS: ("/wms/inbound-shipments", mapping.INBOUND_SHIPMENTS),
    Entity.INVENTORY: ("/wms/inventory", mapping.INVENTORY),
    Entity.PRODUCTS: ("/wms/products", mapping.PRODUCTS),
}
INTEGRATION, INTEGRATION_LABEL, ACTIONS = "integration_name", "integration_label", "available_actions"
# Whose own API has holds that the passthrough reaches (wms/shiphero, "Holds").
HOLDS_BY_PASSTHROUGH = ("shiphero",)
# The only integrations that adjust inventory, by the specification of October 2025.
ADJUSTERS = ("amazon", "linnworks", "logiwa", "sandbox", "shiphero")
# Trackstar forwards writes at once and updates its copy at once; the passthrough leaves the copy to the hourly crawl.
SEEN_WITHIN, SEEN_WITHIN_BY_PASSTHROUGH = timedelta(minutes=15), timedelta(hours=2)
# What was made shortly before it was asked for by our clock may still be it: clocks differ.
CLOCKS_DIFFER = timedelta(minutes=5)
HOLD = (
    "mutation Hold($data: UpdateOrderHoldsInput!) "
    "{ order_update_holds(data: $data) { request_id order { id holds { operator_hold } } } }"
)
Body = dict[str, Any]


# --- Sending ----------------------------------------------------------------------------------------------------------


def _create(entity: Entity, body: Callable[[ActionRequest], Body]) -> Callable[[Client, ActionRequest], ActionResult]:
    def send(client: Client, wish: ActionRequest) -> ActionResult:
        return _write(client, wish, "POST", PATHS[entity][0], body(wish))

    return send


def _change(
    entity: Entity, body: Callable[[ActionRequest], Body], last: str = ""
) -> Callable[[Client, ActionRequest], ActionResult]:
    def send(client: Client, wish: ActionRequest) -> ActionResult:
        return _write(client, wish, "PUT", f"{_path(entity, wish)}{last}", body(wish))

    return send


def _path(entity: Entity, wish: ActionRequest) -> str:
    return f"{PATHS[entity][0]}/{quote(str(wish.target), safe='')}"


def _write(client: Client, wish: ActionRequest, method: str, path: str, body: Body) -> ActionResult:
    """Send a write; what it answers is the record as it is now."""
    headers = {"Idempotency-Key": wish.key}
    answer = client.request(method, path, payload=body, headers=headers, ok=REFUSED)
    if answer.status >= 300:
        raise refused(client, answer)
    return _done(wish, answer)


def _done(wish: ActionRequest, answer: Answer) -> ActionResult:
    """What an answer of success says. Some samples of the guides leave `id` and `unused_fields` out."""
    whole = answer.json()
    data = whole.get("data") if isinstance(whole, dict) else None
    if not isinstance(data, dict):
        raise broken("no record in the answer to a write")
    page = PATHS[wish.kind.entity][1].decode_record(answer, "data")
    record: Record | None = page.records[0] if page.records else None
    # Some answers hold no more than the id and what was changed; they are as new, but not whole.
    external_id = record.external_id if record else whole.get("id") or data.get("id")
    if not isinstance(external_id, str):
        raise broken("no id in the answer to a write")
    unused = whole.get("unused_fields")
    names = tuple(str(name)[:100] for name in unused[:20]) if isinstance(unused, list) else ()
    stamped = record is not None and bool(record.version_at or record.updated_at)
    return ActionResult(external_id, record, version_known=stamped, unused=names, clock=answer.clock)


def _order(wish: ActionRequest) -> Body:
    return {**action_fields.body(wish.values, action_fields.CREATE_ORDER), "reference_id": wish.reference}


def _inbound(wish: ActionRequest) -> Body:
    return action_fields.body(wish.values, action_fields.CREATE_INBOUND)


def _cancel(client: Client, wish: ActionRequest) -> ActionResult:
    """Cancel an order; one that is cancelled already is as good as one that is cancelled now."""
    try:
        return _change(Entity.ORDERS, lambda wish: {}, "/cancel")(client, wish)
    except ActionRejected as declined:
        found = _cancelled_before(client, wish)
        if found is None:
            raise declined from None
        return found


def _cancelled_before(client: Client, wish: ActionRequest) -> ActionResult | None:
    try:
        return _find_cancelled(client, wish)
    except ConnectorError:
        return None  # the WMS's refusal has been heard, and stands


def _hold(wanted: bool) -> Callable[[Client, ActionRequest], ActionResult]:
    def send(client: Client, wish: ActionRequest) -> ActionResult:
        data = {"order_id": wish.target, "operator_hold": wanted}
        if not wanted:
            # Released is released, whoever placed which hold.
            data |= dict.fromkeys(("payment_hold", "fraud_hold", "address_hold", "client_hold"), False)
        body = {
            "method": "POST",
            "path": "/graphql",
            "headers": {"Content-Type": "application/json"},
            "data": {"query": HOLD, "variables": {"data": data}},
        }
        answer = client.request("POST", "/wms/passthrough", payload=body, ok=REFUSED)
        if answer.status >= 300:
            raise refused(client, answer)
        _accept_passed_through(client, answer)
        return ActionResult(str(wish.target), version_known=False, clock=answer.clock)

    return send


def _accept_passed_through(client: Client, answer: Answer) -> None:
    """Trackstar answers 200 whatever the WMS said: its own status and errors are inside."""
    said = answer.json()
    status, body = (said.get("status_code"), said.get("body")) if isinstance(said, dict) else (None, None)
    if isinstance(body, str):
        body = Answer(200, {}, body.encode(), None).json()
    if not isinstance(status, int) or not isinstance(body, dict):
        raise broken("a passthrough answer without the WMS's own")
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        words = [plain_words(client, one.get("message")) for one in errors if isinstance(one, dict)]
        raise ActionRejected(" ".join(word for word in words if word) or "The WMS refused without a reason.")
    if 400 <= status < 500:
        raise ActionRejected(plain_words(client, body.get("message")) or f"The WMS refused the change ({status}).")
    if status >= 300 or not isinstance(body.get("data"), dict):
        raise ConnectorError(Kind.UNREACHABLE, "The WMS behind Trackstar failed.", detail=f"status {status}")


# --- Finding out ------------------------------------------------------------------------------------------------------


def _single(client: Client, entity: Entity, wish: ActionRequest) -> ActionResult | None:
    """The target as Trackstar has it now; None when it is not there."""
    answer = client.get(_path(entity, wish), ok=REFUSED)
    if answer.status == 404:
        return None
    if answer.status >= 300:
        raise explain(answer)
    page = PATHS[entity][1].decode_record(answer, "data")
    record = page.records[0] if page.records else None
    return ActionResult(str(wish.target), record, clock=answer.clock) if record else None


def _find_target(
    entity: Entity, is_done: Callable[[ActionRequest, Any], bool]
) -> Callable[[Client, ActionRequest], ActionResult | None]:
    def find(client: Client, wish: ActionRequest) -> ActionResult | None:
        found = _single(client, entity, wish)
        return found if found and is_done(wish, found.record) else None

    return find


_find_cancelled = _find_target(Entity.ORDERS, lambda wish, order: order.status == "cancelled")


def _find_created(
    entity: Entity, names: Mapping[str, Callable[[ActionRequest], str]]
) -> Callable[[Client, ActionRequest], ActionResult | None]:
    """Look a created object up by our reference or, where the WMS keeps none, by the number it was given."""
    path, item_mapping = PATHS[entity]

    def find(client: Client, wish: ActionRequest) -> ActionResult | None:
        for name, value in names.items():
            wanted = value(wish)
            if not wanted:
                continue
            answer = client.get(path, {name: wanted}, ok=REFUSED)
            if answer.status >= 300:
                raise explain(answer)
            page, _ = item_mapping.decode_page(answer, "data")
            for record in page.records:
                if getattr(record, name) == wanted and (wanted == wish.reference or _is_new(record, wish.asked_at)):
                    return ActionResult(str(record.external_id), record, clock=answer.clock)
        return None

    return find


def _is_new(record: Record, asked_at: datetime) -> bool:
    return isinstance(record.created_at, datetime) and record.created_at >= asked_at - CLOCKS_DIFFER


def _find_adjusted(client: Client, wish: ActionRequest) -> ActionResult | None:
    """Compare the count with what it was: as before, it was not adjusted; else only a count that fits tells it was."""
    found = _single(client, Entity.INVENTORY, wish)
    was = wish.before.get("onhand")
    if found is None or was is None or not isinstance(found.record, InventoryItem):
        raise OutcomeUnknown
    levels = found.record.inventory_by_warehouse_id
    here = levels.get(str(wish.values.get("warehouse_id"))) if isinstance(levels, dict) else None
    if here is None or here.onhand is None:
        raise OutcomeUnknown
    amount = int(wish.values["quantity"]) * (1 if wish.values["adjustment_type"] == "increase" else -1)
    moved = float(here.onhand) - float(was)
    if moved == amount:
        return found
    if moved == 0:
        return None
    raise OutcomeUnknown


# --- What can be done where -------------------------------------------------------------------------------------------


def _lacks(action: str) -> Callable[[Mapping[str, Any]], str]:
    """Of the names of actions only that of creating an order is documented: only that one is believed to be missing."""

    def lacks(learned: Mapping[str, Any]) -> str:
        known = learned.get(ACTIONS)
        if action == "create_order" and known and action not in known:
            return f"{_who(learned)} takes no orders through Trackstar."
        return ""

    return lacks


def _lacks_adjusting(learned: Mapping[str, Any]) -> str:
    name = str(learned.get(INTEGRATION, "")).lower()
    if name and not name.startswith(ADJUSTERS):
        return f"{_who(learned)} takes no changes of stock through Trackstar."
    return ""


def _lacks_holds(learned: Mapping[str, Any]) -> str:
    name = str(learned.get(INTEGRATION, "")).lower()
    if not name:
        return (
            "Packr does not know yet which WMS is behind Trackstar. Enter the connection id under Settings, "
            "Integrations, and refresh the connection."
        )
    if name not in HOLDS_BY_PASSTHROUGH:
        return f"{_who(learned)} has no holds that can be reached through Trackstar."
    return ""


def _who(learned: Mapping[str, Any]) -> str:
    return str(learned.get(INTEGRATION_LABEL) or learned.get(INTEGRATION) or "The WMS")


@dataclass(frozen=True, slots=True)
class _Changes:
    """Whether a record shows the values that it was to be given."""

    names: tuple[str, ...]

    def __call__(self, wish: ActionRequest, record: Any) -> bool:
        return all(
            action_fields.same(getattr(record, name), wish.values[name]) for name in self.names if name in wish.values
        )


def _shows_inbound(wish: ActionRequest, record: Any) -> bool:
    lines = {line.sku: line.expected_quantity for line in record.line_items or ()}
    tracking = wish.values.get("tracking_number")
    return (
        _Changes(("status", "expected_arrival_date"))(wish, record)
        and (tracking is None or tracking in (record.tracking_numbers or ()))
        and all(
            action_fields.same(lines.get(line["sku"]), line["expected_quantity"])
            for line in wish.values.get("line_items", ())
        )
    )


OPERATIONS: Mapping[ActionKind, Operation] = {
    ActionKind.CREATE_ORDER: Operation(
        action_fields.CREATE_ORDER,
        _create(Entity.ORDERS, _order),
        _find_created(
            Entity.ORDERS,
            {"reference_id": lambda wish: wish.reference, "order_number": lambda wish: wish.values["order_number"]},
        ),
        _lacks("create_order"),
    ),
    ActionKind.HOLD_ORDER: Operation(
        (),
        _hold(True),
        _find_target(Entity.ORDERS, lambda wish, order: is_held(order)),
        _lacks_holds,
        RetryPolicy.HARMLESS,
        SEEN_WITHIN_BY_PASSTHROUGH,
    ),
    ActionKind.RELEASE_ORDER: Operation(
        (),
        _hold(False),
        # The copy shows the hold for an hour or more after it was released; before it was placed it showed none.
        None,
        _lacks_holds,
        RetryPolicy.HARMLESS,
        SEEN_WITHIN_BY_PASSTHROUGH,
    ),
    ActionKind.CANCEL_ORDER: Operation((), _cancel, _find_cancelled, again=RetryPolicy.HARMLESS),
    ActionKind.CREATE_INBOUND_SHIPMENT: Operation(
        action_fields.CREATE_INBOUND,
        _create(Entity.INBOUND_SHIPMENTS, _inbound),
        _find_created(
            Entity.INBOUND_SHIPMENTS, {"purchase_order_number": lambda wish: wish.values["purchase_order_number"]}
        ),
    ),
    ActionKind.UPDATE_INBOUND_SHIPMENT: Operation(
        action_fields.UPDATE_INBOUND,
        _change(Entity.INBOUND_SHIPMENTS, lambda wish: action_fields.body(wish.values, action_fields.UPDATE_INBOUND)),
        _find_target(Entity.INBOUND_SHIPMENTS, _shows_inbound),
        again=RetryPolicy.HARMLESS,
    ),
    ActionKind.ADJUST_INVENTORY: Operation(
        action_fields.ADJUST,
        _change(Entity.INVENTORY, lambda wish: action_fields.body(wish.values, action_fields.ADJUST), "/adjust"),
        _find_adjusted,
        _lacks_adjusting,
        RetryPolicy.BY_KEY,
    ),
    ActionKind.UPDATE_PRODUCT: Operation(
        action_fields.UPDATE_PRODUCT,
        _change(Entity.PRODUCTS, lambda wish: action_fields.body(wish.values, action_fields.UPDATE_PRODUCT)),
        _find_target(Entity.PRODUCTS, _Changes(("name", "gtin"))),
        again=RetryPolicy.HARMLESS,
    ),
}
