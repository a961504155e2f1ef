from django.db import models

from integrations.entities import Entity
from integrations.models import Connection

from .folding import Folded
from .mirrored import ExternalId, Line, Quantity
from .stock import Product


class SkuMetrics(models.Model):
    """The stock, sales and expected arrivals of one SKU of one customer account.

    The counters are sums over the SKU's inventory items, None if the WMS has none. `sold_30` is the units in orders of
    the 30 days up to `day`, in the workspace's time zone; kits count for their parts. `cover` is how many days the
    available units last at that rate, None if nothing was sold. `outstanding` is the units expected but not received.
    """

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    sku = ExternalId()
    customer = ExternalId(default="")
    onhand = Quantity("on hand")
    fulfillable = Quantity("available")
    committed = Quantity("allocated")
    awaiting = Quantity("inbound")
    sold_7 = Quantity("sold 7 days", null=False)
    sold_30 = Quantity("sold 30 days", null=False)
    sold_90 = Quantity("sold 90 days", null=False)
    cover = Quantity("days of cover")
    next_arrival = models.DateTimeField(null=True)
    outstanding = Quantity(null=False)
    day = models.DateField()
    worked_out_at = models.DateTimeField()

    workspace_path = "connection__workspace"

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "sku", "customer"], name="one_metrics_of_sku")]
        indexes = [
            models.Index(
                fields=["connection", "cover"], condition=models.Q(cover__isnull=False), name="metrics_by_cover"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sku} of {self.connection_id}"


class KitPart(Line):
    """Units of another SKU in one unit of a product, derived from the product's record."""

    id = models.BigAutoField(primary_key=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="parts")
    sku = models.TextField("SKU")
    units = Quantity(null=False)

    class Meta:
        indexes = [models.Index("connection", Folded("sku"), "product", name="kit_parts_by_sku")]

    def __str__(self) -> str:
        return f"{self.units} × {self.sku}"


class ProcessingMark(models.Model):
    """How far post-processing has processed the changes of one entity: up to `change_no`.

    `day` is the workspace's day of all metrics, set at `rolled_at`; only orders have one.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    entity = models.CharField(max_length=30, choices=[(entity.value, entity.label) for entity in Entity])
    change_no = models.BigIntegerField(default=0)
    day = models.DateField(null=True)
    rolled_at = models.DateTimeField(null=True)

    workspace_path = "connection__workspace"

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "entity"], name="one_processing_mark")]

    def __str__(self) -> str:
        return f"{self.entity} of {self.connection_id} up to change {self.change_no}"
