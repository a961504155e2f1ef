"""The data screens, each described once: its columns, what it searches and how it is sorted."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import OrderBy

from integrations.entities import Entity

from .models import InboundLine, InboundShipment, InventoryItem, Mirrored, Order, OrderLine, Product

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `kind` chooses how its cells are written; `sorts` whether it can be sorted by its field.

    `meaning` says what the figure is, in the words of somebody who counts boxes.
    """

    field: str
    label: str
    kind: str = "text"
    sorts: bool = True
    meaning: str = ""

    @property
    def is_number(self) -> bool:
        return self.kind in ("quantity", "money")


@dataclass(frozen=True, slots=True)
class Screen:
    """A list of one entity. `order` is its order when nobody asks for another. `detail` names the page of one row."""

    entity: Entity
    model: type[Mirrored]
    noun: str
    columns: tuple[Column, ...]
    search: Callable[[str], Q]
    searches: str
    order: tuple[str, ...]
    detail: str = ""
    together: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return self.entity.label

    @property
    def meanings(self) -> list[Column]:
        return [column for column in self.columns if column.meaning]

    def sorted(self, rows: QuerySet[Mirrored], by: str) -> QuerySet[Mirrored]:
        """The rows ordered by a column's field, `-` before it for the other way; in the screen's order otherwise."""
        field = by.removeprefix("-")
        if field not in {column.field for column in self.columns if column.sorts}:
            return rows.order_by(*self.order)
        key: OrderBy = F(field).desc(nulls_last=True) if by.startswith("-") else F(field).asc(nulls_last=True)
        return rows.order_by(key, "-pk" if by.startswith("-") else "pk")


def _anywhere(*fields: str) -> Callable[[str], Q]:
    def search(words: str) -> Q:
        found = Q()
        for field in fields:
            found |= Q(**{f"{field}__icontains": words})
        return found

    return search


def _orders(words: str) -> Q:
    lines = OrderLine.objects.filter(order=OuterRef("pk"), sku__icontains=words)
    return _anywhere("order_number", "reference_id", "ship_to_name")(words) | Q(Exists(lines))


def _inbound(words: str) -> Q:
    lines = InboundLine.objects.filter(inbound_shipment=OuterRef("pk"), sku__icontains=words)
    return _anywhere("purchase_order_number", "supplier_name")(words) | Q(Exists(lines))


ORDERS = Screen(
    entity=Entity.ORDERS,
    model=Order,
    noun="orders",
    columns=(
        Column("order_number", "Order", "link"),
        Column("status", "Status", "status"),
        Column("ship_to_name", "Ship to"),
        Column("channel_name", "Channel"),
        Column("warehouse_id", "Warehouse", "warehouse", sorts=False),
        Column("created_at", "Created", "time"),
        Column("required_ship_date", "Ship by", "day"),
        Column("total_price", "Total", "money"),
    ),
    search=_orders,
    searches="order number, reference, SKU or ship-to name",
    order=("-created_at", "-id"),
    detail="order",
)
INVENTORY = Screen(
    entity=Entity.INVENTORY,
    model=InventoryItem,
    noun="items",
    columns=(
        Column("sku", "SKU", "code"),
        Column("name", "Name"),
        Column("levels", "Warehouse", sorts=False),
        Column("onhand", "On hand", "quantity", meaning="Units that lie in the warehouse, whatever they are for."),
        Column("fulfillable", "Available", "quantity", meaning="Units on hand that can be shipped for a new order."),
        Column("committed", "Allocated", "quantity", meaning="Units on hand that are assigned to orders."),
        Column("awaiting", "Inbound", "quantity", meaning="Units that are expected and have not arrived yet."),
    ),
    search=_anywhere("sku", "name"),
    searches="SKU or name",
    order=("sku", "id"),
    together=("levels",),
)
INBOUND_SHIPMENTS = Screen(
    entity=Entity.INBOUND_SHIPMENTS,
    model=InboundShipment,
    noun="inbound shipments",
    columns=(
        Column("purchase_order_number", "PO number", "link"),
        Column("status", "Status", "status"),
        Column("kind", "Kind", "word"),
        Column("supplier_name", "Supplier"),
        Column("warehouse_id", "Warehouse", "warehouse", sorts=False),
        Column("expected_arrival_date", "Expected", "day"),
        Column("created_at", "Created", "time"),
    ),
    search=_inbound,
    searches="PO number, supplier or SKU",
    order=("-created_at", "-id"),
    detail="inbound_shipment",
)
PRODUCTS = Screen(
    entity=Entity.PRODUCTS,
    model=Product,
    noun="products",
    columns=(
        Column("sku", "SKU", "code"),
        Column("name", "Name"),
        Column("gtin", "GTIN", "code"),
        Column("active", "Active", "flag"),
        Column("is_kit", "Kit", "flag"),
        Column("updated_at", "Updated in the WMS", "time"),
        Column("unit_price", "Unit price", "money"),
    ),
    search=_anywhere("sku", "name", "gtin"),
    searches="SKU, name or GTIN",
    order=("sku", "id"),
)
