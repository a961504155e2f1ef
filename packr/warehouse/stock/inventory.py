"""Stock of some SKUs from the mirror, read again from the WMS if it is too old."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.errors import ConnectorError
from integrations.models import Connection

from .. import live_lookup, overrides
from ..mirror import writer
from ..mirror.write_plan import WritePolicy
from ..models import InventoryItem, Product, Warehouse
from ..models.change_causes import Cause, CauseKind
from . import data_age
from .allocation import Need, Part, Units, available

CAUSE = Cause(CauseKind.POINT_REFRESH, text="A stock check read it from the WMS")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line of an order, or of a request."""

    sku: str
    quantity: Decimal
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stock:
    """The lines with their parts, the units of those parts, and the age of the numbers.

    `was_read`: they were read live; `is_old`: they are older than the inventory's cadence allows, and `trouble` says
    why they could not be read.
    """

    needs: tuple[Need, ...]
    units: Mapping[str, Units]
    warehouse_names: Mapping[str, str]
    as_of: datetime | None
    was_read: bool
    is_old: bool
    trouble: str


def load_stock(
    connection: Connection, lines: Sequence[Wanted], *, customer: str | None, live: bool | None, moment: datetime
) -> Stock:
    """Return the stock of the lines. Reads it from the WMS if `live`, or, if `live` is None, when it is too old."""
    products = _products(connection, lines, customer)
    items = _items(connection, lines, products, customer)
    age = data_age.age(connection, Entity.INVENTORY)
    read_at = _read_at(connection, items, age)
    is_old = bool(items) and (read_at is None or moment - read_at > age.good_for)
    trouble, was_read = "", False
    if items and (live or (live is None and is_old)):
        trouble = _read_live(connection, [one.external_id for one in items])
        was_read = not trouble
        if was_read:
            items = _items(connection, lines, products, customer)
            read_at, is_old = moment, False
    # A reading of these items is newer than the last sync, unless the WMS's API is a copy.
    is_own_reading = read_at is not None and read_at != age.read_at
    return Stock(
        needs=tuple(_need(line, products, items) for line in lines),
        units=_units_by_item(items),
        warehouse_names=_names(connection, {level.warehouse_id for one in items for level in one.levels.all()}),
        as_of=read_at if is_own_reading and not connection.connector.is_copy else age.as_of,
        was_read=was_read or is_own_reading,
        is_old=is_old,
        trouble=trouble,
    )


def _read_at(connection: Connection, items: Sequence[InventoryItem], age: data_age.Age) -> datetime | None:
    """Return when the item with the oldest numbers was read, by a sync or live; None if any was never read."""
    live = data_age.live_reads(connection, [one.external_id for one in items])
    known = [max(filter(None, [live.get(one.external_id), age.read_at]), default=None) for one in items]
    return None if None in known else min(filter(None, known), default=age.read_at)


def _read_live(connection: Connection, ids: Sequence[str]) -> str:
    """Read these items from the WMS into the mirror. Return why that failed, or ""."""
    reason = live_lookup.unavailable_reason(connection, Entity.INVENTORY)
    if reason:
        return reason
    resource = connection.connector.resources[Entity.INVENTORY]
    requested_at = now()
    try:
        for start in range(0, len(ids), resource.lookup_size):
            page = live_lookup.read_live(connection, resource, ids[start : start + resource.lookup_size])
            with transaction.atomic():
                writer.apply(
                    connection.pk,
                    Entity.INVENTORY,
                    page.records,
                    now=now(),
                    clock=page.clock,
                    policy=WritePolicy.recheck(requested_at),
                    cause=CAUSE,
                )
    except ConnectorError as error:
        return live_lookup.failure_message(connection, error)
    data_age.remember_live_read(connection, ids, requested_at)
    return ""


def _products(connection: Connection, lines: Sequence[Wanted], customer: str | None) -> dict[str, Product]:
    """Return the products of the lines by SKU, and by product id for lines that have one."""
    rows = Product.objects.present().filter(connection=connection, sku__folded__in=_folded(lines))
    if customer:
        rows = rows.filter(warehouse_customer_id=customer)
    found = {row.sku: row for row in rows.order_by("-pk") if row.sku}
    ids = {line.product_id for line in lines if line.product_id}
    if ids:
        by_id = Product.objects.present().filter(connection=connection, external_id__in=ids)
        found |= {row.external_id: row for row in by_id}
    return found


