"""The tables of the mirror: each entity's model, columns and lines."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
MAX_TEXT_LENGTH = 500  # PostgreSQL refuses index entries of more than 2,704 bytes


@dataclass(frozen=True)
class LineTable:
    """A table of lines, which are replaced as a set with their parent. `rows` returns their values, by column."""

    model: type[Model]
    parent: str
    columns: tuple[str, ...]
    rows: Callable[[Any], Iterable[tuple[Any, ...]]]


@dataclass(frozen=True)
class Table:
    """The table of an entity's records.

    `copied` columns hold the record's value of the same name; `derived` returns the others, `derived_names`.
    """

    entity: Entity
    model: type[Mirrored]
    copied: tuple[str, ...]
    derived: Callable[[Any], Columns] = lambda record: {}
    derived_names: tuple[str, ...] = ()
    lines: tuple[LineTable, ...] = ()

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
        """Return the values of the `own` columns."""
        values = [*self._copies(record)]
        if self.derived_names:
            derived = self.derived(record)
            values += [derived[name] for name in self.derived_names]
        return _to_cells(values)


def _to_cells(values: Iterable[Any]) -> list[Any]:
    """Return values as columns hold them: texts cut so that PostgreSQL can index them. The record keeps them whole."""
    return [value[:MAX_TEXT_LENGTH] if type(value) is str else None if value is UNSET else value for value in values]


def _item_lines(model: type[Model], parent: str, *attributes: str, **renamed: str) -> LineTable:
    """Return the table of a record's `line_items`. `renamed` are columns named unlike the line's attribute."""
    values = attrgetter(*attributes, *renamed.values())

    def rows(record: Any) -> Iterable[tuple[Any, ...]]:
        for position, line in enumerate(record.line_items or (), 1):
            yield position, *_to_cells(values(line))

    return LineTable(model, parent, ("position", *attributes, *renamed), rows)


def _order_columns(order: records.Order) -> Columns:
    address, channel = order.ship_to_address, order.channel_object
    return {
        "ship_to_name": (address.full_name or address.company) if isinstance(address, records.ToAddress) else None,
        "channel_name": (channel.channel_name or channel.channel_id) if isinstance(channel, records.Channel) else None,
        "held": is_held(order),
    }


def _supplier(inbound: records.InboundShipment) -> Columns:
    supplier = inbound.supplier_object
    if not isinstance(supplier, records.Supplier):
        return {"supplier_name": None}
    return {"supplier_name": supplier.supplier_name or supplier.supplier_id}


def _arrival(returned: records.Return) -> Columns:
    """Return when the last of a return's shipments arrived; None until all have."""
    shipments = returned.shipments if isinstance(returned.shipments, list) else []
    arrived = [shipment.arrived_date for shipment in shipments]
    return {"arrived_at": max((date for date in arrived if date), default=None) if all(arrived) else None}


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
            (_item_lines(models.OrderLine, "order_id", "sku", "product_id", "quantity", "unit_price"),),
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
                LineTable(
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
                _item_lines(
                    models.InboundLine,
                    "inbound_shipment_id",
                    "sku",
                    "inventory_item_id",
                    "expected_quantity",
                    "received_quantity",
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
                _item_lines(
                    models.ReturnLine,
                    "sent_back_id",
                    "sku",
                    "inventory_item_id",
                    "expected_quantity",
                    "received_quantity",
                    "restocked_quantity",
                    reason="return_reason",
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
