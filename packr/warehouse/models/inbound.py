from django.db import models

from .folding import Folded
from .mirrored import PRESENT, Line, Mirrored, Quantity, feeds, sorts


class InboundShipment(Mirrored):
    """Goods on their way in."""

    kind = models.TextField(null=True)
    purchase_order_number = models.TextField(null=True)
    status = models.TextField(null=True)
    warehouse_customer_id = models.TextField("customer", null=True)
    warehouse_id = models.TextField("warehouse", null=True)
    supplier_name = models.TextField("supplier", null=True)
    expected_arrival_date = models.DateTimeField("expected", null=True)

    class Meta(Mirrored.Meta):
        indexes = [
            feeds("inbound_by_change"),
            models.Index(fields=["connection", "-created_at", "-id"], name="inbound_newest_present", condition=PRESENT),
            models.Index(
                fields=["connection", "warehouse_customer_id", "-created_at", "-id"],
                name="inbound_of_customer",
                condition=PRESENT,
            ),
            models.Index(
                fields=["connection", "status", "-created_at", "-id"], name="inbound_of_status", condition=PRESENT
            ),
            models.Index(
                fields=["connection", "kind", "-created_at", "-id"], name="inbound_of_kind", condition=PRESENT
            ),
            models.Index(
                fields=["connection", "warehouse_id", "-created_at", "-id"],
                name="inbound_of_warehouse",
                condition=PRESENT,
            ),
            models.Index(
                fields=["connection", "supplier_name", "-created_at", "-id"],
                name="inbound_of_supplier",
                condition=PRESENT,
            ),
            sorts("inbound_by_number", Folded("purchase_order_number")),
            sorts("inbound_by_supplier", Folded("supplier_name")),
            sorts("inbound_by_expected", "expected_arrival_date"),
        ]

    def __str__(self) -> str:
        return self.purchase_order_number or self.external_id


class InboundLine(Line):
    """A line of an inbound shipment; replaced as a set with it."""

    inbound_shipment = models.ForeignKey(
        InboundShipment, on_delete=models.CASCADE, db_constraint=False, related_name="lines"
    )
    position = models.PositiveIntegerField()
    sku = models.TextField("SKU", null=True)
    inventory_item_id = models.TextField(null=True)
    expected_quantity = Quantity("expected")
    received_quantity = Quantity("received")

    class Meta:
        ordering = ["position"]
        indexes = [models.Index("connection", Folded("sku"), "inbound_shipment", name="inbound_lines_by_sku")]

    def __str__(self) -> str:
        return self.sku or f"line {self.position}"