def _product(line: Wanted, products: Mapping[str, Product]) -> Product | None:
    return products.get(line.product_id or "") or products.get(line.sku)


def _items(
    connection: Connection, lines: Sequence[Wanted], products: Mapping[str, Product], customer: str | None
) -> list[InventoryItem]:
    """Return the inventory items of the lines, each with its levels."""
    ids = {part.item_id for product in products.values() for part in _parts(product)}
    rows = InventoryItem.objects.present().filter(connection=connection).prefetch_related("levels")
    found = {row.external_id: row for row in rows.filter(external_id__in=ids)} if ids else {}
    without_product = [line for line in lines if not _is_known(_product(line, products), found)]
    if without_product:
        by_sku: Any = rows.filter(sku__folded__in=_folded(without_product))
        if customer:
            by_sku = by_sku.filter(warehouse_customer_id=customer)
        skus = {line.sku for line in without_product}
        found |= {row.external_id: row for row in by_sku.order_by("pk") if row.sku in skus}
    return list(found.values())


def _is_known(product: Product | None, items: Mapping[str, InventoryItem]) -> bool:
    parts = _parts(product) if product else ()
    return bool(parts) and all(part.item_id in items for part in parts)


def _parts(product: Product) -> tuple[Part, ...]:
    """Return the inventory items in one unit of a product; a kit has several items or several of one."""
    counted: dict[str, Part] = {}
    for one in product.record.get("inventory_items") or ():
        item_id = one.get("inventory_item_id")
        if item_id:
            before = counted[item_id].per_unit if item_id in counted else Decimal(0)
            per_unit = before + Decimal(one.get("unit_quantity") or 1)
            counted[item_id] = Part(item_id, one.get("sku") or product.sku or "", per_unit)
    return tuple(counted.values())


def _need(line: Wanted, products: Mapping[str, Product], items: Sequence[InventoryItem]) -> Need:
    product = _product(line, products)
    if product and _is_known(product, {one.external_id: one for one in items}):
        return Need(line.sku, line.quantity, _parts(product))
    same_sku = [one for one in items if (one.sku or "") == line.sku]
    return Need(line.sku, line.quantity, tuple(Part(one.external_id, line.sku) for one in same_sku[:1]))


def _units_by_item(items: Sequence[InventoryItem]) -> dict[str, Units]:
    """Return the units of each item, with overridden values."""
    active = overrides.current(Entity.INVENTORY, items)
    return {
        one.external_id: _units(one, {name: Decimal(it.value) for name, it in active.get(one.pk, {}).items()})
        for one in items
    }


def _units(item: InventoryItem, overridden: Mapping[str, Decimal]) -> Units:
    levels = list(item.levels.all())
    onhand = overridden.get("onhand", item.onhand)
    # An overridden count on hand also determines the available units, unless those are overridden too.
    fulfillable = overridden.get("fulfillable", None if "onhand" in overridden else item.fulfillable)
    free = available(fulfillable, onhand, item.committed)
    by_warehouse = {one.warehouse_id: available(one.fulfillable, one.onhand, one.committed) for one in levels}
    onhand_by_warehouse = {one.warehouse_id: one.onhand or Decimal(0) for one in levels}
    if overridden and len(levels) == 1:
        by_warehouse = dict.fromkeys(by_warehouse, free)
        onhand_by_warehouse = dict.fromkeys(onhand_by_warehouse, onhand or Decimal(0))
    return Units(
        sku=item.sku or "",
        name=item.name or "",
        onhand=onhand,
        allocated=item.committed,
        available=free,
        by_warehouse=by_warehouse,
        onhand_by_warehouse=onhand_by_warehouse,
        is_overridden=bool(overridden),
    )


def _names(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    rows = Warehouse.objects.filter(connection=connection, external_id__in=set(ids))
    return {external_id: name or external_id for external_id, name in rows.values_list("external_id", "name")}


def _folded(lines: Iterable[Wanted]) -> set[str]:
    """Return the SKUs as the index folds them: only A to Z become lower case."""
    return {"".join(sign.lower() if sign.isascii() else sign for sign in line.sku) for line in lines}
