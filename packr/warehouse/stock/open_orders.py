"""What of an order is still to be shipped."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ..models import Order, OrderLine, OrderShipment
from .check import Check, Wanted, check

DONE = ("fulfilled", "cancelled")


def of_order(order: Order, lines: Iterable[OrderLine], shipments: Iterable[OrderShipment], **how: Any) -> Check | None:
    """The stock check of an order that exists; None when nothing of it is left to ship. `how`: as for `check`."""
    wanted = left_to_ship(order, lines, shipments)
    if not wanted:
        return None
    return check(
        order.connection,
        wanted,
        warehouse=order.warehouse_id,
        customer=order.warehouse_customer_id,
        placed=True,
        **how,
    )


def left_to_ship(order: Order, lines: Iterable[OrderLine], shipments: Iterable[OrderShipment]) -> list[Wanted]:
    """Its lines, less what shipments have of them."""
    if order.status in DONE:
        return []
    sent: defaultdict[str, Decimal] = defaultdict(Decimal)
    for shipment in shipments:
        for line in shipment.record.get("line_items") or ():
            sent[line.get("sku") or ""] += Decimal(line.get("quantity") or 0)
    wanted = []
    for line in lines:
        gone = min(sent[line.sku or ""], line.quantity or Decimal(0))
        sent[line.sku or ""] -= gone
        if line.sku and line.quantity and line.quantity > gone:
            wanted.append(Wanted(line.sku, line.quantity - gone, line.product_id))
    return wanted
