"""The tracked fields: which values of each entity's records have a history."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.entities import Entity

# A value's name and its part, a SKU or a warehouse; empty for a value of the record itself.
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tracked:
    """A tracked value, by its name in the record. `kind` selects how it is formatted."""

    name: str
    label: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Parts:
    """Tracked values of a record's parts: of lines, named by their `key`, or of a mapping, named by its keys."""

    name: str
    noun: str
    values: tuple[Tracked, ...]
    key: str = ""

    def of(self, body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield each part with its name. A second line of the same SKU is a part of its own."""
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
    """The tracked values of an entity's records."""

    values: tuple[Tracked, ...]
    parts: tuple[Parts, ...] = ()

    def values_of(self, body: Mapping[str, Any]) -> dict[Name, Any]:
        """Return the tracked values of a stored record; unknown ones are left out."""
        found = {(one.name, ""): value for one in self.values if (value := body.get(one.name)) is not None}
        for parts in self.parts:
            for part, values in parts.of(body):
                for one in parts.values:
                    value = values.get(one.name)
                    if value is not None:
                        found[one.name, part] = value
        return found

    def tracked_value(self, name: str, part: str) -> Tracked:
        """Return the tracked value of this name."""
        several: Iterable[Tracked] = (one for parts in self.parts for one in parts.values) if part else self.values
        return next((one for one in several if one.name == name), Tracked(name, name))

    def part_noun(self, name: str) -> str:
        """Return the noun for the parts with a value of this name."""
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
