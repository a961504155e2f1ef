"""Whether what lies on the shelves is enough: pure arithmetic, without the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

Shelf = Mapping[str, Decimal]  # units by inventory item
NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Part:
    """An inventory item that a line consists of, and how many units of it one of the line takes."""

    item_id: str
    sku: str
    per_unit: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Need:
    """One line that is asked for. Without parts nothing is known of its SKU."""

    sku: str
    quantity: Decimal
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Units:
    """What is known of an inventory item: on hand, allocated, and available for new orders, also by warehouse.

    `is_overridden`: a person put a number of their own over the WMS's.
    """

    sku: str
    name: str
    onhand: Decimal | None
    allocated: Decimal | None
    available: Decimal
    by_warehouse: Mapping[str, Decimal] = field(default_factory=dict)
    onhand_by_warehouse: Mapping[str, Decimal] = field(default_factory=dict)
    is_overridden: bool = False


def available(fulfillable: Decimal | None, onhand: Decimal | None, allocated: Decimal | None) -> Decimal:
    """Units for new orders: the WMS's own figure, else what is on hand and allocated to nobody."""
    if fulfillable is not None:
        return max(fulfillable, NONE)
    return max((onhand or NONE) - (allocated or NONE), NONE)


def fill(needs: Sequence[Need], shelf: Shelf) -> list[Decimal]:
    """How much of each line a shelf can fill, the first line served first; a kit only whole."""
    left = dict(shelf)
    filled = []
    for need in needs:
        amount = min(need.quantity, _most(need, left))
        for part in need.parts:
            left[part.item_id] = left.get(part.item_id, NONE) - amount * part.per_unit
        filled.append(amount)
    return filled


def _most(need: Need, left: Shelf) -> Decimal:
    """How many of a line's units the shelf has the parts for."""
    if not need.parts:
        return NONE
    return max(min(_times(left.get(part.item_id, NONE), part.per_unit) for part in need.parts), NONE)


def _times(units: Decimal, per_unit: Decimal) -> Decimal:
    return units if per_unit == 1 else units // per_unit if per_unit else units


def offered(needs: Sequence[Need], shelf: Shelf) -> list[Decimal]:
    """How much of each line there would be if nothing limited it to what is asked, the lines before it served."""
    left = dict(shelf)
    found = []
    for need in needs:
        most = _most(need, left)
        found.append(most)
        for part in need.parts:
            left[part.item_id] = left.get(part.item_id, NONE) - min(need.quantity, most) * part.per_unit
    return found


def complete(needs: Sequence[Need], shelf: Shelf) -> bool:
    """Whether a shelf can fill every line."""
    return fill(needs, shelf) == [need.quantity for need in needs]


def split(needs: Sequence[Need], shelves: Mapping[str, Shelf]) -> dict[str, list[Decimal]]:
    """What each warehouse would send of each line, with few parcels; empty when they can't fill all of it together.

    The warehouse that can fill most goes first. A kit is never packed from two warehouses.
    """
    order = sorted(shelves, key=lambda one: (-sum(fill(needs, shelves[one]), NONE), one))
    left, parcels = list(needs), {}
    for warehouse in order:
        sent = fill(left, shelves[warehouse])
        if any(sent):
            parcels[warehouse] = sent
            left = [Need(need.sku, need.quantity - amount, need.parts) for need, amount in zip(left, sent, strict=True)]
    return {} if any(need.quantity for need in left) else parcels


def shelves(units: Iterable[tuple[str, Units]], *, onhand: bool = False) -> dict[str, dict[str, Decimal]]:
    """What is available (or on hand) in each warehouse, by inventory item."""
    found: dict[str, dict[str, Decimal]] = {}
    for item_id, one in units:
        for warehouse, count in (one.onhand_by_warehouse if onhand else one.by_warehouse).items():
            found.setdefault(warehouse, {})[item_id] = count
    return found
