"""What the floor decodes of a record: the columns of Packr's lists; everything else stays raw."""

from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Raw, Struct

Row = tuple[Any, ...]
BASE = ("connection_id", "external_id", "created_at", "updated_at", "version_at", "digest", "record", "change_no")


class Envelope(Struct):
    data: list[Raw]
    next_token: str | None


class Counters(Struct):
    onhand: float | None = None
    fulfillable: float | None = None
    committed: float | None = None
    awaiting: float | None = None
    unfulfillable: float | None = None


class Item(Struct):
    id: str
    created_date: str | None = None
    updated_date: str | None = None
    trackstar_updated_date: str | None = None
    warehouse_customer_id: str | None = None
    sku: str | None = None
    name: str | None = None
    active: bool | None = None
    onhand: float | None = None
    fulfillable: float | None = None
    committed: float | None = None
    awaiting: float | None = None
    inventory_by_warehouse_id: dict[str, Counters] = {}


class Named(Struct):
    full_name: str | None = None
    channel_name: str | None = None


class Line(Struct):
    sku: str | None = None
    product_id: str | None = None
    quantity: float | None = None
    unit_price: float | None = None


class Order(Struct):
    id: str
    created_date: str | None = None
    updated_date: str | None = None
    trackstar_updated_date: str | None = None
    order_number: str | None = None
    reference_id: str | None = None
    status: str | None = None
    warehouse_customer_id: str | None = None
    warehouse_id: str | None = None
    total_price: float | None = None
    invoice_currency_code: str | None = None
    required_ship_date: str | None = None
    ship_to_address: Named | None = None
    channel_object: Named | None = None
    line_items: list[Line] = []


class Table:
    """Where a kind of record is stored: Packr's tables, its columns in order, and how lines become rows."""

    def __init__(self, item: type, name: str, columns: str, lines: str, parent: str, line_columns: str) -> None:
        self.decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(item)
        self.name, self.lines, self.parent = name, lines, parent
        self.columns = (*BASE, *columns.split())
        self.line_columns = ("connection_id", parent, *line_columns.split())

    def rows(self, records: list[Raw]) -> list[tuple[Row, list[Row]]]:
        """Return each record's row and its lines' rows, the latter without the keys of connection and parent."""
        return [self._row(bytes(record)) for record in records]

    def _row(self, raw: bytes) -> tuple[Row, list[Row]]:
        item = self.decoder.decode(raw)
        digest = blake2b(raw, digest_size=16).digest()
        stamps = item.created_date, item.updated_date, item.trackstar_updated_date
        own, lines = _order(item) if isinstance(item, Order) else _inventory(item)
        return (1, item.id, *stamps, digest, raw.decode(), 1, *own), lines


def _inventory(item: Item) -> tuple[Row, list[Row]]:
    counters = item.onhand, item.fulfillable, item.committed, item.awaiting
    lines = [
        (place, at.onhand, at.fulfillable, at.committed, at.awaiting, at.unfulfillable)
        for place, at in item.inventory_by_warehouse_id.items()
    ]
    return (item.warehouse_customer_id, item.sku, item.name, item.active, *counters), lines


def _order(order: Order) -> tuple[Row, list[Row]]:
    own = (
        order.order_number,
        order.reference_id,
        order.status,
        order.warehouse_customer_id,
        order.warehouse_id,
        order.total_price,
        order.invoice_currency_code,
        order.required_ship_date,
        order.ship_to_address.full_name if order.ship_to_address else None,
        order.channel_object.channel_name if order.channel_object else None,
    )
    lines = [
        (position, line.sku, line.product_id, line.quantity, line.unit_price)
        for position, line in enumerate(order.line_items, 1)
    ]
    return own, lines


TABLES = {
    "inventory": Table(
        Item,
        "warehouse_inventoryitem",
        "warehouse_customer_id sku name active onhand fulfillable committed awaiting",
        "warehouse_inventorylevel",
        "item_id",
        "warehouse_id onhand fulfillable committed awaiting unfulfillable",
    ),
    "orders": Table(
        Order,
        "warehouse_order",
        "order_number reference_id status warehouse_customer_id warehouse_id total_price invoice_currency_code "
        "required_ship_date ship_to_name channel_name",
        "warehouse_orderline",
        "order_id",
        "position sku product_id quantity unit_price",
    ),
}
ENVELOPE = msgspec.json.Decoder(Envelope)


def taken_apart(body: bytes) -> tuple[list[Raw], str | None]:
    """Return a page's raw records and the token of the next page."""
    page = ENVELOPE.decode(body)
    return page.data, page.next_token
