"""Trackstar's writes: forwarded to the WMS while the caller waits, answered with the WMS's own words.

Facts: docs.trackstarhq.com "Writing Data" and the skill "trackstar-write" (2026), OpenAPI document (October 2025). No
value may be null or empty. An Idempotency-Key is kept for 24 hours, but an answer that is an error releases it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from ...errors import ConnectorError
from ...http.client import Answer, Client, explain
from ...records import InboundShipment, InventoryItem, Order, Record
from ..actions import ActionKind, ActionRejected, ActionRequest, ActionResult, Operation, OutcomeUnknown, RetryPolicy
from ..actions import is_held as shows_hold
from ..rest import ERROR_STATUSES
from . import action_fields
from .action_errors import write_error
from .connection import ACTIONS, INTEGRATION, INTEGRATION_LABEL
from .errors import broken
from .holds import set_hold
from .resources import LISTS

# The integrations whose own API has holds that the passthrough reaches (wms/shiphero, "Holds").
INTEGRATIONS_WITH_HOLDS = ("shiphero",)
# The only integrations that adjust inventory, by the specification of October 2025.
INTEGRATIONS_WITH_ADJUSTMENTS = ("amazon", "linnworks", "logiwa", "sandbox", "shiphero")
# Trackstar forwards writes and updates its copy immediately. After a passthrough, only the hourly crawl updates it.
PASSTHROUGH_VISIBILITY_DELAY = timedelta(hours=2)
# A record made shortly before the request, by our clock, may still come from it: clocks differ.
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
Body = dict[str, Any]
Send = Callable[[Client, ActionRequest], ActionResult]
Find = Callable[[Client, ActionRequest], ActionResult | None]


# --- Sending ----------------------------------------------------------------------------------------------------------


def create(make_body: Callable[[ActionRequest], Body]) -> Send:
    """Return the function that creates a record from the body."""

    def send(client: Client, request: ActionRequest) -> ActionResult:
        return _write(client, request, "POST", LISTS[request.kind.entity].path, make_body(request))

    return send


def change(make_body: Callable[[ActionRequest], Body], suffix: str = "") -> Send:
    """Return the function that changes the target with the body."""

    def send(client: Client, request: ActionRequest) -> ActionResult:
        return _write(client, request, "PUT", f"{_target_path(request)}{suffix}", make_body(request))

    return send


def _target_path(request: ActionRequest) -> str:
    return f"{LISTS[request.kind.entity].path}/{quote(str(request.target), safe='')}"


def _write(client: Client, request: ActionRequest, method: str, path: str, body: Body) -> ActionResult:
    headers = {"Idempotency-Key": request.key}
    answer = client.request(method, path, payload=body, headers=headers, ok=ERROR_STATUSES)
    if answer.status >= 300:
        raise write_error(client, answer)
    return _result(request, answer)


def _result(request: ActionRequest, answer: Answer) -> ActionResult:
    """Return what a successful answer says. Some samples of the guides lack `id` and `unused_fields`."""
    envelope = answer.json()
    data = envelope.get("data") if isinstance(envelope, dict) else None
    if not isinstance(data, dict):
        raise broken("no record in the answer to a write")
    page = LISTS[request.kind.entity].mapping.decode_record(answer, "data")
    record: Record | None = page.records[0] if page.records else None
    # Some answers hold only the id and what was changed: as new as a whole record, but not whole.
    external_id = record.external_id if record else envelope.get("id") or data.get("id")
    if not isinstance(external_id, str):
        raise broken("no id in the answer to a write")
    unused = envelope.get("unused_fields")
    names = tuple(str(name)[:100] for name in unused[:20]) if isinstance(unused, list) else ()
    has_stamp = record is not None and bool(record.version_at or record.updated_at)
    return ActionResult(external_id, record, version_known=has_stamp, unused=names, clock=answer.clock)


def order_body(request: ActionRequest) -> Body:
    return {**action_fields.body(request.values, action_fields.CREATE_ORDER), "reference_id": request.reference}


def cancel(client: Client, request: ActionRequest) -> ActionResult:
    """Cancel an order. An order that is cancelled already counts as cancelled now."""
    try:
        return change(lambda request: {}, "/cancel")(client, request)
    except ActionRejected as refusal:
        try:
            found = find_cancelled(client, request)
        except ConnectorError:
            found = None  # the refusal is known, and stands
        if found is None:
            raise refusal from None
        return found


# --- Finding the outcome ----------------------------------------------------------------------------------------------


def _fetch_target(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the target as Trackstar has it now, or None if it does not exist."""
    answer = client.get(_target_path(request), ok=ERROR_STATUSES)
    if answer.status == 404:
        return None
    if answer.status >= 300:
        raise explain(answer)
    page = LISTS[request.kind.entity].mapping.decode_record(answer, "data")
    return ActionResult(str(request.target), page.records[0], clock=answer.clock) if page.records else None


