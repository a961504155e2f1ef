"""Choices for the inputs of an action's form: records of the same account in the mirror."""

from collections.abc import Iterator, Mapping, Sequence

from integrations.connectors.actions import Field
from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.request_context import RequestContext

from ..mirror.schema import TABLES
from ..models import Product
from ..visibility import seen_by
from .forms import Choice

MAX_CHOICES = 200  # in a list; for SKUs, typing finds the others
# The entity of each kind of field, and the columns that name its records.
NAMED_RECORDS: Mapping[str, tuple[Entity, tuple[str, ...]]] = {
    "warehouse": (Entity.WAREHOUSES, ("name",)),
    "shipping-method": (Entity.SHIPPING_METHODS, ("carrier_name", "name")),
    "customer": (Entity.CUSTOMERS, ("name",)),
    "supplier": (Entity.SUPPLIERS, ("name",)),
    "location": (Entity.WAREHOUSE_LOCATIONS, ("name",)),
}


def choices(connection: Connection, context: RequestContext, fields: Sequence[Field]) -> dict[str, list[Choice]]:
    """Return the choices by kind of field, one query a kind."""
    kinds = set(_kinds(fields))
    found = {kind: _named_records(connection, context, kind) for kind in NAMED_RECORDS if kind in kinds}
    return found | {"sku": skus(connection, context)} if "sku" in kinds else found


def skus(connection: Connection, context: RequestContext, prefix: str = "") -> list[Choice]:
    """Return the account's SKUs with a prefix (A-Z and a-z are the same), labelled with the products' names."""
    rows = seen_by(Product.objects.filter(connection=connection), context).exclude(sku=None)
    if prefix:
        rows = rows.filter(sku__istartswith=prefix)
    found = rows.order_by("sku", "pk").values_list("sku", "name")[:MAX_CHOICES]
    return [Choice(sku or "", name or "") for sku, name in found]


def _kinds(fields: Sequence[Field]) -> Iterator[str]:
    for one in fields:
        yield one.kind
        yield from _kinds(one.fields)


def _named_records(connection: Connection, context: RequestContext, kind: str) -> list[Choice]:
    entity, columns = NAMED_RECORDS[kind]
    rows = seen_by(TABLES[entity].model._default_manager.filter(connection=connection), context)
    found = rows.order_by(columns[-1], "pk").values_list("external_id", *columns)[:MAX_CHOICES]
    return [Choice(external_id, " ".join(filter(None, names)) or external_id) for external_id, *names in found]
