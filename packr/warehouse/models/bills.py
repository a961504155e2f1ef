from django.db import models

from .folding import Folded
from .mirrored import ExternalId, Mirrored, Quantity, newest, sorts


class Bill(Mirrored):
    """One charge of the warehouse, not an invoice. `object_id` is the id of its cause, for instance an order."""

    warehouse_customer_id = models.TextField("customer", null=True)
    object_id = ExternalId("caused by", null=True)
    object_type = models.TextField("cause", null=True)
    charge_type = models.TextField("charge", null=True)
    amount = Quantity()
    currency_code = models.TextField("currency", null=True)

    class Meta(Mirrored.Meta):
        indexes = [
            newest("bills_newest_present"),
            newest("bills_of_customer", "warehouse_customer_id"),
            sorts("bills_by_charge", Folded("charge_type")),
            sorts("bills_by_cause", Folded("object_id")),
            sorts("bills_by_amount", "amount"),
        ]

    def __str__(self) -> str:
        return f"{self.charge_type or 'charge'} {self.external_id}"
