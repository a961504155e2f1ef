"""The SKUs that changes affect, in order and in portions.

A changed record affects the SKUs it has now. SKUs it had before, such as that of a removed line, are in its history.
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

# The model of each entity's records and the path to their SKUs.
PATHS: dict[Entity, tuple[Any, str]] = {
    Entity.ORDERS: (Order, "lines__sku"),
    Entity.INVENTORY: (InventoryItem, "sku"),
    Entity.PRODUCTS: (Product, "sku"),
    Entity.INBOUND_SHIPMENTS: (InboundShipment, "lines__sku"),
}
# Names of history entries whose part is a SKU, and the one whose value is.
SKU_AS_PART = ("quantity", "expected_quantity", "received_quantity", "unit_quantity")
SKU_AS_VALUE = "sku"


def changed_rows(connection: Connection, entity: Entity, since: int) -> "QuerySet[Any, Any]":
    """Return the entity's rows that changed after the change number `since`."""
    model, _ = PATHS[entity]
    rows: QuerySet[Any, Any] = model._default_manager.filter(connection=connection, change_no__gt=since)
    return rows


def skus_by_change(
    connection: Connection, entity: Entity, since: int, after: list[int] | None, limit: int, *fields: str
) -> tuple[list[tuple[Any, ...]], list[int] | None]:
    """Return (key, SKU, `fields`) of the next changed records, and the position of the last; None at the end.

    For entities whose records have one SKU each. `after` is the position to continue after.
    """
    number, row_id = after or (since, 0)
    model, path = PATHS[entity]
    rows = model._default_manager.filter(connection=connection, change_no__gte=number)
    next_ = Q(change_no__gt=number) | Q(change_no=number, pk__gt=row_id) if after else Q(change_no__gt=since)
    rows = rows.filter(next_).order_by("change_no", "pk")
    found = list(rows.values_list("change_no", "pk", path, *fields)[: limit + 1])
    last = list(found[limit - 1][:2]) if len(found) > limit else None
    return [row[1:] for row in found[:limit]], last


def current_skus(
    connection: Connection, entity: Entity, since: int, after: str, limit: int
) -> tuple[list[str], str | None]:
    """Return the next SKUs of the changed records, each once, and the last of them; None at the end.

    For entities whose records have lines. `after` is the SKU to continue after.
    """
    _, path = PATHS[entity]
    skus = changed_rows(connection, entity, since).filter(**{f"{path}__gt": after}).order_by(path)
    return _portion(skus.values_list(path, flat=True).distinct(), limit)


def former_skus(
    connection: Connection, entity: Entity, since: int, after: int, limit: int
) -> tuple[set[str], int | None]:
    """Return the SKUs in the next history entries, which records had before, and the last entry; None at the end."""
    entries = RecordChange.objects.filter(connection=connection, entity=entity.value, change_no__gt=since, pk__gt=after)
    found = list(entries.order_by("pk").values_list("pk", "fields")[: limit + 1])
    skus = {sku for _, fields in found[:limit] for sku in _skus_in(fields)}
    return skus, found[limit - 1][0] if len(found) > limit else None


def _skus_in(fields: Iterable[list[Any]]) -> Iterable[str]:
    for name, part, old, new in fields:
        if name == SKU_AS_VALUE and not part and old:
            yield old
        elif name in SKU_AS_PART and part and new is None:
            yield part
            yield part.rpartition(" (")[0]  # the second line of a SKU has a number


def outdated_skus(connection: Connection, day: date, after: str, limit: int) -> tuple[list[str], str | None]:
    """Return the next SKUs whose metrics are of an earlier day, and the last of them; None at the end."""
    rows = SkuMetrics.objects.filter(connection=connection, sku__gt=after).exclude(day=day)
    return _portion(rows.order_by("sku").values_list("sku", flat=True).distinct(), limit)


def _portion(skus: "QuerySet[Any, Any]", limit: int) -> tuple[list[str], str | None]:
    found = list(skus[: limit + 1])
    return found[:limit], found[limit - 1] if len(found) > limit else None


def add_kit_parts(connection: Connection, skus: Iterable[str]) -> set[str]:
    """Return the SKUs and, for kits among them, the SKUs of their parts, since selling a kit sells its parts."""
    wanted = set(skus)
    if not wanted:
        return wanted
    parts = {"kit": (Product, present_of_sku("kit", "asked")), "part": (KitPart, "part.product_id = kit.id")}
    statement = f"""
        WITH asked (sku) AS ({dialect.select_list("%(skus)s")})
        SELECT DISTINCT part.sku FROM asked CROSS JOIN {dialect.join_in_order(parts)}"""
    return wanted | {
        sku for (sku,) in dialect.select(statement, {"connection": connection.pk, "skus": dialect.encode_list(wanted)})
    }
