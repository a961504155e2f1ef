"""The sources of a SKU's metrics: which rows count, for which customer, and what each adds to which figure.

They are parts of SQL statements with named parameters, in which `asked.sku` is the SKU.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..models import InboundLine, InboundShipment, InventoryItem, KitPart, Order, OrderLine, Product
from . import dialect

WINDOWS = (7, 30, 90)  # days
COUNTERS = ("onhand", "fulfillable", "committed", "awaiting")
SOLD = tuple(f"sold_{days}" for days in WINDOWS)
FINISHED_STATUSES = ("received", "cancelled")


@dataclass(frozen=True, slots=True)
class Source:
    """Rows with figures of `asked.sku`, found through `tables`, which are joined in order.

    `condition` limits the rows, `customer` is the id of the customer account, and `figures` is what a row adds to each.
    """

    tables: Mapping[str, tuple[Any, str]]
    customer: str
    condition: str = "TRUE"
    figures: Mapping[str, str] = field(default_factory=dict)

    def rows(self) -> str:
        """Return the tables and the condition, for use after FROM."""
        return dialect.join_in_order(self.tables, self.condition)


def sources() -> tuple[Source, ...]:
    """Return all sources, those with the most SKUs first."""
    item = Source(
        {"item": (InventoryItem, present_of_sku("item", "asked"))},
        customer=_customer("item"),
        figures={name: f"item.{name}" for name in COUNTERS},
    )
    # Has no figures, so that a product without stock and sales has metrics of 0.
    product = Source({"product": (Product, present_of_sku("product", "asked"))}, customer=_customer("product"))
    return item, product, _sold(), _sold_in_kits(), _inbound()


def _sold() -> Source:
    return Source(
        {
            "line": (OrderLine, _of_sku("line", "asked")),
            "ordered": (Order, "ordered.id = line.order_id"),
        },
        condition=_is_sold(),
        customer=_customer("ordered"),
        figures=_in_windows("line.quantity"),
    )


def _sold_in_kits() -> Source:
    """Return the sales of kits, which count as sales of their parts."""
    return Source(
        {
            "part": (KitPart, _of_sku("part", "asked")),
            "kit": (Product, "kit.id = part.product_id"),
            "line": (OrderLine, _of_sku("line", "kit")),
            "ordered": (Order, "ordered.id = line.order_id"),
        },
        condition=f"{_is_present('kit')} AND kit.sku <> '' AND {_is_sold()}"
        f" AND {_customer('kit')} = {_customer('ordered')}",
        customer=_customer("ordered"),
        figures=_in_windows("line.quantity * part.units"),
    )


def _inbound() -> Source:
    """Return the units expected but not received, and their expected arrival."""
    left = "(line.expected_quantity - coalesce(line.received_quantity, 0))"
    finished = ", ".join(f"'{status}'" for status in FINISHED_STATUSES)
    return Source(
        {
            "line": (InboundLine, _of_sku("line", "asked")),
            "inbound": (InboundShipment, "inbound.id = line.inbound_shipment_id"),
        },
        condition=f"{_is_present('inbound')} AND coalesce(inbound.status, '') NOT IN ({finished}) AND {left} > 0",
        customer=_customer("inbound"),
        figures={"outstanding": left, "next_arrival": "inbound.expected_arrival_date"},
    )


def present_of_sku(name: str, other: str) -> str:
    """Return the condition that a row is present in the connection's WMS and has the SKU of the other row."""
    return f"{_of_sku(name, other)} AND {name}.removed_at IS NULL"


def _of_sku(name: str, other: str) -> str:
    return f"{name}.connection_id = %(connection)s AND {dialect.equal_skus(name, other)}"


def _is_present(name: str) -> str:
    return f"{name}.connection_id = %(connection)s AND {name}.removed_at IS NULL"


def _is_sold() -> str:
    """Return the condition that an order counts as a sale within the longest window."""
    return (
        f"{_is_present('ordered')} AND coalesce(ordered.status, '') <> 'cancelled'"
        f" AND ordered.created_at >= %(since_{max(WINDOWS)})s"
    )


def _customer(name: str) -> str:
    return f"coalesce({name}.warehouse_customer_id, '')"


def _in_windows(units: str) -> dict[str, str]:
    return {
        name: f"CASE WHEN ordered.created_at >= %(since_{days})s THEN {units} END"
        for name, days in zip(SOLD, WINDOWS, strict=True)
    }
