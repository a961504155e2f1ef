from django.db import models

from .folding import Folded
from .mirrored import ItemLine, Mirrored, Quantity, feeds, newest, sorts


class InboundShipment(Mirrored):
    """Goods on their way to the warehouse."""

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
            newest("inbound_newest_present"),
            newest("inbound_of_customer", "warehouse_customer_id"),
            newest("inbound_of_status", "status"),
            newest("inbound_of_kind", "kind"),
            newest("inbound_of_warehouse", "warehouse_id"),
            newest("inbound_of_supplier", "supplier_name"),
            sorts("inbound_by_number", Folded("purchase_order_number")),
            sorts("inbound_by_supplier", Folded("supplier_name")),
            sorts("inbound_by_expected", "expected_arrival_date"),
        ]

    def __str__(self) -> str:
        return self.purchase_order_number or self.external_id


class InboundLine(ItemLine):
    """A line of an inbound shipment. A shipment's lines are replaced as a set."""

    inbound_shipment = models.ForeignKey(
        InboundShipment, on_delete=models.CASCADE, db_constraint=False, related_name="lines"
    )
    inventory_item_id = models.TextField(null=True)
    expected_quantity = Quantity("expected")
    received_quantity = Quantity("received")

    class Meta(ItemLine.Meta):
        indexes = [models.Index("connection", Folded("sku"), "inbound_shipment", name="inbound_lines_by_sku")]
