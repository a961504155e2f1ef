"""What tells something of a SKU: which rows do, whose SKU they make it, and what each of them adds to the figures.

Written as parts of statements in which `asked.sku` is the SKU and values go by their names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..models import InboundLine, InboundShipment, InventoryItem, KitPart, Order, OrderLine, Product
from . import dialect

WINDOWS = (7, 30, 90)  # days
COUNTERS = ("onhand", "fulfillable", "committed", "awaiting")
SOLD = tuple(f"sold_{days}" for days in WINDOWS)
NOT_TO_COME = ("received", "cancelled")


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that tell something of `asked.sku`, by the tables through which they are found, one after the other.

    `counts` says which of them do, `customer` is the customer account's id, `figures` what each row adds to which.
    """

    found: Mapping[str, tuple[Any, str]]
    customer: str
    counts: str = "TRUE"
    figures: Mapping[str, str] = field(default_factory=dict)

    def rows(self) -> str:
        """The tables and the condition, as they stand after FROM."""
        return dialect.join_in_order(self.found, self.counts)


def sources() -> tuple[Source, ...]:
    """All of them; those that know most SKUs first."""
    item = Source(
        {"item": (InventoryItem, present_of_sku("item", "asked"))},
        customer=_customer("item"),
        figures={name: f"item.{name}" for name in COUNTERS},
    )
    # A product without stock and sales has sold nothing, which is known.
    product = Source({"product": (Product, present_of_sku("product", "asked"))}, customer=_customer("product"))
    return item, product, _sold(), _sold_in_kits(), _to_come()


def _sold() -> Source:
    return Source(
        {
            "line": (OrderLine, _of_sku("line", "asked")),
            "ordered": (Order, "ordered.id = line.order_id"),
        },
        counts=_is_sold(),
        customer=_customer("ordered"),
        figures=_in_windows("line.quantity"),
    )


def _sold_in_kits() -> Source:
    """What sells a kit sells its parts."""
    return Source(
        {
            "part": (KitPart, _of_sku("part", "asked")),
            "kit": (Product, "kit.id = part.product_id"),
            "line": (OrderLine, _of_sku("line", "kit")),
            "ordered": (Order, "ordered.id = line.order_id"),
        },
        counts=f"{_is_ours('kit')} AND kit.sku <> '' AND {_is_sold()} AND {_customer('kit')} = {_customer('ordered')}",
        customer=_customer("ordered"),
        figures=_in_windows("line.quantity * part.units"),
    )


def _to_come() -> Source:
    """Units that are expected and not received, and when the first of them come."""
    left = "(line.expected_quantity - coalesce(line.received_quantity, 0))"
    finished = ", ".join(f"'{status}'" for status in NOT_TO_COME)
    return Source(
        {
            "line": (InboundLine, _of_sku("line", "asked")),
            "inbound": (InboundShipment, "inbound.id = line.inbound_shipment_id"),
        },
        counts=f"{_is_ours('inbound')} AND coalesce(inbound.status, '') NOT IN ({finished}) AND {left} > 0",
        customer=_customer("inbound"),
        figures={"outstanding": left, "next_arrival": "inbound.expected_arrival_date"},
    )


def present_of_sku(name: str, other: str) -> str:
    """The condition that a row is one that the connection's WMS still has, and has the other one's SKU."""
    return f"{_of_sku(name, other)} AND {name}.removed_at IS NULL"


def _of_sku(name: str, other: str) -> str:
    return f"{name}.connection_id = %(connection)s AND {dialect.same_sku(name, other)}"


def _is_ours(name: str) -> str:
    return f"{name}.connection_id = %(connection)s AND {name}.removed_at IS NULL"


def _is_sold() -> str:
    """That an order counts, within the longest window."""
    return (
        f"{_is_ours('ordered')} AND coalesce(ordered.status, '') <> 'cancelled'"
        f" AND ordered.created_at >= %(since_{max(WINDOWS)})s"
    )


def _customer(name: str) -> str:
    return f"coalesce({name}.warehouse_customer_id, '')"


def _in_windows(units: str) -> dict[str, str]:
    return {
        name: f"CASE WHEN ordered.created_at >= %(since_{days})s THEN {units} END"
        for name, days in zip(SOLD, WINDOWS, strict=True)
    }
