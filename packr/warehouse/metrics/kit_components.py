"""Which SKUs go with which product, kept as rows: so a sale of a kit is found by its parts."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.models import Connection

from ..models import KitPart

# What `renew` has to know of a product beside its key and its SKU.
FIELDS = ("record__inventory_items", "removed_at")


def renew(connection: Connection, products: Sequence[tuple[Any, ...]]) -> set[str]:
    """Keep the parts of products, given as (key, SKU, `FIELDS`), anew; returns the SKUs that are or were parts."""
    stored = KitPart.objects.filter(product__in=[pk for pk, *_ in products])
    before = {(product, sku, units) for product, sku, units in stored.values_list("product", "sku", "units")}
    now = {
        (pk, sku, units)
        for pk, own, parts, removed_at in products
        if own and removed_at is None
        for sku, units in _parts(own, parts)
    }
    if now != before:
        stored.delete()
        KitPart.objects.bulk_create(
            [KitPart(connection=connection, product_id=pk, sku=sku, units=units) for pk, sku, units in sorted(now)]
        )
    return {sku for _, sku, _ in before | now}


def _parts(own: str, parts: list[Mapping[str, Any]] | None) -> Iterator[tuple[str, Decimal]]:
    """The other SKUs that go with one unit, and how many units of each."""
    units: dict[str, Decimal] = {}
    for part in parts or ():
        sku = part.get("sku")
        if sku and sku != own:
            units[sku] = units.get(sku, Decimal(0)) + _number(part.get("unit_quantity"))
    yield from units.items()


def _number(text: str | None) -> Decimal:
    try:
        return Decimal(text or 1).quantize(Decimal("0.000001"))
    except InvalidOperation:
        return Decimal(1)
