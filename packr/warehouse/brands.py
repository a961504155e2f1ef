"""Which rows of the mirror a place sees: those of its workspace, and of the brand that is looked at."""

from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from integrations.models import BrandMapping, Connection
from packr.workspaces.current import Place

from .models import Customer, Order, OrderShipment, ShippingMethod, Warehouse

Row = TypeVar("Row", bound=Model)

# What belongs to no customer in particular shows to every brand that is mapped to the connection.
SHARED = (Warehouse, ShippingMethod)


def connections(place: Place) -> QuerySet[Connection]:
    """The workspace's connections, of which a brand sees those it is mapped to."""
    ours = Connection.objects.filter(workspace=place.workspace)
    if place.brand is None:
        return ours
    return ours.filter(pk__in=BrandMapping.objects.filter(brand=place.brand).values("connection"))


def seen_by(queryset: QuerySet[Row], place: Place) -> QuerySet[Row]:
    """The rows of a mirrored table that the place sees, without those that are no longer in the WMS.

    A brand sees the rows of the customers it is mapped to and everything of a connection it is mapped to as a whole,
    which alone includes rows without a customer.
    """
    here = queryset.filter(connection__in=connections(place), removed_at=None)
    model = queryset.model
    if place.brand is None or issubclass(model, SHARED):
        return here
    if issubclass(model, OrderShipment):
        orders = Order.objects.filter(connection=OuterRef("connection"), external_id=OuterRef("order_id"))
        return here.filter(Exists(seen_by(orders, place)))
    customer = "external_id" if issubclass(model, Customer) else "warehouse_customer_id"
    allowed = Q(pk__in=())
    for connection, customer_id in BrandMapping.objects.filter(brand=place.brand).values_list(
        "connection", "customer_id"
    ):
        allowed |= Q(connection=connection, **{customer: customer_id}) if customer_id else Q(connection=connection)
    return here.filter(allowed)
