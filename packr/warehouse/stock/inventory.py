"""What the mirror knows of some SKUs, read anew in the WMS where it is too old."""

from collections import defaultdict
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

CAUSE = Cause(CauseKind.POINT_REFRESH, text="A stock check read it in the WMS")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line as a person or an order asks for it."""

    sku: str
    quantity: Decimal
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The lines by their parts, the units of those, and how old that knowledge is."""

    needs: tuple[Need, ...]
    units: Mapping[str, Units]
    names: Mapping[str, str]
    as_of: datetime | None
    was_read: bool
    is_old: bool
    trouble: str


def read(
    connection: Connection, lines: Sequence[Wanted], *, customer: str | None, live: bool | None, moment: datetime
) -> Found:
    """Everything a check needs; asks the WMS when `live`, or, when that is None, where the numbers are too old."""
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
    levels = {level.warehouse_id for one in items for level in one.levels.all()}
    return Found(
        needs=tuple(_need(line, products, items) for line in lines),
        units=_counted(items),
        names=_names(connection, levels),
        as_of=age.as_of if connection.connector.is_copy or read_at is None else _later(age.as_of, read_at, age),
        was_read=was_read or (read_at is not None and read_at != age.read_at),
        is_old=is_old,
        trouble=trouble,
    )


def _later(as_of: datetime | None, read_at: datetime, age: data_age.Age) -> datetime | None:
    """What people see as the age: a reading of these very items counts for more than that of all of them."""
    return as_of if read_at == age.read_at else read_at


def _read_at(connection: Connection, items: Sequence[InventoryItem], age: data_age.Age) -> datetime | None:
    """Up to when all of these items were read: by the last sync, or since then by themselves."""
    noted = data_age.noted(connection, [one.external_id for one in items])
    known = [max(filter(None, [noted.get(one.external_id), age.read_at]), default=None) for one in items]
    return None if None in known else min(filter(None, known), default=age.read_at)


def _read_live(connection: Connection, ids: Sequence[str]) -> str:
    """Read these items in the WMS and update the mirror with them; why that was not possible, or nothing."""
    trouble = live_lookup.unavailable_reason(connection, Entity.INVENTORY)
    if trouble:
        return trouble
    resource = connection.connector.resources[Entity.INVENTORY]
    asked = now()
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
                    policy=WritePolicy.recheck(asked),
                    cause=CAUSE,
                )
    except ConnectorError as error:
        return live_lookup.failure_message(connection, error)
    data_age.note(connection, ids, asked)
    return ""


def _products(connection: Connection, lines: Sequence[Wanted], customer: str | None) -> dict[str, Product]:
    """The products that lines name, by SKU; for an order that exists also by the product's id, before its SKU."""
    rows = Product.objects.present().filter(connection=connection, sku__folded__in=_folded(lines))
    if customer:
        rows = rows.filter(warehouse_customer_id=customer)
    found = {row.sku: row for row in rows.order_by("-pk") if row.sku}
    ids = {line.product_id for line in lines if line.product_id}
    if ids:
        named = Product.objects.present().filter(connection=connection, external_id__in=ids)
        found |= {row.external_id: row for row in named}
    return found


def _product(line: Wanted, products: Mapping[str, Product]) -> Product | None:
    return products.get(line.product_id or "") or products.get(line.sku)


def _items(
    connection: Connection, lines: Sequence[Wanted], products: Mapping[str, Product], customer: str | None
) -> list[InventoryItem]:
    """The inventory items that the lines consist of, each with its levels."""
    ids = {part.item_id for product in products.values() for part in _parts(product)}
    rows = InventoryItem.objects.present().filter(connection=connection).prefetch_related("levels")
    found = {row.external_id: row for row in rows.filter(external_id__in=ids)} if ids else {}
    bare = [line for line in lines if not _known(_product(line, products), found)]
    if bare:
        own: Any = rows.filter(sku__folded__in=_folded(bare))
        if customer:
            own = own.filter(warehouse_customer_id=customer)
        found |= {row.external_id: row for row in own.order_by("pk") if row.sku in {line.sku for line in bare}}
    return list(found.values())


def _known(product: Product | None, items: Mapping[str, InventoryItem]) -> bool:
    parts = _parts(product) if product else ()
    return bool(parts) and all(part.item_id in items for part in parts)


def _parts(product: Product) -> tuple[Part, ...]:
    """What one unit of a product takes from the shelf; for a kit, several items or several of one."""
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
    if product and _known(product, {one.external_id: one for one in items}):
        return Need(line.sku, line.quantity, _parts(product))
    same: dict[str, list[InventoryItem]] = defaultdict(list)
    for one in items:
        same[one.sku or ""].append(one)
    return Need(line.sku, line.quantity, tuple(Part(one.external_id, line.sku) for one in same[line.sku][:1]))


def _counted(items: Sequence[InventoryItem]) -> dict[str, Units]:
    """The units of each item, by what a person says of them where somebody does."""
    said = overrides.current(Entity.INVENTORY, items)
    return {
        one.external_id: _units(one, {name: Decimal(it.value) for name, it in said.get(one.pk, {}).items()})
        for one in items
    }


def _units(item: InventoryItem, said: Mapping[str, Decimal]) -> Units:
    levels = list(item.levels.all())
    onhand = said.get("onhand", item.onhand)
    # What a person counted on the shelf says how many are available, unless they say that too.
    fulfillable = said.get("fulfillable", None if "onhand" in said else item.fulfillable)
    free = available(fulfillable, onhand, item.committed)
    by_warehouse = {one.warehouse_id: available(one.fulfillable, one.onhand, one.committed) for one in levels}
    onhand_by_warehouse = {one.warehouse_id: one.onhand or Decimal(0) for one in levels}
    if said and len(levels) == 1:
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
        is_overridden=bool(said),
    )


def _names(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    rows = Warehouse.objects.filter(connection=connection, external_id__in=set(ids))
    return {external_id: name or external_id for external_id, name in rows.values_list("external_id", "name")}


def _folded(lines: Iterable[Wanted]) -> set[str]:
    """SKUs as the index has them; only A to Z are folded there."""
    return {"".join(sign.lower() if sign.isascii() else sign for sign in line.sku) for line in lines}
