"""The parts of kits, kept as rows, so that sales of a kit are found by the SKU of a part."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.models import Connection

from ..models import KitPart

# The fields of a product that `replace_parts` needs besides its key and SKU.
PRODUCT_FIELDS = ("record__inventory_items", "removed_at")


def replace_parts(connection: Connection, products: Sequence[tuple[Any, ...]]) -> set[str]:
    """Store the parts of products, given as (key, SKU, PRODUCT_FIELDS). Return the SKUs that are or were parts."""
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
    """Yield the other SKUs that one unit of a product contains, with their units."""
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
