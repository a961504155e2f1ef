"""The SKUs that changes touch, in order and in portions.

A record that changed touches the SKUs it has now. Those it had before are in its history: a line that went, another
SKU of the same item.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet

from integrations.entities import Entity
from integrations.models import Connection

from ..models import InboundShipment, InventoryItem, KitPart, Order, Product, RecordChange, SkuMetrics
from . import dialect
from .sources import present_of_sku

# Where the SKUs of an entity's records are.
PATHS: dict[Entity, tuple[Any, str]] = {
    Entity.ORDERS: (Order, "lines__sku"),
    Entity.INVENTORY: (InventoryItem, "sku"),
    Entity.PRODUCTS: (Product, "sku"),
    Entity.INBOUND_SHIPMENTS: (InboundShipment, "lines__sku"),
}
# The names in a history that name a SKU: as the part, or as the value.
AS_PART = ("quantity", "expected_quantity", "received_quantity", "unit_quantity")
AS_VALUE = "sku"


def changed(connection: Connection, entity: Entity, since: int) -> "QuerySet[Any, Any]":
    """The rows of an entity that changed after this change."""
    model, _ = PATHS[entity]
    rows: QuerySet[Any, Any] = model._default_manager.filter(connection=connection, change_no__gt=since)
    return rows


def by_change(
    connection: Connection, entity: Entity, since: int, after: list[int] | None, limit: int, *fields: str
) -> tuple[list[tuple[Any, ...]], list[int] | None]:
    """(key, SKU, further `fields`) of the next changed records, by change and row; and where the last one stands.

    None for the end. For records of one SKU each: however many there are, each is looked at once.
    """
    number, row_id = after or (since, 0)
    model, path = PATHS[entity]
    rows = model._default_manager.filter(connection=connection, change_no__gte=number)
    next_ = Q(change_no__gt=number) | Q(change_no=number, pk__gt=row_id) if after else Q(change_no__gt=since)
    rows = rows.filter(next_).order_by("change_no", "pk")
    found = list(rows.values_list("change_no", "pk", path, *fields)[: limit + 1])
    last = list(found[limit - 1][:2]) if len(found) > limit else None
    return [row[1:] for row in found[:limit]], last


def present(connection: Connection, entity: Entity, since: int, after: str, limit: int) -> tuple[list[str], str | None]:
    """The next SKUs, after this one, that the changed records have; and the last of them, None for the end.

    For records with lines: however many lines have a SKU, it comes once.
    """
    _, path = PATHS[entity]
    skus = changed(connection, entity, since).filter(**{f"{path}__gt": after}).order_by(path)
    return _some(skus.values_list(path, flat=True).distinct(), limit)


def former(connection: Connection, entity: Entity, since: int, after: int, limit: int) -> tuple[set[str], int | None]:
    """The SKUs that records had before, by the next entries of their history; and the last entry, None for the end."""
    entries = RecordChange.objects.filter(connection=connection, entity=entity.value, change_no__gt=since, pk__gt=after)
    found = list(entries.order_by("pk").values_list("pk", "fields")[: limit + 1])
    skus = {sku for _, fields in found[:limit] for sku in _named(fields)}
    return skus, found[limit - 1][0] if len(found) > limit else None


def _named(fields: Iterable[list[Any]]) -> Iterable[str]:
    for name, part, old, new in fields:
        if name == AS_VALUE and not part and old:
            yield old
        elif name in AS_PART and part and new is None:
            yield part
            yield part.rpartition(" (")[0]  # where it is the second line of its SKU


def of_earlier_days(connection: Connection, day: date, after: str, limit: int) -> tuple[list[str], str | None]:
    """The next SKUs whose metrics are of an earlier day; and the last of them, None for the end."""
    rows = SkuMetrics.objects.filter(connection=connection, sku__gt=after).exclude(day=day)
    return _some(rows.order_by("sku").values_list("sku", flat=True).distinct(), limit)


def _some(skus: "QuerySet[Any, Any]", limit: int) -> tuple[list[str], str | None]:
    found = list(skus[: limit + 1])
    return found[:limit], found[limit - 1] if len(found) > limit else None


def with_parts(connection: Connection, skus: Iterable[str]) -> set[str]:
    """The SKUs, and those that go with them: what sells a kit sells its parts."""
    wanted = set(skus)
    if not wanted:
        return wanted
    parts = {"kit": (Product, present_of_sku("kit", "asked")), "part": (KitPart, "part.product_id = kit.id")}
    statement = f"""
        WITH asked (sku) AS ({dialect.listed("%(skus)s")})
        SELECT DISTINCT part.sku FROM asked CROSS JOIN {dialect.join_in_order(parts)}"""
    return wanted | {
        sku for (sku,) in dialect.select(statement, {"connection": connection.pk, "skus": dialect.as_list(wanted)})
    }
