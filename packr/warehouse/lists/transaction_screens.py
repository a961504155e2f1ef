"""The screens of transactions and stock: orders, shipments, inventory, inbound, products, returns and bills."""

from django.db.models import Exists, OuterRef, Q

from integrations.entities import Entity
from packr.workspaces.request_context import RequestContext

from ..metrics.annotations import ARRIVAL_MEANS, COVER_MEANS, SOLD_MEANS, low_stock
from ..models import (
    Bill,
    Customer,
    InboundLine,
    InboundShipment,
    InventoryItem,
    InventoryLevel,
    Order,
    OrderChannel,
    OrderLine,
    OrderShipment,
    Product,
    Return,
    ReturnLine,
    Supplier,
    Warehouse,
)
from .base import Column, Related, Screen, SearchedLines
from .filters import SHIP_BY, Filter, flag, named, row, words

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
ARRIVAL_STATUSES = ("open", "in-transit", "receiving", "received", "cancelled", "other")
CUSTOMER = row("customer", "Customer", Customer, "warehouse_customer_id")
STOCK = Filter("stock", "Stock", low_stock, (("low", "Low stock"),))
WAREHOUSE = row("warehouse", "Warehouse", Warehouse, "warehouse_id")


def _stocked_in(value: str, context: RequestContext) -> Q:
    """Return the condition for items whose units the WMS counts in the warehouse."""
    connection, _, key = value.partition(":")
    levels = InventoryLevel.objects.filter(item=OuterRef("pk"), warehouse_id=key)
    return Q(connection=int(connection)) & Q(Exists(levels))


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
    searches="order number, reference, SKU, ship-to name or customer",
    first_rows="newest",
    order="-created_at",
    name="orders",
    lines=SearchedLines(OrderLine, "order"),
    related=(Related(Customer, "name", "warehouse_customer_id"),),
    filters=(
        words("status", "Status", ORDER_STATUSES),
        flag("held", "Hold", "On hold", ""),
        SHIP_BY,
        named("channel", "Channel", OrderChannel, "channel_name"),
        WAREHOUSE,
        CUSTOMER,
    ),
    detail="order",
    about="Orders appear here when the WMS receives them.",
    currency="invoice_currency_code",
)
ORDER_SHIPMENTS = Screen(
    entity=Entity.ORDER_SHIPMENTS,
    model=OrderShipment,
    noun="order shipments",
    columns=(
        Column("shipment_id", "Shipment", "code"),
        Column("order_id", "Order", "order", sorts=False),
        Column("status", "Status", "status", sorts=False),
        Column("warehouse_id", "Warehouse", "warehouse", sorts=False),
        Column("shipped_date", "Shipped", "time"),
        Column("created_at", "Order created", "time"),
    ),
    searched=("shipment_id",),
    searches="shipment or order number",
    first_rows="newest",
    order="-created_at",
    name="order_shipments",
    related=(Related(Order, "order_number", "order_id"),),
    filters=(words("status", "Status", ("open", "shipped", "cancelled", "other")),),
    about="A shipment appears here when the warehouse sends goods for an order.",
)
INVENTORY = Screen(
    entity=Entity.INVENTORY,
    model=InventoryItem,
    noun="items",
    columns=(
        Column("sku", "SKU", "link"),
        Column("name", "Name"),
        Column("levels", "Warehouse", "levels", sorts=False),
        Column("onhand", "On hand", "quantity", meaning="All units in the warehouse, including allocated ones."),
        Column("fulfillable", "Available", "quantity", meaning="Units on hand that can be shipped for a new order."),
        Column("committed", "Allocated", "quantity", sorts=False, meaning="Units on hand that are assigned to orders."),
        Column("awaiting", "Inbound", "quantity", sorts=False, meaning="Units expected that have not arrived yet."),
        Column("sold_30", "Sold 30 days", "quantity", sorts=False, meaning=SOLD_MEANS),
        Column("cover", "Days of cover", "days", sorts=False, meaning=COVER_MEANS),
        Column("next_arrival", "Next arrival", "day", sorts=False, meaning=ARRIVAL_MEANS),
        Column("updated_at", "Last update", "time", meaning="When the item last changed in the WMS."),
    ),
    searched=("sku", "name"),
    searches="SKU or name",
    first_rows="first by SKU",
    order="sku",
    name="inventory",
    filters=(Filter("warehouse", "Warehouse", _stocked_in, model=Warehouse), CUSTOMER, STOCK),
    detail="inventory_item",
    levels=True,
    about="An item appears here when the warehouse stocks it.",
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
    lines=SearchedLines(InboundLine, "inbound_shipment"),
    filters=(
        words("status", "Status", ARRIVAL_STATUSES),
        words("kind", "Kind", ("purchase", "transfer", "assembly", "other")),
        named("supplier", "Supplier", Supplier, "supplier_name"),
        WAREHOUSE,
        CUSTOMER,
    ),
    detail="inbound_shipment",
    about="Goods appear here as soon as they are announced to the warehouse.",
)
PRODUCTS = Screen(
    entity=Entity.PRODUCTS,
    model=Product,
    noun="products",
    columns=(
        Column("sku", "SKU", "link"),
        Column("name", "Name"),
        Column("gtin", "GTIN", "code"),
        Column("active", "Active", "flag", sorts=False),
        Column("is_kit", "Kit", "kit", sorts=False),
        Column("updated_at", "Updated in the WMS", "time"),
        Column("unit_price", "Unit price", "money"),
        Column("sold_30", "Sold 30 days", "quantity", sorts=False, meaning=SOLD_MEANS),
        Column("cover", "Days of cover", "days", sorts=False, meaning=COVER_MEANS),
        Column("next_arrival", "Next arrival", "day", sorts=False, meaning=ARRIVAL_MEANS),
    ),
    searched=("sku", "name", "gtin"),
    searches="SKU, name or GTIN",
    first_rows="first by SKU",
    order="sku",
    name="products",
    filters=(flag("active", "Active"), flag("is_kit", "Kit", "Kits only", ""), CUSTOMER, STOCK),
    detail="product",
    about="Products appear here once the WMS has them in its catalog.",
)
RETURNS = Screen(
    entity=Entity.RETURNS,
    model=Return,
    noun="returns",
    columns=(
        Column("external_id", "Return", "link"),
        Column("status", "Status", "status", sorts=False),
        Column("order_id", "Order", "order", sorts=False),
        Column("warehouse_customer_id", "Customer", "customer", sorts=False),
        Column("arrived_at", "Arrived", "time"),
        Column("created_at", "Created", "time"),
    ),
    searched=("external_id",),
    searches="return, order number or SKU",
    first_rows="newest",
    order="-created_at",
    name="returns",
    lines=SearchedLines(ReturnLine, "sent_back"),
    related=(Related(Order, "order_number", "order_id"),),
    filters=(words("status", "Status", ARRIVAL_STATUSES), CUSTOMER),
    detail="return",
    about="A return appears here when a shopper announces one or the warehouse receives one.",
)
BILLS = Screen(
    entity=Entity.BILLS,
    model=Bill,
    noun="bills",
    columns=(
        Column("charge_type", "Charge", "word"),
        Column("object_type", "For", "cause", sorts=False),
        Column("warehouse_customer_id", "Customer", "customer", sorts=False),
        Column("created_at", "Charged", "time"),
        Column("amount", "Amount", "money"),
    ),
    searched=("charge_type", "object_id"),
    searches="charge or the ID of what it is for",
    first_rows="newest",
    order="-created_at",
    name="bills",
    filters=(CUSTOMER,),
    about="A charge appears here when the warehouse bills it. Some WMSs send bills only once support enabled it.",
    currency="currency_code",
)
