"""Which values of each entity's records have a history."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.entities import Entity

# The name of a value, and the SKU or warehouse that it is of; empty for a value of the record itself.
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tracked:
    """A value by the record's own name; `kind` chooses how it is written."""

    name: str
    label: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Parts:
    """Values of a record's parts: lines known by their `key`, or a mapping whose keys are theirs."""

    name: str
    noun: str
    values: tuple[Tracked, ...]
    key: str = ""

    def of(self, body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each part with its name. The second line of a SKU is another part than the first."""
        found = body.get(self.name)
        if not found:
            return
        if not self.key:
            yield from found.items()
            return
        count: dict[str, int] = {}
        for line in found:
            part = str(line.get(self.key) or "–")
            count[part] = number = count.get(part, 0) + 1
            yield part if number == 1 else f"{part} ({number})", line


@dataclass(frozen=True, slots=True)
class History:
    """What is kept of an entity's records."""

    values: tuple[Tracked, ...]
    parts: tuple[Parts, ...] = ()

    def values_of(self, body: Mapping[str, Any]) -> dict[Name, Any]:
        """The tracked values of a record in its stored form; those that are unknown are left out."""
        found = {(one.name, ""): value for one in self.values if (value := body.get(one.name)) is not None}
        for parts in self.parts:
            for part, values in parts.of(body):
                for one in parts.values:
                    value = values.get(one.name)
                    if value is not None:
                        found[one.name, part] = value
        return found

    def named(self, name: str, part: str) -> Tracked:
        """What is known of a value's name."""
        several: Iterable[Tracked] = (one for parts in self.parts for one in parts.values) if part else self.values
        return next((one for one in several if one.name == name), Tracked(name, name))

    def noun(self, name: str) -> str:
        """What the parts with a value of this name are called."""
        return next((parts.noun for parts in self.parts for one in parts.values if one.name == name), "")


STATUS = Tracked("status", "Status", "word")
IN_WMS = Tracked("raw_status", "Status in the WMS")
WAREHOUSE = Tracked("warehouse_id", "Warehouse", "warehouse")
QUANTITY = Tracked("quantity", "Quantity", "quantity")
COUNTERS = (
    Tracked("onhand", "On hand", "quantity"),
    Tracked("fulfillable", "Available", "quantity"),
    Tracked("committed", "Allocated", "quantity"),
    Tracked("awaiting", "Inbound", "quantity"),
    Tracked("unfulfillable", "Not shippable", "quantity"),
)

TRACKED: dict[Entity, History] = {
    Entity.ORDERS: History(
        (
            STATUS,
            IN_WMS,
            Tracked("held", "On hold", "flag"),
            Tracked("required_ship_date", "Ship by", "day"),
            WAREHOUSE,
            Tracked("shipping_method_name", "Shipping method"),
            Tracked("total_price", "Total", "money"),
        ),
        (Parts("line_items", "SKU", (QUANTITY,), key="sku"),),
    ),
    Entity.ORDER_SHIPMENTS: History(
        (STATUS, IN_WMS, WAREHOUSE, Tracked("shipped_date", "Shipped", "time")),
        (Parts("line_items", "SKU", (QUANTITY,), key="sku"),),
    ),
    Entity.INVENTORY: History(
        (*COUNTERS, Tracked("active", "Active", "flag"), Tracked("sku", "SKU"), Tracked("name", "Name")),
        (Parts("inventory_by_warehouse_id", "Warehouse", COUNTERS),),
    ),
    Entity.INBOUND_SHIPMENTS: History(
        (STATUS, IN_WMS, Tracked("expected_arrival_date", "Expected", "day"), WAREHOUSE),
        (
            Parts(
                "line_items",
                "SKU",
                (
                    Tracked("expected_quantity", "Expected units", "quantity"),
                    Tracked("received_quantity", "Received units", "quantity"),
                ),
                key="sku",
            ),
        ),
    ),
    Entity.PRODUCTS: History(
        (
            Tracked("name", "Name"),
            Tracked("sku", "SKU"),
            Tracked("gtin", "GTIN"),
            Tracked("active", "Active", "flag"),
            Tracked("is_kit", "Kit", "flag"),
            Tracked("unit_price", "Unit price", "money"),
        ),
        (Parts("inventory_items", "SKU", (Tracked("unit_quantity", "Units in the kit", "quantity"),), key="sku"),),
    ),
    # Whatever the connector makes of a return: its state and what came back.
    Entity.RETURNS: History(
        (STATUS, IN_WMS, WAREHOUSE),
        (
            Parts(
                "line_items",
                "SKU",
                (
                    Tracked("expected_quantity", "Expected units", "quantity"),
                    Tracked("received_quantity", "Received units", "quantity"),
                    Tracked("restocked_quantity", "Restocked units", "quantity"),
                ),
                key="sku",
            ),
        ),
    ),
}
