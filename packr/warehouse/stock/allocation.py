"""Allocation: whether the units on the shelves are enough. Pure arithmetic without the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

Shelf = Mapping[str, Decimal]  # units by inventory item
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Part:
    """An inventory item of a line, and its units in one unit of the line."""

    item_id: str
    sku: str
    per_unit: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Need:
    """One line of an order. It has no parts if its SKU is unknown."""

    sku: str
    quantity: Decimal
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Units:
    """Units of an inventory item: on hand, allocated, and available for new orders, also by warehouse.

    `is_overridden`: a number is an override instead of the WMS's.
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
    """Return the units for new orders: the WMS's own figure, else the units on hand that are not allocated."""
    if fulfillable is not None:
        return max(fulfillable, ZERO)
    return max((onhand or ZERO) - (allocated or ZERO), ZERO)


def offered(needs: Sequence[Need], shelf: Shelf) -> list[Decimal]:
    """Return how many units of each line the shelf could fill, however many are needed; earlier lines go first."""
    left = dict(shelf)
    found = []
    for need in needs:
        possible = _possible(need, left)
        found.append(possible)
        for part in need.parts:
            left[part.item_id] = left.get(part.item_id, ZERO) - min(need.quantity, possible) * part.per_unit
    return found


def fill(needs: Sequence[Need], shelf: Shelf) -> list[Decimal]:
    """Return how many of the needed units of each line the shelf fills; earlier lines go first, kits only whole."""
    return [min(need.quantity, possible) for need, possible in zip(needs, offered(needs, shelf), strict=True)]


def _possible(need: Need, left: Shelf) -> Decimal:
    """Return how many units of a line the shelf has the parts for."""
    if not need.parts:
        return ZERO
    return max(min(_whole_units(left.get(part.item_id, ZERO), part.per_unit) for part in need.parts), ZERO)


def _whole_units(units: Decimal, per_unit: Decimal) -> Decimal:
    return units if per_unit in (0, 1) else units // per_unit


def complete(needs: Sequence[Need], shelf: Shelf) -> bool:
    """Return whether a shelf fills every line."""
    return fill(needs, shelf) == [need.quantity for need in needs]


def split(needs: Sequence[Need], shelves: Mapping[str, Shelf]) -> dict[str, list[Decimal]]:
    """Return the units of each line that each warehouse would ship, with few parcels; {} if not all can be filled.

    The warehouse that fills most goes first. A kit is never packed from two warehouses.
    """
    order = sorted(shelves, key=lambda warehouse: (-sum(fill(needs, shelves[warehouse]), ZERO), warehouse))
    left, parcels = list(needs), {}
    for warehouse in order:
        filled = fill(left, shelves[warehouse])
        if any(filled):
            parcels[warehouse] = filled
            left = [Need(one.sku, one.quantity - amount, one.parts) for one, amount in zip(left, filled, strict=True)]
    return {} if any(need.quantity for need in left) else parcels


def shelves(units: Iterable[tuple[str, Units]], *, onhand: bool = False) -> dict[str, dict[str, Decimal]]:
    """Return the available units (or those on hand) by warehouse and inventory item."""
    found: dict[str, dict[str, Decimal]] = {}
    for item_id, one in units:
        for warehouse, count in (one.onhand_by_warehouse if onhand else one.by_warehouse).items():
            found.setdefault(warehouse, {})[item_id] = count
    return found
