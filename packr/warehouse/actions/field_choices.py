"""What the inputs of an action's form offer to choose from: what the mirror has of the same account."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from integrations.connectors.actions import Field
from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.request_context import RequestContext

from ..mirror.schema import TABLES
from ..models import Mirrored, Product
from ..visibility import seen_by
from .forms import Choice

# So many can be looked through in a list; of SKUs, typing finds the others.
MOST = 200


def choices(connection: Connection, here: RequestContext, fields: Sequence[Field]) -> dict[str, list[Choice]]:
    """The choices of every kind of field that is chosen from the mirror, one statement a kind."""
    wanted = {kind for kind in _kinds(fields) if kind in SOURCES}
    return {kind: SOURCES[kind](connection, here) for kind in wanted}


def skus(connection: Connection, here: RequestContext, beginning: str = "") -> list[Choice]:
    """The account's SKUs that begin like this, without regard to A-Z and a-z, with the products' names."""
    rows = seen_by(Product.objects.filter(connection=connection), here).exclude(sku=None)
    if beginning:
        rows = rows.filter(sku__istartswith=beginning)
    found = rows.order_by("sku", "pk").values_list("sku", "name")[:MOST]
    return [Choice(sku or "", name or "") for sku, name in found]


def _kinds(fields: Sequence[Field]) -> Iterator[str]:
    for one in fields:
        yield one.kind
        yield from _kinds(one.fields)


def _named(entity: Entity, *parts: str) -> Callable[[Connection, RequestContext], list[Choice]]:
    """Records of an entity by their names; none where it is not mirrored."""

    def found(connection: Connection, here: RequestContext) -> list[Choice]:
        table = TABLES.get(entity)
        if table is None:
            return []
        rows = seen_by(table.model._default_manager.filter(connection=connection), here)
        return [Choice(row.external_id, _name(row, parts)) for row in rows.order_by(parts[-1], "pk")[:MOST]]

    return found


def _name(row: Mirrored, parts: Sequence[str]) -> str:
    words: list[Any] = [getattr(row, part) for part in parts]
    return " ".join(str(word) for word in words if word) or row.external_id


SOURCES: Mapping[str, Callable[[Connection, RequestContext], list[Choice]]] = {
    "warehouse": _named(Entity.WAREHOUSES, "name"),
    "shipping-method": _named(Entity.SHIPPING_METHODS, "carrier_name", "name"),
    "customer": _named(Entity.CUSTOMERS, "name"),
    "supplier": _named(Entity.SUPPLIERS, "name"),
    "location": _named(Entity.WAREHOUSE_LOCATIONS, "name"),
    "sku": skus,
}
