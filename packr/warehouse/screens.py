"""The data screens, each described once: its columns, what it searches, how it is sorted and filtered."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, TextField

from integrations.entities import Entity

from .models import InboundLine, InboundShipment, InventoryItem, Mirrored, Order, OrderLine, Product

PER_PAGE = 50
ORDER_STATUSES = (
    "open",
    "confirmed",
    "processing",
    "picked",
    "packed",
    "partially_fulfilled",
    "fulfilled",
    "backordered",
    "exception",
    "cancelled",
    "other",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `kind` chooses how its cells are written; `sorts` whether it can be sorted by its field.

    A column that sorts has an index of its own: connection, field, id. `meaning` says what the figure is, in the words
    of somebody who counts boxes.
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
class Filter:
    """A field of which people choose one value: what the address has, and what the row has."""

    field: str
    label: str
    choices: tuple[tuple[str, Any], ...]

    def value(self, asked: str) -> Any:
        """What the rows have that were asked for; None when nothing was, or nothing there is."""
        return dict(self.choices).get(asked)


@dataclass(frozen=True, slots=True)
class Sort:
    """By which field a list is sorted and which way. Rows without a value come last either way, ties go by id."""

    model: type[Mirrored]
    field: str
    descending: bool

    @property
    def name(self) -> str:
        """As in the address."""
        return f"-{self.field}" if self.descending else self.field

    @property
    def key(self) -> str:
        """The path to what is compared: texts without regard to A-Z and a-z, the same on every database."""
        is_text = isinstance(self.model._meta.get_field(self.field), TextField)
        return f"{self.field}__folded" if is_text else self.field


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines whose SKU finds their parent."""

    model: type[Model]
    parent: str


@dataclass(frozen=True, slots=True)
class Screen:
    """A list of one entity. `order` is its order when nobody asks for another. `detail` names the page of one row.

    `searched` are the fields whose beginnings are searched, and `searches` says which in words; `first_rows` are those
    that a search with too many hits is limited to. `levels`: each row has its units per warehouse below it.
    """

    entity: Entity
    model: type[Mirrored]
    noun: str
    columns: tuple[Column, ...]
    searched: tuple[str, ...]
    searches: str
    first_rows: str
    order: str
    name: str
    lines: Lines | None = None
    filters: tuple[Filter, ...] = ()
    detail: str = ""
    levels: bool = False

    @property
    def title(self) -> str:
        return self.entity.label

    @property
    def path(self) -> str:
        """Its address."""
        return self.name.replace("_", "-")

    @property
    def export(self) -> str:
        """The name of its CSV file's address."""
        return f"{self.name}_export"

    @property
    def meanings(self) -> list[Column]:
        return [column for column in self.columns if column.meaning]

    @property
    def has_warehouse(self) -> bool:
        return any(column.kind == "warehouse" for column in self.columns)

    def sort(self, asked: str = "") -> Sort:
        """The sort by a column's field, `-` before it for the other way; the screen's own order otherwise."""
        sortable = {column.field for column in self.columns if column.sorts}
        name = asked if asked.removeprefix("-") in sortable else self.order
        return Sort(self.model, name.removeprefix("-"), name.startswith("-"))


def _words(codes: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((code, code) for code in codes)


ORDERS = Screen(
    entity=Entity.ORDERS,
    model=Order,
    noun="orders",
    columns=(
        Column("order_number", "Order", "link"),
        Column("status", "Status", "status", sorts=False),
        Column("ship_to_name", "Ship to"),
        Column("channel_name", "Channel", sorts=False),
        Column("warehouse_id", "Warehouse", "warehouse", sorts=False),
        Column("created_at", "Created", "time"),
        Column("required_ship_date", "Ship by", "day"),
        Column("total_price", "Total", "money"),
    ),
    searched=("order_number", "reference_id", "ship_to_name"),
    searches="order number, reference, SKU or ship-to name",
    first_rows="newest",
    order="-created_at",
    name="orders",
    lines=Lines(OrderLine, "order"),
    filters=(Filter("status", "Status", _words(ORDER_STATUSES)),),
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
        Column("committed", "Allocated", "quantity", sorts=False, meaning="Units on hand that are assigned to orders."),
        Column("awaiting", "Inbound", "quantity", sorts=False, meaning="Units expected that have not arrived yet."),
    ),
    searched=("sku", "name"),
    searches="SKU or name",
    first_rows="first by SKU",
    order="sku",
    name="inventory",
    levels=True,
)
INBOUND_SHIPMENTS = Screen(
    entity=Entity.INBOUND_SHIPMENTS,
    model=InboundShipment,
    noun="inbound shipments",
    columns=(
        Column("purchase_order_number", "PO number", "link"),
        Column("status", "Status", "status", sorts=False),
        Column("kind", "Kind", "word", sorts=False),
        Column("supplier_name", "Supplier"),
        Column("warehouse_id", "Warehouse", "warehouse", sorts=False),
        Column("expected_arrival_date", "Expected", "day"),
        Column("created_at", "Created", "time"),
    ),
    searched=("purchase_order_number", "supplier_name"),
    searches="PO number, supplier or SKU",
    first_rows="newest",
    order="-created_at",
    name="inbound_shipments",
    lines=Lines(InboundLine, "inbound_shipment"),
    filters=(
        Filter("status", "Status", _words(("open", "in-transit", "receiving", "received", "cancelled", "other"))),
        Filter("kind", "Kind", _words(("purchase", "transfer", "assembly", "other"))),
    ),
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
        Column("active", "Active", "flag", sorts=False),
        Column("is_kit", "Kit", "flag", sorts=False),
        Column("updated_at", "Updated in the WMS", "time"),
        Column("unit_price", "Unit price", "money"),
    ),
    searched=("sku", "name", "gtin"),
    searches="SKU, name or GTIN",
    first_rows="first by SKU",
    order="sku",
    name="products",
    filters=(Filter("active", "Active", (("yes", True), ("no", False))),),
)
