from django.db import models

from .folding import Folded
from .mirrored import PRESENT, ExternalId, Line, Mirrored, Quantity, sorts


class Return(Mirrored):
    """Goods of an order on their way back. `order_id` is the order's external id and may point at nothing."""

    warehouse_customer_id = models.TextField("customer", null=True)
    order_id = ExternalId("order", null=True)
    status = models.TextField(null=True)
    arrived_at = models.DateTimeField("arrived", null=True)

    class Meta(Mirrored.Meta):
        indexes = [
            models.Index(fields=["connection", "-created_at", "-id"], name="returns_newest_present", condition=PRESENT),
            models.Index(
                fields=["connection", "warehouse_customer_id", "-created_at", "-id"],
                name="returns_of_customer",
                condition=PRESENT,
            ),
            models.Index(
                fields=["connection", "status", "-created_at", "-id"], name="returns_of_status", condition=PRESENT
            ),
            models.Index(fields=["connection", "order_id"], name="returns_of_order"),
            sorts("returns_by_number", Folded("external_id")),
            sorts("returns_by_arrival", "arrived_at"),
        ]

    def __str__(self) -> str:
        return str(self.external_id)


class ReturnLine(Line):
    """A line of a return; replaced as a set with it."""

    # Not `return`, which Python keeps for itself.
    sent_back = models.ForeignKey(Return, on_delete=models.CASCADE, db_constraint=False, related_name="lines")
    position = models.PositiveIntegerField()
    sku = models.TextField("SKU", null=True)
    inventory_item_id = models.TextField(null=True)
    expected_quantity = Quantity("expected")
    received_quantity = Quantity("received")
    restocked_quantity = Quantity("restocked")
    reason = models.TextField(null=True)

    class Meta:
        ordering = ["position"]
        indexes = [models.Index("connection", Folded("sku"), "sent_back", name="return_lines_by_sku")]

    def __str__(self) -> str:
        return self.sku or f"line {self.position}"