def find_target(is_done: Callable[[ActionRequest, Any], bool]) -> Find:
    """Return the function that finds the target if its record shows that the change was made."""

    def find(client: Client, request: ActionRequest) -> ActionResult | None:
        found = _fetch_target(client, request)
        return found if found and is_done(request, found.record) else None

    return find


def is_cancelled(request: ActionRequest, order: Order) -> bool:
    return order.status == "cancelled"


find_cancelled = find_target(is_cancelled)


def find_created(names: Mapping[str, Callable[[ActionRequest], str]]) -> Find:
    """Return the function that finds a created record by our reference or, if the WMS keeps none, by its number.

    `names` maps fields of the record to the value that each was created with, in the order they are tried.
    """

    def find(client: Client, request: ActionRequest) -> ActionResult | None:
        listing = LISTS[request.kind.entity]
        for name, value_of in names.items():
            wanted = value_of(request)
            if not wanted:
                continue
            answer = client.get(listing.path, {name: wanted}, ok=ERROR_STATUSES)
            if answer.status >= 300:
                raise explain(answer)
            page, _ = listing.mapping.decode_page(answer, "data")
            for record in page.records:
                is_ours = wanted == request.reference or _is_new(record, request.asked_at)
                if getattr(record, name) == wanted and is_ours:
                    return ActionResult(str(record.external_id), record, clock=answer.clock)
        return None

    return find


def _is_new(record: Record, asked_at: datetime) -> bool:
    return isinstance(record.created_at, datetime) and record.created_at >= asked_at - MAX_CLOCK_DIFFERENCE


def find_adjusted(client: Client, request: ActionRequest) -> ActionResult | None:
    """Compare the count with the one before: unchanged, it was not adjusted; changed by the amount, it was.

    Raises OutcomeUnknown for any other count.
    """
    found = _fetch_target(client, request)
    before = request.before.get("onhand")
    if found is None or before is None or not isinstance(found.record, InventoryItem):
        raise OutcomeUnknown
    levels = found.record.inventory_by_warehouse_id
    level = levels.get(str(request.values.get("warehouse_id"))) if isinstance(levels, dict) else None
    if level is None or level.onhand is None:
        raise OutcomeUnknown
    amount = int(request.values["quantity"]) * (1 if request.values["adjustment_type"] == "increase" else -1)
    difference = float(level.onhand) - float(before)
    if difference == amount:
        return found
    if difference == 0:
        return None
    raise OutcomeUnknown


def shows_values(*names: str) -> Callable[[ActionRequest, Any], bool]:
    """Return the function that says whether a record shows the requested values of these fields."""

    def is_done(request: ActionRequest, record: Any) -> bool:
        given = [name for name in names if name in request.values]
        return all(action_fields.same(getattr(record, name), request.values[name]) for name in given)

    return is_done


