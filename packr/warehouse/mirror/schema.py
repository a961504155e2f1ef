"""How each entity's records lie in the mirror: its model, its columns, its sets of lines."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

from django.db.models import Model
from msgspec import UNSET

from integrations import records
from integrations.connectors.actions import is_held
from integrations.entities import Entity
from integrations.records import Record

from .. import models
from ..models import Mirrored

Columns = dict[str, Any]
LONGEST_TEXT = 500  # PostgreSQL refuses index entries of more than 2,704 bytes


@dataclass(frozen=True)
class Lines:
    """A set of rows that is replaced whole with its parent. `rows` makes their columns, in order."""

    model: type[Model]
    parent: str
    columns: tuple[str, ...]
    rows: Callable[[Any], Iterable[tuple[Any, ...]]]


@dataclass(frozen=True)
class Table:
    """Where the records of one entity go.

    `copied` are columns that have the record's own value under the record's own name; `derived` makes the others.
    """

    entity: Entity
    model: type[Mirrored]
    copied: tuple[str, ...]
    derived: Callable[[Any], Columns] = lambda record: {}
    derived_names: tuple[str, ...] = ()
    lines: tuple[Lines, ...] = field(default=())

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The columns that only this table has."""
        return (*self.copied, *self.derived_names)

    @property
    def record_type(self) -> type[Record]:
        return records.RECORDS[self.entity]

    @cached_property
    def _copies(self) -> Callable[[Record], tuple[Any, ...]]:
        return attrgetter(*self.copied)

    def columns(self, record: Record) -> list[Any]:
        """The values of the `own` columns."""
        values = [*self._copies(record)]
        if self.derived_names:
            derived = self.derived(record)
            values += [derived[name] for name in self.derived_names]
        # A loop of its own and not `_value`: a first sync comes by here millions of times.
        return [value[:LONGEST_TEXT] if type(value) is str else None if value is UNSET else value for value in values]


def _value(value: Any) -> Any:
    """A value as its column holds it: a text at most so long that PostgreSQL can index it. `record` has it whole."""
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    return None if value is UNSET else value


def _order_columns(order: records.Order) -> Columns:
    address, channel = order.ship_to_address, order.channel_object
    return {
        "ship_to_name": (address.full_name or address.company) if isinstance(address, records.ToAddress) else None,
        "channel_name": (channel.channel_name or channel.channel_id) if isinstance(channel, records.Channel) else None,
        "held": is_held(order),
    }


def _order_lines(order: records.Order) -> Iterable[tuple[Any, ...]]:
    for position, line in enumerate(order.line_items or (), 1):
        yield position, _value(line.sku), _value(line.product_id), line.quantity, line.unit_price


def _supplier(inbound: records.InboundShipment) -> Columns:
    supplier = inbound.supplier_object
    if not isinstance(supplier, records.Supplier):
        return {"supplier_name": None}
    return {"supplier_name": supplier.supplier_name or supplier.supplier_id}


def _inbound_lines(inbound: records.InboundShipment) -> Iterable[tuple[Any, ...]]:
    for position, line in enumerate(inbound.line_items or (), 1):
        yield (
            position,
            _value(line.sku),
            _value(line.inventory_item_id),
            line.expected_quantity,
            line.received_quantity,
        )


def _arrival(back: records.Return) -> Columns:
    """A return has arrived when the last of its parcels has."""
    shipments = back.shipments if isinstance(back.shipments, list) else []
    arrived = [shipment.arrived_date for shipment in shipments]
    return {"arrived_at": max((one for one in arrived if one), default=None) if all(arrived) else None}


def _return_lines(back: records.Return) -> Iterable[tuple[Any, ...]]:
    for position, line in enumerate(back.line_items or (), 1):
        yield (
            position,
            _value(line.sku),
            _value(line.inventory_item_id),
            line.expected_quantity,
            line.received_quantity,
            line.restocked_quantity,
            _value(line.return_reason),
        )


def _levels(item: records.InventoryItem) -> Iterable[tuple[Any, ...]]:
    for warehouse_id, units in (item.inventory_by_warehouse_id or {}).items():
        yield warehouse_id, units.onhand, units.fulfillable, units.committed, units.awaiting, units.unfulfillable


TABLES: dict[Entity, Table] = {
    table.entity: table
    for table in (
        Table(
            Entity.ORDERS,
            models.Order,
            (
                "order_number",
                "reference_id",
                "status",
                "warehouse_customer_id",
                "warehouse_id",
                "total_price",
                "invoice_currency_code",
                "required_ship_date",
            ),
            _order_columns,
            ("ship_to_name", "channel_name", "held"),
            (
                Lines(
                    models.OrderLine,
                    "order_id",
                    ("position", "sku", "product_id", "quantity", "unit_price"),
                    _order_lines,
                ),
            ),
        ),
        Table(
            Entity.ORDER_SHIPMENTS,
            models.OrderShipment,
            ("order_id", "shipment_id", "warehouse_id", "status", "shipped_date"),
        ),
        Table(
            Entity.INVENTORY,
            models.InventoryItem,
            ("warehouse_customer_id", "sku", "name", "active", "onhand", "fulfillable", "committed", "awaiting"),
            lines=(
                Lines(
                    models.InventoryLevel,
                    "item_id",
                    ("warehouse_id", "onhand", "fulfillable", "committed", "awaiting", "unfulfillable"),
                    _levels,
                ),
            ),
        ),
        Table(
            Entity.PRODUCTS,
            models.Product,
            ("warehouse_customer_id", "sku", "name", "gtin", "active", "is_kit", "unit_price"),
        ),
        Table(
            Entity.INBOUND_SHIPMENTS,
            models.InboundShipment,
            (
                "kind",
                "purchase_order_number",
                "status",
                "warehouse_customer_id",
                "warehouse_id",
                "expected_arrival_date",
            ),
            _supplier,
            ("supplier_name",),
            (
                Lines(
                    models.InboundLine,
                    "inbound_shipment_id",
                    ("position", "sku", "inventory_item_id", "expected_quantity", "received_quantity"),
                    _inbound_lines,
                ),
            ),
        ),
        Table(Entity.CUSTOMERS, models.Customer, ("name", "email")),
        Table(
            Entity.RETURNS,
            models.Return,
            ("warehouse_customer_id", "order_id", "status"),
            _arrival,
            ("arrived_at",),
            (
                Lines(
                    models.ReturnLine,
                    "sent_back_id",
                    (
                        "position",
                        "sku",
                        "inventory_item_id",
                        "expected_quantity",
                        "received_quantity",
                        "restocked_quantity",
                        "reason",
                    ),
                    _return_lines,
                ),
            ),
        ),
        Table(Entity.WAREHOUSES, models.Warehouse, ("name", "code")),
        Table(Entity.WAREHOUSE_LOCATIONS, models.WarehouseLocation, ("name", "warehouse_id", "type")),
        Table(Entity.SHIPPING_METHODS, models.ShippingMethod, ("name", "carrier_name")),
        Table(Entity.SUPPLIERS, models.Supplier, ("name", "warehouse_customer_id")),
        Table(Entity.ORDER_CHANNELS, models.OrderChannel, ("name", "warehouse_customer_id")),
        Table(
            Entity.BILLS,
            models.Bill,
            ("warehouse_customer_id", "object_id", "object_type", "charge_type", "amount", "currency_code"),
        ),
    )
}
