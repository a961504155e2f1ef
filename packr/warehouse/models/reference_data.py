"""Data that rarely changes: customers, warehouses, locations, channels, suppliers and shipping methods."""

from django.db import models

from .folding import Folded
from .mirrored import PRESENT, Mirrored, sorts


class Customer(Mirrored):
    """One of the WMS's customer accounts, to which brands are mapped."""

    name = models.TextField(null=True)
    email = models.TextField(null=True)

    class Meta(Mirrored.Meta):
        indexes = [sorts("customers_by_name", Folded("name")), sorts("customers_by_email", Folded("email"))]

    def __str__(self) -> str:
        return self.name or self.external_id


class Warehouse(Mirrored):
    name = models.TextField(null=True)
    code = models.TextField(null=True)

    # No index for its sorts: a WMS has few warehouses.

    def __str__(self) -> str:
        return self.name or self.external_id


class WarehouseLocation(Mirrored):
    """A place inside a warehouse, such as a shelf."""

    name = models.TextField(null=True)
    warehouse_id = models.TextField("warehouse", null=True)
    type = models.TextField(null=True)

    class Meta(Mirrored.Meta):
        indexes = [
            sorts("locations_by_name", Folded("name")),
            sorts("locations_by_type", Folded("type")),
            models.Index(
                "connection", "warehouse_id", Folded("name"), "id", name="locations_of_warehouse", condition=PRESENT
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id


class OrderChannel(Mirrored):
    """Where orders come from, such as a shop."""

    name = models.TextField(null=True)
    warehouse_customer_id = models.TextField("customer", null=True)

    class Meta(Mirrored.Meta):
        indexes = [sorts("channels_by_name", Folded("name"))]

    def __str__(self) -> str:
        return self.name or self.external_id


class Supplier(Mirrored):
    """A sender of goods to the warehouse."""

    name = models.TextField(null=True)
    warehouse_customer_id = models.TextField("customer", null=True)

    class Meta(Mirrored.Meta):
        indexes = [sorts("suppliers_by_name", Folded("name"))]

    def __str__(self) -> str:
        return self.name or self.external_id


class ShippingMethod(Mirrored):
    name = models.TextField(null=True)
    carrier_name = models.TextField("carrier", null=True)

    class Meta(Mirrored.Meta):
        indexes = [
            sorts("methods_by_name", Folded("name")),
            sorts("methods_by_carrier", Folded("carrier_name")),
        ]

    def __str__(self) -> str:
        return self.name or self.external_id
