"""Stock check of an order that exists: the units that are still to be shipped."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from ..models import Order, OrderLine, OrderShipment
from .check import StockCheck, Wanted, check

FINAL_STATUSES = ("fulfilled", "cancelled")


def check_order(
    order: Order, lines: Iterable[OrderLine], shipments: Iterable[OrderShipment], *, live: bool
) -> StockCheck | None:
    """Return the stock check of an order; None if nothing is left to ship. `live`: read the stock in the WMS first."""
    wanted = _left_to_ship(order, lines, shipments)
    if not wanted:
        return None
    return check(
        order.connection,
        wanted,
        warehouse=order.warehouse_id,
        customer=order.warehouse_customer_id,
        placed=True,
        live=live,
    )


def _left_to_ship(order: Order, lines: Iterable[OrderLine], shipments: Iterable[OrderShipment]) -> list[Wanted]:
    """Return the order's lines less what its shipments contain."""
    if order.status in FINAL_STATUSES:
        return []
    shipped: defaultdict[str, Decimal] = defaultdict(Decimal)
    for shipment in shipments:
        for line in shipment.record.get("line_items") or ():
            shipped[line.get("sku") or ""] += Decimal(line.get("quantity") or 0)
    wanted = []
    for line in lines:
        sku, quantity = line.sku or "", line.quantity or Decimal(0)
        done = min(shipped[sku], quantity)
        shipped[sku] -= done
        if sku and quantity > done:
            wanted.append(Wanted(sku, quantity - done, line.product_id))
    return wanted
