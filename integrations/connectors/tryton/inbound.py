"""Inbound shipments: purchases, advance notices, transfers. Facts: trytond_purchase and _stock 8.2 (November 2026).

A purchase says what was ordered and how much of it has arrived. An advance notice repeats lines of purchases. To count
each line once, the repeated lines are stored in the notice's `extra.purchase_lines`, and its line items are only the
goods that no purchase announced. A notice that has arrived is a receipt of its purchases.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ...records import InboundLine, InboundShipment, Receipt, ReceiptLine, Supplier
from ..parsing import number
from .payloads import PRODUCT, STAMP, Row, latest_change, product_fields, required
from .resources import TableSequence, TrytonTable

# The model's name and a comma, before the id of each inbound shipment.
PURCHASE, NOTICE, TRANSFER = "purchase.purchase,", "stock.shipment.in,", "stock.shipment.internal,"
PURCHASE_STATUSES = {"none": "open", "waiting": "open", "partially shipped": "receiving"}
NOTICE_STATUSES = {"draft": "open", "received": "receiving", "done": "received", "cancelled": "cancelled"}
TRANSFER_STATUSES = {
    **dict.fromkeys(("request", "draft", "waiting", "assigned", "packed"), "open"),
    "shipped": "in-transit",
    "done": "received",
    "cancelled": "cancelled",
}


def parse_purchase(purchase: Row) -> InboundShipment:
    """Return a purchase with what has arrived of it."""
    lines = purchase.rows("lines")
    moves = [move for line in lines for move in line.rows("moves")]
    state, shipment_state = purchase.selection("state"), purchase.selection("shipment_state")
    comment = purchase.text("comment")
    return InboundShipment(
        external_id=f"{PURCHASE}{purchase.id}",
        kind="purchase",
        created_at=purchase.created_at,
        updated_at=latest_change(purchase, *lines, *moves),
        warehouse_customer_id=purchase.id_of("company"),
        purchase_order_number=purchase.text("number"),
        status=purchase_status(state, shipment_state),
        raw_status=f"{state}/{shipment_state}",
        supplier_object=parse_supplier(purchase.row("party")),
        expected_arrival_date=expected_arrival(purchase),
        warehouse_id=purchase.id_of("warehouse"),
        line_items=[parse_purchase_line(line) for line in lines if line.selection("type") == "line"],
        receipts=parse_receipts(lines),
        notes=[comment] if comment else [],
        extra={"reference": purchase.text("reference")},
    )


def expected_arrival(purchase: Row) -> datetime | None:
    """Return the purchase's own date or else the first of its lines' dates, which Tryton computes for each line."""
    lines = [line.moment("delivery_date") for line in purchase.rows("lines")]
    return purchase.moment("delivery_date") or min((day for day in lines if day), default=None)


def purchase_status(state: str, shipment_state: str) -> str:
    """Return the unified status. A received purchase stays `processing` until its invoice is paid: the goods count."""
    if state == "cancelled":
        return "cancelled"
    if state == "done" or shipment_state == "received":
        return "received"
    return PURCHASE_STATUSES.get(shipment_state, "other")


def parse_purchase_line(line: Row) -> InboundLine:
    moves = [move for move in line.rows("moves") if move.selection("state") == "done"]
    return InboundLine(
        **product_fields(line),
        expected_quantity=number(line.quantity("quantity")),
        received_quantity=number(sum((quantity_in_unit_of(line, move) for move in moves), Decimal(0))),
        unit_cost=number(line.amount("unit_price")),
        external_id=f"purchase.line,{line.id}",
    )


def quantity_in_unit_of(line: Row, move: Row) -> Decimal:
    """Return a move's quantity in its line's unit. They can differ: goods ordered in dozens arrive in pieces."""
    quantity = move.quantity("quantity") or Decimal(0)
    line_unit, move_unit = line.row("unit"), move.row("unit")
    if line_unit is None or move_unit is None or line_unit.id == move_unit.id:
        return quantity
    line_factor, move_factor = (required("factor", unit.quantity("factor")) for unit in (line_unit, move_unit))
    return (quantity * move_factor / line_factor).quantize(Decimal("0.0001")) if line_factor else quantity


def parse_receipts(lines: Sequence[Row]) -> list[Receipt]:
    """Return what has arrived of a purchase, by the advance notice it came with."""
    arrived: dict[int, list[tuple[Row, Row]]] = defaultdict(list)
    for line in lines:
        for move in line.rows("moves"):
            shipment = move.text("shipment") or ""
            if move.selection("state") == "done" and shipment.startswith(NOTICE):
                arrived[int(shipment.removeprefix(NOTICE))].append((line, move))
    return [
        Receipt(
            id=f"{NOTICE}{notice_id}",
            arrived_date=pairs[0][1].moment("effective_date"),
            line_items=[
                ReceiptLine(**product_fields(line), quantity=number(quantity_in_unit_of(line, move)))
                for line, move in sorted(pairs, key=lambda pair: pair[1].id)
            ],
        )
        for notice_id, pairs in sorted(arrived.items())
    ]


def parse_notice(notice: Row) -> InboundShipment:
    """Return an advance notice. Its state `received` means unloaded, `done` means put away."""
    moves = counted_moves(notice, notice.rows("incoming_moves"))
    announced = [move for move in moves if (move.text("origin") or "").startswith("purchase.line,")]
    fields = common_fields(notice)
    fields["extra"]["purchase_lines"] = [
        {"purchase": f"{PURCHASE}{move.id_of('purchase')}", "line": move.text("origin"), **move_fields(move)}
        for move in announced
    ]
    return InboundShipment(
        **fields,
        external_id=f"{NOTICE}{notice.id}",
        kind="other",
        status=NOTICE_STATUSES.get(notice.selection("state"), "other"),
        supplier_object=parse_supplier(notice.row("supplier")),
        warehouse_id=notice.id_of("warehouse"),
        line_items=[parse_move(move) for move in moves if move not in announced],
    )


def parse_transfer(transfer: Row) -> InboundShipment:
    """Return a transfer between or within warehouses, as seen from its destination.

    Over a transit location everything moves twice, and the incoming moves are what arrives. A draft, and a transfer
    within a warehouse, has only one move for each line and no incoming ones.
    """
    moves = counted_moves(transfer, transfer.rows("incoming_moves") or transfer.rows("moves"))
    return InboundShipment(
        **common_fields(transfer),
        external_id=f"{TRANSFER}{transfer.id}",
        kind="transfer",
        status=TRANSFER_STATUSES.get(transfer.selection("state"), "other"),
        supplier_object=None,
        warehouse_id=transfer.id_of("to_warehouse"),
        line_items=[parse_move(move) for move in moves],
    )


def common_fields(shipment: Row) -> dict[str, Any]:
    """Return what advance notices and transfers have in common."""
    return {
        "created_at": shipment.created_at,
        "updated_at": latest_change(shipment, *shipment.rows("moves")),
        "warehouse_customer_id": shipment.id_of("company"),
        "purchase_order_number": None,
        "raw_status": shipment.selection("state"),
        "expected_arrival_date": shipment.moment("planned_date"),
        "extra": {"number": shipment.text("number"), "reference": shipment.text("reference")},
    }


def counted_moves(shipment: Row, moves: Sequence[Row]) -> list[Row]:
    """Return the moves by id, without cancelled ones unless the whole shipment was cancelled."""
    is_cancelled = shipment.selection("state") == "cancelled"
    kept = [move for move in moves if is_cancelled or move.selection("state") != "cancelled"]
    return sorted(kept, key=lambda move: move.id)


def parse_move(move: Row) -> InboundLine:
    cost = number(move.amount("unit_price"))
    return InboundLine(**move_fields(move), unit_cost=cost, external_id=f"stock.move,{move.id}")


def move_fields(move: Row) -> dict[str, Any]:
    quantity = number(move.quantity("quantity"))
    received = quantity if move.selection("state") == "done" else "0"
    return {**product_fields(move), "expected_quantity": quantity, "received_quantity": received}


def parse_supplier(party: Row | None) -> Supplier | None:
    return Supplier(supplier_id=str(party.id), supplier_name=party.string("name")) if party else None


SHIPMENT = "state number reference company planned_date"
MOVE = f"id state quantity unit_price {PRODUCT}"
INBOUND_SHIPMENTS = TableSequence(
    (
        TrytonTable(
            "purchase.purchase",
            parse_purchase,
            fields={
                "": "state shipment_state number reference comment company warehouse delivery_date",
                "party": "id name",
                "lines": f"{STAMP} type quantity unit_price delivery_date unit.id unit.factor {PRODUCT}",
                "lines.moves": f"{STAMP} state quantity shipment effective_date unit.id unit.factor",
            },
            parts="lines lines.moves party",
            prefix=PURCHASE,
        ),
        TrytonTable(
            "stock.shipment.in",
            parse_notice,
            fields={
                "": f"{SHIPMENT} warehouse",
                "supplier": "id name",
                "incoming_moves": f"{MOVE} origin purchase",
                "moves": STAMP,
            },
            parts="moves supplier",
            prefix=NOTICE,
        ),
        TrytonTable(
            "stock.shipment.internal",
            parse_transfer,
            fields={"": f"{SHIPMENT} to_warehouse", "incoming_moves": MOVE, "moves": f"last_modified_at {MOVE}"},
            parts="moves",
            prefix=TRANSFER,
        ),
    )
)
