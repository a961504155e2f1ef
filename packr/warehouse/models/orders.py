from django.db import models
from django.db.models import Q

from .folding import Folded
from .mirrored import PRESENT, ExternalId, ItemLine, Mirrored, Quantity, feeds, newest, sorts

# Statuses of orders that have not left the warehouse, or not completely.
TO_SHIP = ("open", "confirmed", "processing", "picked", "packed", "partially_fulfilled", "backordered", "exception")


class Order(Mirrored):
    order_number = models.TextField(null=True)
    reference_id = models.TextField(null=True)
    status = models.TextField(null=True)
    warehouse_customer_id = models.TextField("customer", null=True)
    warehouse_id = models.TextField("warehouse", null=True)
    channel_name = models.TextField("channel", null=True)
    ship_to_name = models.TextField("ship to", null=True)
    total_price = Quantity()
    invoice_currency_code = models.TextField("currency", null=True)
    required_ship_date = models.DateTimeField("ship by", null=True)
    held = models.BooleanField("on hold", null=True)

    class Meta(Mirrored.Meta):
        indexes = [
            feeds("orders_by_change"),
            newest("orders_newest_present"),
            newest("orders_of_customer", "warehouse_customer_id"),
            newest("orders_of_status", "status"),
            newest("orders_of_channel", "channel_name"),
            newest("orders_of_warehouse", "warehouse_id"),
            models.Index(
                fields=["connection", "-created_at", "-id"], name="orders_on_hold", condition=PRESENT & Q(held=True)
            ),
            models.Index(
                fields=["connection", "-created_at", "-id"],
                name="orders_to_ship",
                condition=PRESENT & Q(status__in=TO_SHIP, required_ship_date__isnull=False),
            ),
            sorts("orders_by_number", Folded("order_number")),
            sorts("orders_by_reference", Folded("reference_id")),
            sorts("orders_by_ship_to", Folded("ship_to_name")),
            sorts("orders_by_ship_date", "required_ship_date"),
            sorts("orders_by_total", "total_price"),
        ]

    def __str__(self) -> str:
        return self.order_number or self.external_id


class OrderLine(ItemLine):
    """A line of an order. Lines have no id in the WMS, so an order's lines are replaced as a set."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, db_constraint=False, related_name="lines")
    product_id = models.TextField(null=True)
    quantity = Quantity()
    unit_price = Quantity()

    class Meta(ItemLine.Meta):
        indexes = [models.Index("connection", Folded("sku"), "order", name="order_lines_by_sku")]


class OrderShipment(Mirrored):
    """Goods sent for an order. `order_id` is the order's external id. The order may not be there yet."""

    order_id = ExternalId(null=True)
    shipment_id = models.TextField(null=True)
    warehouse_id = models.TextField("warehouse", null=True)
    status = models.TextField(null=True)
    shipped_date = models.DateTimeField("shipped", null=True)

    class Meta(Mirrored.Meta):
        indexes = [
            models.Index(fields=["connection", "order_id"], name="shipments_of_order"),
            newest("shipments_newest_present"),
            newest("shipments_of_status", "status"),
            sorts("shipments_by_number", Folded("shipment_id")),
            sorts("shipments_by_shipped", "shipped_date"),
        ]

    def __str__(self) -> str:
        return self.shipment_id or self.external_id
