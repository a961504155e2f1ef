from django.db import models

from .folding import Folded
from .mirrored import ExternalId, ItemLine, Mirrored, Quantity, newest, sorts


class Return(Mirrored):
    """Goods of an order on their way back. `order_id` is the order's external id. The order may be missing."""

    warehouse_customer_id = models.TextField("customer", null=True)
    order_id = ExternalId("order", null=True)
    status = models.TextField(null=True)
    arrived_at = models.DateTimeField("arrived", null=True)

    class Meta(Mirrored.Meta):
        indexes = [
            newest("returns_newest_present"),
            newest("returns_of_customer", "warehouse_customer_id"),
            newest("returns_of_status", "status"),
            models.Index(fields=["connection", "order_id"], name="returns_of_order"),
            sorts("returns_by_number", Folded("external_id")),
            sorts("returns_by_arrival", "arrived_at"),
        ]

    def __str__(self) -> str:
        return str(self.external_id)


class ReturnLine(ItemLine):
    """A line of a return. A return's lines are replaced as a set."""

    # Not `return`, a keyword of Python.
    sent_back = models.ForeignKey(Return, on_delete=models.CASCADE, db_constraint=False, related_name="lines")
    inventory_item_id = models.TextField(null=True)
    expected_quantity = Quantity("expected")
    received_quantity = Quantity("received")
    restocked_quantity = Quantity("restocked")
    reason = models.TextField(null=True)

    class Meta(ItemLine.Meta):
        indexes = [models.Index("connection", Folded("sku"), "sent_back", name="return_lines_by_sku")]
