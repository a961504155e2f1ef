"""Which rows of the mirror a request may see: those of its workspace and, within it, of its brand.

A brand sees the rows of the customers it is mapped to, and every row of a connection it is mapped to as a whole. Rows
without a customer are visible only through such a whole mapping.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from integrations.models import BrandMapping, Connection
from packr.workspaces.request_context import RequestContext

from .models import Customer, Order, OrderShipment, ShippingMethod, Warehouse, WarehouseLocation

Row = TypeVar("Row", bound=Model)

# Rows of these models belong to no customer. Every brand that is mapped to the connection sees them.
SHARED = (Warehouse, WarehouseLocation, ShippingMethod)
CUSTOMER = "warehouse_customer_id"
# A brand with more customers at one connection sees so much of it that reading each customer by index is no faster.
MAX_CUSTOMERS_READ_APART = 10


@dataclass(frozen=True, slots=True)
class VisibilityScope:
    """The rows of one connection that are visible: of these customers or, without any, of all."""

    connection: int
    customers: tuple[str, ...] = ()

    def condition(self, model: type[Model], *, removed: bool = False) -> Q:
        """Return the condition for the scope's rows of a mirrored table.

        `removed`: an order shipment is visible even if its order was removed.
        """
        inside = Q(connection=self.connection)
        if not self.customers or issubclass(model, SHARED):
            return inside
        if issubclass(model, OrderShipment):
            orders = Order.objects.filter(self.condition(Order), external_id=OuterRef("order_id"))
            return inside & Q(Exists(orders if removed else orders.present()))
        customer = "external_id" if issubclass(model, Customer) else CUSTOMER
        if len(self.customers) == 1:
            return inside & Q(**{customer: self.customers[0]})
        return inside & Q(**{f"{customer}__in": self.customers})


def seen_by(queryset: QuerySet[Row], context: RequestContext, *, removed: bool = False) -> QuerySet[Row]:
    """Return the visible rows of a mirrored table; with `removed`, also those that are no longer in the WMS."""
    rows = queryset.filter(visible(queryset.model, context, removed=removed))
    return rows if removed else rows.filter(removed_at=None)


def visible(model: type[Model], context: RequestContext, *, removed: bool = False) -> Q:
    """Return the condition for the rows of a mirrored table that the request may see."""
    limited = [] if issubclass(model, SHARED) else [scope for scope in _scopes(context) if scope.customers]
    condition = Q(connection__in=[scope.connection for scope in _scopes(context) if scope not in limited])
    for scope in limited:
        condition |= scope.condition(model, removed=removed)
    return condition


def split_scopes(context: RequestContext, model: type[Model]) -> list[VisibilityScope]:
    """Return scopes that together hold all visible rows of a table, each of which one index reads in a list's order."""
    split: list[VisibilityScope] = []
    for scope in _scopes(context):
        if issubclass(model, SHARED) or not scope.customers or len(scope.customers) > MAX_CUSTOMERS_READ_APART:
            split.append(scope)
        else:
            split += [VisibilityScope(scope.connection, (customer,)) for customer in scope.customers]
    return split


def connections(context: RequestContext) -> QuerySet[Connection]:
    """Return the visible connections: the workspace's or, of those, the ones its brand is mapped to."""
    ours = Connection.objects.filter(workspace=context.workspace)
    if context.brand is None:
        return ours
    return ours.filter(pk__in=BrandMapping.objects.filter(brand=context.brand).values("connection"))


def known_connections(context: RequestContext) -> list[Connection]:
    """Return the visible connections by name, read once per request."""
    return list(_customers_by_connection(context))


def _scopes(context: RequestContext) -> list[VisibilityScope]:
    return [
        VisibilityScope(connection.pk, customers) for connection, customers in _customers_by_connection(context).items()
    ]


def _customers_by_connection(context: RequestContext) -> dict[Connection, tuple[str, ...]]:
    """Return the visible customers of each visible connection, by the connection's name. No customers: all rows."""
    return context.shared(_load_customers)


def _load_customers(context: RequestContext) -> dict[Connection, tuple[str, ...]]:
    if context.brand is None:
        return dict.fromkeys(context.workspace.connections.order_by("name"), ())
    mappings = BrandMapping.objects.filter(brand=context.brand, connection__workspace=context.workspace)
    customers: dict[Connection, set[str]] = defaultdict(set)
    for mapping in mappings.select_related("connection__workspace").order_by("connection__name"):
        customers[mapping.connection].add(mapping.customer_id)
    return {connection: () if "" in ids else tuple(sorted(ids)) for connection, ids in customers.items()}
