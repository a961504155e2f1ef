"""Inbound shipments: purchases, advance notices, transfers. Facts: trytond_purchase and _stock 8.2.

A purchase says what was ordered and what of it arrived. An advance notice repeats lines of purchases: to count them
once, those stand in its `extra.purchase_lines`, each naming its purchase, and only goods that no purchase announced
are its line items. A notice that arrived is a receipt of its purchases.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from ...records import InboundLine, InboundShipment, Receipt, ReceiptLine, Supplier
from ..parsing import number
from .payloads import Amount, Document, Item, Moment, Name, Row, day, exact, item_id, latest, sku, text
from .resources import Chain, Table

PURCHASE, NOTICE, TRANSFER = "purchase.purchase,", "stock.shipment.in,", "stock.shipment.internal,"


class Unit(Struct):
    id: int
    factor: Decimal


class Arrival(Row, kw_only=True):
    """A move of a purchase's line."""

    state: str
    quantity: Decimal | None = None
    shipment: str | None = None
    effective_date: Moment | None = None
    unit: Unit | None = field(default=None, name="unit.")


class PurchaseLine(Row, kw_only=True):
    type: str
    quantity: Decimal | None = None
    unit_price: Amount | None = None
    delivery_date: Moment | None = None
    unit: Unit | None = field(default=None, name="unit.")
    product: Item | None = field(default=None, name="product.")
    moves: list[Arrival] = field(default_factory=list, name="moves.")


class Purchase(Document, kw_only=True):
    state: str
    shipment_state: str
    number: str | None = None
    reference: str | None = None
    comment: str | None = None
    company: int | None = None
    warehouse: int | None = None
    delivery_date: Moment | None = None
    party: Name | None = field(default=None, name="party.")
    lines: list[PurchaseLine] = field(default_factory=list, name="lines.")


def purchase(row: Purchase) -> InboundShipment:
    """A purchase, with what has arrived of it."""
    arrivals = [move for line in row.lines for move in line.moves]
    return InboundShipment(
        external_id=f"{PURCHASE}{row.id}",
        kind="purchase",
        created_at=row.create_date.utc(),
        updated_at=latest(row, *row.lines, *arrivals),
        warehouse_customer_id=text(row.company),
        purchase_order_number=text(row.number),
        status=purchase_status(row.state, row.shipment_state),
        raw_status=f"{row.state}/{row.shipment_state}",
        supplier_object=supplier(row.party),
        expected_arrival_date=expected(row),
        warehouse_id=text(row.warehouse),
        line_items=[purchase_line(line) for line in row.lines if line.type == "line"],
        receipts=receipts(row),
        notes=[row.comment] if row.comment else [],
        extra={"reference": text(row.reference)},
    )


def expected(row: Purchase) -> datetime | None:
    """The purchase's own date; without one the first of its lines' dates, which Tryton works out for each."""
    dates = [row.delivery_date] if row.delivery_date else [line.delivery_date for line in row.lines]
    return min((date.utc() for date in dates if date), default=None)


def purchase_status(state: str, shipment_state: str) -> str:
    """The unified status. A received purchase stays `processing` until its invoice is paid: the goods count."""
    if state == "cancelled":
        return "cancelled"
    if state == "done" or shipment_state == "received":
        return "received"
    arriving = {"none": "open", "waiting": "open", "partially shipped": "receiving"}
    return arriving.get(shipment_state, "other")


def purchase_line(line: PurchaseLine) -> InboundLine:
    received = sum((in_unit(move, line.unit) for move in line.moves if move.state == "done"), Decimal(0))
    return InboundLine(
        inventory_item_id=item_id(line.product),
        sku=sku(line.product),
        expected_quantity=number(line.quantity),
        received_quantity=number(received),
        unit_cost=number(exact(line.unit_price)),
        external_id=f"purchase.line,{line.id}",
    )


def in_unit(move: Arrival, unit: Unit | None) -> Decimal:
    """A move's quantity in the unit of its line; Tryton lets them differ (ordered in dozens, received in pieces)."""
    quantity = move.quantity or Decimal(0)
    if unit is None or move.unit is None or move.unit.id == unit.id or not unit.factor:
        return quantity
    return (quantity * move.unit.factor / unit.factor).quantize(Decimal("0.0001"))


def receipts(row: Purchase) -> list[Receipt]:
    """What arrived, by the shipment it came in."""
    found: dict[str, list[tuple[PurchaseLine, Arrival]]] = {}
    for line in row.lines:
        for move in line.moves:
            if move.state == "done" and move.shipment and move.shipment.startswith(NOTICE):
                found.setdefault(move.shipment, []).append((line, move))
    return [
        Receipt(
            id=key,
            arrived_date=day(found[key][0][1].effective_date),
            line_items=[
                ReceiptLine(
                    inventory_item_id=item_id(line.product),
                    sku=sku(line.product),
                    quantity=number(in_unit(move, line.unit)),
                )
                for line, move in sorted(found[key], key=lambda pair: pair[1].id)
            ],
        )
        for key in sorted(found, key=lambda key: int(key.removeprefix(NOTICE)))
    ]