def shows_inbound_update(request: ActionRequest, record: InboundShipment) -> bool:
    tracking = request.values.get("tracking_number")
    if tracking is not None and tracking not in (record.tracking_numbers or ()):
        return False
    quantities = {line.sku: line.expected_quantity for line in record.line_items or ()}
    return shows_values("status", "expected_arrival_date")(request, record) and all(
        action_fields.same(quantities.get(line["sku"]), line["expected_quantity"])
        for line in request.values.get("line_items", ())
    )


# --- Availability -----------------------------------------------------------------------------------------------------


def orders_unavailable(learned: Mapping[str, Any]) -> str:
    """Only creating an order has a documented action name, so only that one can be known to be missing."""
    actions = learned.get(ACTIONS)
    if actions and "create_order" not in actions:
        return f"{_wms_name(learned)} doesn’t accept orders through Trackstar."
    return ""


def adjustments_unavailable(learned: Mapping[str, Any]) -> str:
    name = str(learned.get(INTEGRATION, "")).lower()
    if name and not name.startswith(INTEGRATIONS_WITH_ADJUSTMENTS):
        return f"{_wms_name(learned)} doesn’t accept stock changes through Trackstar."
    return ""


def holds_unavailable(learned: Mapping[str, Any]) -> str:
    name = str(learned.get(INTEGRATION, "")).lower()
    if not name:
        return (
            "Packr can’t tell yet which WMS is behind Trackstar. Enter the connection ID under Settings, "
            "Integrations, and refresh the connection."
        )
    if name not in INTEGRATIONS_WITH_HOLDS:
        return f"{_wms_name(learned)} doesn’t offer holds through Trackstar."
    return ""


def _wms_name(learned: Mapping[str, Any]) -> str:
    return str(learned.get(INTEGRATION_LABEL) or learned.get(INTEGRATION) or "The WMS")


OPERATIONS: Mapping[ActionKind, Operation] = {
    ActionKind.CREATE_ORDER: Operation(
        action_fields.CREATE_ORDER,
        create(order_body),
        find_created(
            {
                "reference_id": lambda request: request.reference,
                "order_number": lambda request: request.values["order_number"],
            }
        ),
        orders_unavailable,
    ),
    ActionKind.HOLD_ORDER: Operation(
        (),
        set_hold(True),
        find_target(lambda request, order: shows_hold(order)),
        holds_unavailable,
        RetryPolicy.HARMLESS,
        PASSTHROUGH_VISIBILITY_DELAY,
    ),
    ActionKind.RELEASE_ORDER: Operation(
        (),
        set_hold(False),
        # The copy shows a hold for an hour or more after its release, and none before it was placed.
        None,
        holds_unavailable,
        RetryPolicy.HARMLESS,
        PASSTHROUGH_VISIBILITY_DELAY,
    ),
    ActionKind.CANCEL_ORDER: Operation((), cancel, find_cancelled, retry=RetryPolicy.HARMLESS),
    ActionKind.CREATE_INBOUND_SHIPMENT: Operation(
        action_fields.CREATE_INBOUND,
        create(lambda request: action_fields.body(request.values, action_fields.CREATE_INBOUND)),
        find_created({"purchase_order_number": lambda request: request.values["purchase_order_number"]}),
    ),
    ActionKind.UPDATE_INBOUND_SHIPMENT: Operation(
        action_fields.UPDATE_INBOUND,
        change(lambda request: action_fields.body(request.values, action_fields.UPDATE_INBOUND)),
        find_target(shows_inbound_update),
        retry=RetryPolicy.HARMLESS,
    ),
    ActionKind.ADJUST_INVENTORY: Operation(
        action_fields.ADJUST,
        change(lambda request: action_fields.body(request.values, action_fields.ADJUST), "/adjust"),
        find_adjusted,
        adjustments_unavailable,
        RetryPolicy.BY_KEY,
    ),
    ActionKind.UPDATE_PRODUCT: Operation(
        action_fields.UPDATE_PRODUCT,
        change(lambda request: action_fields.body(request.values, action_fields.UPDATE_PRODUCT)),
        find_target(shows_values("name", "gtin")),
        retry=RetryPolicy.HARMLESS,
    ),
}
