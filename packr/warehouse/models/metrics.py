from django.db import models

from integrations.entities import Entity
from integrations.models import Connection

from .folding import Folded
from .mirrored import ExternalId, Line, Quantity
from .stock import Product


class SkuMetrics(models.Model):
    """What is worked out for one SKU of one customer account: what is there, what was sold, what is to come.

    The counters are sums over the SKU's inventory items; None where the WMS has no such item. `sold_*`: units in
    orders of the last so many days by the workspace's clock, `day` being the last one; kits count their parts. `cover`:
    for how many days what is available lasts at the pace of the last 30; None where nothing was sold. `outstanding`:
    units that are still to come.
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
    """Units of another SKU that go with one unit of a product. Worked out from products; replaced with theirs."""

    id = models.BigAutoField(primary_key=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="parts")
    sku = models.TextField("SKU")
    units = Quantity(null=False)

    class Meta:
        indexes = [models.Index("connection", Folded("sku"), "product", name="kit_parts_by_sku")]

    def __str__(self) -> str:
        return f"{self.units} × {self.sku}"


class ProcessingMark(models.Model):
    """How far the changes of one entity have been worked into what is derived from them.

    `change_no`: up to this change all are. `day`: the workspace's day that all metrics were last brought up to, since
    `rolled_at`; orders alone have one.
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