class IncomingMove(Row, kw_only=True):
    state: str
    quantity: Decimal | None = None
    unit_price: Amount | None = None
    origin: str | None = None
    purchase: int | None = None
    product: Item | None = field(default=None, name="product.")

    @property
    def received(self) -> Decimal | None:
        return self.quantity if self.state == "done" else Decimal(0)


class Incoming(Document, kw_only=True):
    """What advance notices and transfers have in common."""

    state: str
    number: str | None = None
    reference: str | None = None
    company: int | None = None
    planned_date: Moment | None = None
    incoming_moves: list[IncomingMove] = field(default_factory=list, name="incoming_moves.")


class Notice(Incoming, kw_only=True):
    warehouse: int | None = None
    supplier: Name | None = field(default=None, name="supplier.")
    moves: list[Row] = field(default_factory=list, name="moves.")


class Transfer(Incoming, kw_only=True):
    """Over a transit location everything moves twice: what arrives are the incoming moves. Within a warehouse, and
    while it is a draft, a transfer has but one move for each line, and no incoming ones."""

    to_warehouse: int | None = None
    moves: list[IncomingMove] = field(default_factory=list, name="moves.")


NOTICE_STATUS = {"draft": "open", "received": "receiving", "done": "received", "cancelled": "cancelled"}
TRANSFER_STATUS = {
    **dict.fromkeys(("request", "draft", "waiting", "assigned", "packed"), "open"),
    "shipped": "in-transit",
    "done": "received",
    "cancelled": "cancelled",
}


def notice(row: Notice) -> InboundShipment:
    """An advance notice: `received` means unloaded, `done` put away."""
    arriving = _arriving(row, row.incoming_moves)
    return InboundShipment(
        **_common(row, row.moves),
        external_id=f"{NOTICE}{row.id}",
        kind="other",
        status=NOTICE_STATUS.get(row.state, "other"),
        supplier_object=supplier(row.supplier),
        warehouse_id=text(row.warehouse),
        line_items=[incoming_line(move) for move in arriving if not _of_purchase(move)],
        extra={**_names(row), "purchase_lines": [announced(move) for move in arriving if _of_purchase(move)]},
    )


def transfer(row: Transfer) -> InboundShipment:
    """A transfer between warehouses, or within one, seen from where it goes to."""
    return InboundShipment(
        **_common(row, row.moves),
        external_id=f"{TRANSFER}{row.id}",
        kind="transfer",
        status=TRANSFER_STATUS.get(row.state, "other"),
        supplier_object=None,
        warehouse_id=text(row.to_warehouse),
        line_items=[incoming_line(move) for move in _arriving(row, row.incoming_moves or row.moves)],
        extra=_names(row),
    )


def _arriving(row: Incoming, moves: list[IncomingMove]) -> list[IncomingMove]:
    """The moves that count: without the cancelled ones, unless all of it was cancelled."""
    kept = [move for move in moves if move.state != "cancelled" or row.state == "cancelled"]
    return sorted(kept, key=lambda move: move.id)


def _of_purchase(move: IncomingMove) -> bool:
    return (move.origin or "").startswith("purchase.line,")


def announced(move: IncomingMove) -> dict[str, Any]:
    """A line of a purchase that is in a notice."""
    return {
        "purchase": f"{PURCHASE}{move.purchase}",
        "line": move.origin,
        "inventory_item_id": item_id(move.product),
        "sku": sku(move.product),
        "expected_quantity": number(move.quantity),
        "received_quantity": number(move.received),
    }


def incoming_line(move: IncomingMove) -> InboundLine:
    return InboundLine(
        inventory_item_id=item_id(move.product),
        sku=sku(move.product),
        expected_quantity=number(move.quantity),
        received_quantity=number(move.received),
        unit_cost=number(exact(move.unit_price)),
        external_id=f"stock.move,{move.id}",
    )


def _common(row: Incoming, moves: Sequence[Row]) -> dict[str, Any]:
    return {
        "created_at": row.create_date.utc(),
        "updated_at": latest(row, *moves),
        "warehouse_customer_id": text(row.company),
        "purchase_order_number": None,
        "raw_status": row.state,
        "expected_arrival_date": day(row.planned_date),
    }


def _names(row: Incoming) -> dict[str, Any]:
    return {"number": text(row.number), "reference": text(row.reference)}


def supplier(party: Name | None) -> Supplier | None:
    return Supplier(supplier_id=str(party.id), supplier_name=party.name) if party else None


INBOUND_SHIPMENTS = Chain(
    (
        Table("purchase.purchase", Purchase, purchase, parts=("lines", "lines.moves", "party"), prefix=PURCHASE),
        Table("stock.shipment.in", Notice, notice, parts=("moves", "supplier"), prefix=NOTICE),
        Table("stock.shipment.internal", Transfer, transfer, parts=("moves",), prefix=TRANSFER),
    )
)
