"""What changes rarely: who the WMS's customers are, where its warehouses are and how it ships."""

from django.db import models

from .mirrored import Mirrored


class Customer(Mirrored):
    """One of the WMS's customer accounts, which is what a brand is mapped to."""

    name = models.TextField(null=True)
    email = models.TextField(null=True)

    def __str__(self) -> str:
        return self.name or self.external_id


class Warehouse(Mirrored):
    name = models.TextField(null=True)
    code = models.TextField(null=True)

    def __str__(self) -> str:
        return self.name or self.external_id


class ShippingMethod(Mirrored):
    name = models.TextField(null=True)
    carrier_name = models.TextField("carrier", null=True)

    def __str__(self) -> str:
        return self.name or self.external_id
