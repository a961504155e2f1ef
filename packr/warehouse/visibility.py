"""Which rows of the mirror a place sees: those of its workspace, and of the brand that is looked at."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from integrations.models import BrandMapping, Connection
from packr.workspaces.request_context import RequestContext

from .models import Customer, Mirrored, Order, OrderShipment, ShippingMethod, Warehouse, WarehouseLocation

Row = TypeVar("Row", bound=Model)

# What belongs to no customer in particular shows to every brand that is mapped to the connection.
SHARED = (Warehouse, WarehouseLocation, ShippingMethod)
CUSTOMER = "warehouse_customer_id"
# A brand with more customers than this at one connection sees so much of it that looking for each is no gain.
FEW_CUSTOMERS = 10


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts of which all that a place sees is made; no row is in two of them. No customers: all rows."""

    connection: int
    customers: tuple[str, ...] = ()

    def of(self, model: type[Mirrored]) -> QuerySet[Mirrored]:
        """The part's rows of a mirrored table that are still in the WMS."""
        rows = model._default_manager.filter(connection=self.connection, removed_at=None)
        return rows.filter(self.sees(model))

    def sees(self, model: type[Mirrored]) -> Q:
        """Which of its connection's rows the part has."""
        if not self.customers or issubclass(model, SHARED):
            return Q()
        if issubclass(model, OrderShipment):
            orders = Order.objects.filter(connection=self.connection, external_id=OuterRef("order_id"), removed_at=None)
            return Q(Exists(orders.filter(self.sees(Order))))
        customer = "external_id" if issubclass(model, Customer) else CUSTOMER
        if len(self.customers) == 1:
            return Q(**{customer: self.customers[0]})
        return Q(**{f"{customer}__in": self.customers})


def connections(place: RequestContext) -> QuerySet[Connection]:
    """The workspace's connections, of which a brand sees those it is mapped to."""
    ours = Connection.objects.filter(workspace=place.workspace)
    if place.brand is None:
        return ours
    return ours.filter(pk__in=BrandMapping.objects.filter(brand=place.brand).values("connection"))


def known_connections(place: RequestContext) -> list[Connection]:
    """Return the visible connections by name, read once per request."""
    return [connection for connection, _ in _mapped(place)]


def parts(place: RequestContext, model: type[Mirrored] = Order) -> list[Part]:
    """The parts of which all that the place sees of a mirrored table is made."""
    found = []
    shared = issubclass(model, SHARED)
    for connection, customers in _mapped(place):
        if shared or not customers or len(customers) > FEW_CUSTOMERS:
            found.append(Part(connection.pk, customers))
        else:
            found += [Part(connection.pk, (customer,)) for customer in customers]
    return found


def _mapped(place: RequestContext) -> list[tuple[Connection, tuple[str, ...]]]:
    """Return each visible connection, by name, with the customers visible there; no customers: all of them."""
    return place.shared(_load_mapped)


def _load_mapped(place: RequestContext) -> list[tuple[Connection, tuple[str, ...]]]:
    if place.brand is None:
        return [(connection, ()) for connection in place.workspace.connections.order_by("name")]
    mappings = BrandMapping.objects.filter(brand=place.brand, connection__workspace=place.workspace)
    seen: dict[Connection, set[str]] = defaultdict(set)
    for mapping in mappings.select_related("connection__workspace").order_by("connection__name"):
        seen[mapping.connection].add(mapping.customer_id)
    return [(connection, () if "" in customers else tuple(sorted(customers))) for connection, customers in seen.items()]


def seen_by(queryset: QuerySet[Row], place: RequestContext, *, removed: bool = False) -> QuerySet[Row]:
    """The rows of a mirrored table that the place sees, without those `removed` from the WMS unless these count too.

    A brand sees the rows of the customers it is mapped to and everything of a connection it is mapped to as a whole,
    which alone includes rows without a customer.
    """
    here = queryset.filter(connection__in=connections(place))
    here = here if removed else here.filter(removed_at=None)
    model = queryset.model
    if place.brand is None or issubclass(model, SHARED):
        return here
    if issubclass(model, OrderShipment):
        orders = Order.objects.filter(connection=OuterRef("connection"), external_id=OuterRef("order_id"))
        return here.filter(Exists(seen_by(orders, place, removed=removed)))
    customer = "external_id" if issubclass(model, Customer) else CUSTOMER
    allowed = Q(pk__in=())
    for connection, customers in _mapped(place):
        mine = Q(connection=connection)
        allowed |= mine & Q(**{f"{customer}__in": customers}) if customers else mine
    return here.filter(allowed)
