from django.db import models

from .folding import Folded
from .mirrored import PRESENT, Line, Mirrored, Quantity, feeds, sorts


class InventoryItem(Mirrored):
    """A stocked item. Its counters are the WMS's sums over all warehouses."""

    warehouse_customer_id = models.TextField("customer", null=True)
    sku = models.TextField("SKU", null=True)
    name = models.TextField(null=True)
    active = models.BooleanField(null=True)
    onhand = Quantity("on hand")
    fulfillable = Quantity("available")
    committed = Quantity("allocated")
    awaiting = Quantity("inbound")

    class Meta(Mirrored.Meta):
        indexes = [
            feeds("inventory_by_change"),
            sorts("inventory_of_customer", "warehouse_customer_id"),
            sorts("inventory_by_folded_sku", Folded("sku")),
            sorts("inventory_by_name", Folded("name")),
            sorts("inventory_by_onhand", "onhand"),
            sorts("inventory_by_fulfillable", "fulfillable"),
            sorts("inventory_by_updated", "updated_at"),
        ]

    def __str__(self) -> str:
        return self.sku or self.external_id


class InventoryLevel(Line):
    """An item's units in one warehouse. An item's levels are replaced as a set."""

    item = models.ForeignKey(InventoryItem, on_delete=models.CASCADE, db_constraint=False, related_name="levels")
    warehouse_id = models.TextField("warehouse")
    onhand = Quantity("on hand")
    fulfillable = Quantity("available")
    committed = Quantity("allocated")
    awaiting = Quantity("inbound")
    unfulfillable = Quantity()

    class Meta:
        ordering = ["warehouse_id"]

    def __str__(self) -> str:
        return f"{self.item_id} in {self.warehouse_id}"


class Product(Mirrored):
    warehouse_customer_id = models.TextField("customer", null=True)
    sku = models.TextField("SKU", null=True)
    name = models.TextField(null=True)
    gtin = models.TextField("GTIN", null=True)
    active = models.BooleanField(null=True)
    is_kit = models.BooleanField("kit", null=True)
    unit_price = Quantity()

    class Meta(Mirrored.Meta):
        indexes = [
            feeds("products_by_change"),
            sorts("products_of_customer", "warehouse_customer_id"),
            models.Index("connection", "active", Folded("sku"), "id", name="products_by_active", condition=PRESENT),
            models.Index(
                "connection", Folded("sku"), "id", name="products_kits", condition=PRESENT & models.Q(is_kit=True)
            ),
            sorts("products_by_folded_sku", Folded("sku")),
            sorts("products_by_name", Folded("name")),
            sorts("products_by_gtin", Folded("gtin")),
            sorts("products_by_updated", "updated_at"),
            sorts("products_by_price", "unit_price"),
        ]

    def __str__(self) -> str:
        return self.sku or self.external_id
