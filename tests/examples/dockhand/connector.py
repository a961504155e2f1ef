"""Dockhand WMS, REST v2. Facts: invented for docs/add-a-wms.md. Limit: 120 requests a minute and account."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import Struct

from integrations.connectors.actions import (
    ActionKind,
    ActionRejected,
    ActionRequest,
    ActionResult,
    Field,
    FieldKind,
    Operation,
    RetryPolicy,
)
from integrations.connectors.base import ConnectionHealth, Connector, Credential, FetchRequest, Page, Resource
from integrations.connectors.decoding import ItemMapping, no_list
from integrations.connectors.paging import Offset
from integrations.connectors.parsing import instant, number
from integrations.connectors.rest import ERROR_STATUSES, RestList
from integrations.connectors.wms_text import safe_line
from integrations.entities import Entity
from integrations.http.client import Answer, Client, explain
from integrations.records import Order, OrderLine

# --- Reading ----------------------------------------------------------------------------------------------------------

STATUSES = {"new": "open", "picking": "processing", "shipped": "fulfilled", "void": "cancelled"}


class RawLine(Struct):
    sku: str
    quantity: Decimal


class RawOrder(Struct):
    id: int
    status: str
    created: str
    updated: str
    reference: str | None
    total: Decimal | None
    line_items: list[RawLine]


def parse_order(raw: RawOrder) -> Order:
    """Return the order in Packr's vocabulary. Raises ValueError with a readable reason."""
    return Order(
        external_id=str(raw.id),
        created_at=instant(raw.created),
        updated_at=instant(raw.updated),
        reference_id=raw.reference,
        status=STATUSES.get(raw.status, "other"),
        raw_status=raw.status,
        total_price=number(raw.total),
        line_items=[OrderLine(sku=line.sku, quantity=number(line.quantity)) for line in raw.line_items],
    )


ORDERS = ItemMapping(RawOrder, parse_order, version=1)


def changes(client: Client, request: FetchRequest) -> Mapping[str, str]:
    """Return the filter for what changed since the time of the request. Dockhand includes that moment."""
    moment = request.since or request.history_start
    return {"updated_from": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"} if moment else {}


ORDER_LIST = RestList(
    path="/v2/orders",
    items_key="orders",
    mapping=ORDERS,
    paging=Offset("offset", "limit", size=100, total="total"),
    filters=changes,
)


def find_orders(client: Client, **filters: str) -> Page:
    """Return the orders that match the filters. Dockhand leaves out those it does not have."""
    page, _ = ORDERS.decode_page(client.get("/v2/orders", filters), "orders")
    return page


def lookup_orders(client: Client, ids: Sequence[str]) -> Page:
    return find_orders(client, ids=",".join(ids))


# --- Actions ----------------------------------------------------------------------------------------------------------

LINE = (
    Field("sku", "SKU", FieldKind.SKU, required=True),
    Field("quantity", "Quantity", FieldKind.INTEGER, required=True, minimum=1),
)
CREATE_ORDER = (Field("line_items", "Lines", FieldKind.LINES, required=True, fields=LINE),)


def create_order(client: Client, request: ActionRequest) -> ActionResult:
    return send(client, request, "/v2/orders", {"reference": request.reference, **request.values})


def cancel_order(client: Client, request: ActionRequest) -> ActionResult:
    """Cancel an order. Dockhand accepts this for an order that is cancelled already."""
    return send(client, request, f"/v2/orders/{quote(str(request.target), safe='')}/void", {})


def send(client: Client, request: ActionRequest, path: str, body: dict[str, Any]) -> ActionResult:
    """Send a change. Raises ActionRejected if Dockhand refuses it, ConnectorError if the reply is of no use."""
    headers = {"Idempotency-Key": request.key}
    answer = client.request("POST", path, payload=body, headers=headers, ok=ERROR_STATUSES)
    if answer.status == 422:
        raise rejection(client, answer)
    if answer.status >= 300:
        raise explain(answer)
    page = ORDERS.decode_record(answer, "order")
    if not page.records:
        raise no_list("order")
    return ActionResult(str(page.records[0].external_id), page.records[0], clock=page.clock)


def rejection(client: Client, answer: Answer) -> Exception:
    """Return Dockhand's refusal in its own words: a message, and errors by the path of their field."""
    body = answer.json()
    if not isinstance(body, dict) or not isinstance(body.get("message"), str):
        return explain(answer)
    secrets = [client.credentials["api_token"]]
    errors = body["errors"] if isinstance(body.get("errors"), dict) else {}
    fields = {str(path): [safe_line(str(words), secrets)] for path, words in errors.items()}
    return ActionRejected(safe_line(body["message"], secrets), fields=fields)


def find_created(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the order with our reference, None if Dockhand has none."""
    page = find_orders(client, reference=request.reference)
    found = next(iter(page.records), None)
    return ActionResult(str(found.external_id), found, clock=page.clock) if found else None


def find_cancelled(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the order if it is cancelled."""
    page = lookup_orders(client, [str(request.target)])
    found = next((order for order in page.records if getattr(order, "status", "") == "cancelled"), None)
    return ActionResult(str(request.target), found, clock=page.clock) if found else None


# --- The connector ----------------------------------------------------------------------------------------------------


class Dockhand(Connector):
    slug, label = "dockhand", "Dockhand"
    base_url = "https://api.dockhand.example"
    credentials = (Credential("api_token", "API token", help="Dockhand: Settings > API > Tokens"),)
    identity = ("api_token",)
    reads_per_second = 1.6  # 80 % of the limit
    resources: ClassVar = {Entity.ORDERS: Resource(ORDER_LIST.fetch, lookup=lookup_orders)}
    actions: ClassVar = {
        ActionKind.CREATE_ORDER: Operation(CREATE_ORDER, create_order, find_created),
        ActionKind.CANCEL_ORDER: Operation((), cancel_order, find_cancelled, retry=RetryPolicy.HARMLESS),
    }

    @classmethod
    def sign(cls, client: Client) -> None:
        client.headers["Authorization"] = f"Bearer {client.credentials['api_token']}"

    @classmethod
    def check(cls, client: Client, *, connecting: bool = False) -> ConnectionHealth:
        """Request the account. Its name is shown, so that people see which one they connect."""
        answer = client.get("/v2/account")
        body = answer.json()
        return ConnectionHealth(answer.clock, account=str(body.get("name", "")) if isinstance(body, dict) else "")
