"""Stock check: can an order be filled, from which warehouse, what is short, and how old are the numbers.

If the numbers are older than the inventory's cadence allows, these SKUs are read from the WMS first, in one call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.utils.timezone import now

from integrations.models import Connection

from . import allocation
from .allocation import Need, Units
from .inventory import Wanted, load_stock

__all__ = ["Parcel", "StockCheck", "StockCheckLine", "Verdict", "Wanted", "check"]


class Verdict(StrEnum):
    """Result for a line, or for all lines."""

    ENOUGH = "enough"
    DEPENDS = "depends"  # enough units are on hand, but allocated to orders, possibly to this one
    SHORT = "short"
    UNKNOWN = "unknown"  # the SKU is not in the inventory


@dataclass(frozen=True, slots=True)
class StockCheckLine:
    """One line: the units needed and available. `parts` are the items of a kit, or the one item."""

    sku: str
    asked: Decimal
    available: Decimal
    verdict: Verdict
    parts: tuple[tuple[allocation.Part, Units], ...] = ()

    @property
    def short(self) -> Decimal:
        """How many units are missing."""
        return max(self.asked - self.available, Decimal(0))

    @property
    def is_kit(self) -> bool:
        return len(self.parts) > 1 or any(part.per_unit != 1 for part, _ in self.parts)

    def __str__(self) -> str:
        if self.verdict == Verdict.UNKNOWN:
            return f"{self.sku} (not in the inventory)"
        return f"{self.sku} ({self.asked.normalize():f} ordered, {self.available.normalize():f} available)"


@dataclass(frozen=True, slots=True)
class Parcel:
    """The (SKU, units) that one warehouse would ship."""

    warehouse: str
    contents: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class StockCheck:
    """Result of a stock check.

    `as_of` is the age of the numbers. `was_read`: they were read from the WMS for this check or shortly before.
    `is_old`: they are older than the inventory's cadence allows, and `trouble` says why the WMS could not be asked.
    `warehouses` can fill all lines alone; `parcels` shows how several could together if none can.
    """

    lines: tuple[StockCheckLine, ...]
    as_of: datetime | None
    was_read: bool
    is_old: bool
    trouble: str
    warehouse: str
    warehouses: tuple[str, ...]
    parcels: tuple[Parcel, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the lines."""
        found = {line.verdict for line in self.lines}
        worst_first = (Verdict.UNKNOWN, Verdict.SHORT, Verdict.DEPENDS)
        return next((verdict for verdict in worst_first if verdict in found), Verdict.ENOUGH)

    @property
    def is_enough(self) -> bool:
        return self.verdict == Verdict.ENOUGH

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person has to confirm the order: stock is short, or its numbers are old and can't be updated."""
        return not self.is_enough or (self.is_old and bool(self.trouble))

    @property
    def is_overridden(self) -> bool:
        """Whether some numbers are overrides instead of the WMS's."""
        return any(units.is_overridden for line in self.lines for _, units in line.parts)

    @property
    def missing(self) -> tuple[StockCheckLine, ...]:
        """The lines that can't be filled."""
        return tuple(line for line in self.lines if line.verdict in (Verdict.SHORT, Verdict.UNKNOWN))

    def sentence(self) -> str:
        """Return the result in one sentence, such as `Short: MUG (4 ordered, 1 available).`"""
        if self.is_enough:
            return f"In stock{f': all of it in {self.warehouses[0]}' if self.warehouses else ''}."
        if not self.missing:
            return "Enough is on hand, but it is allocated to orders."
        return f"Short: {', '.join(map(str, self.missing))}."

    def as_json(self) -> dict[str, Any]:
        """Return the check as plain JSON, to be stored with the order that was sent."""
        return {
            "verdict": self.verdict,
            "said": self.sentence(),
            "as_of": self.as_of and self.as_of.isoformat(),
            "read_in_the_wms": self.was_read,
            "numbers_are_old": self.is_old,
            "trouble": self.trouble,
        }


def check(
    connection: Connection,
    lines: Sequence[Wanted],
    *,
    warehouse: str | None = None,
    customer: str | None = None,
    placed: bool = False,
    live: bool | None = None,
    moment: datetime | None = None,
) -> StockCheck:
    """Return whether these lines can be filled, from `warehouse` (its external id) or from any.

    `customer` limits SKUs to one account of the WMS. `placed`: the order exists, so allocated units may be its own.
    `live`: read the numbers from the WMS first; None: only if they are too old.
    """
    stock = load_stock(connection, lines, customer=customer, live=live, moment=moment or now())
    needs, units, names = stock.needs, stock.units, stock.warehouse_names
    shelf: allocation.Shelf = {item_id: one.available for item_id, one in units.items()}
    onhand: allocation.Shelf = {item_id: one.onhand or Decimal(0) for item_id, one in units.items()}
    shelves = allocation.shelves(units.items())
    if warehouse:
        shelf = shelves.get(warehouse, {})
        onhand = allocation.shelves(units.items(), onhand=True).get(warehouse, {})
    complete = [one for one in sorted(shelves) if allocation.complete(needs, shelves[one])]
    parcels = {} if complete or warehouse else allocation.split(needs, shelves)
    return StockCheck(
        lines=tuple(_lines(needs, units, shelf, onhand if placed else None)),
        as_of=stock.as_of,
        was_read=stock.was_read,
        is_old=stock.is_old,
        trouble=stock.trouble,
        warehouse=names.get(warehouse or "", warehouse or ""),
        warehouses=tuple(names.get(one, one) for one in complete),
        parcels=tuple(_parcel(names.get(one, one), needs, filled) for one, filled in parcels.items()),
    )


def _lines(
    needs: Sequence[Need], units: Mapping[str, Units], shelf: allocation.Shelf, onhand: allocation.Shelf | None
) -> list[StockCheckLine]:
    available = allocation.offered(needs, shelf)
    at_most = allocation.offered(needs, onhand) if onhand is not None else available
    return [_line(need, units, free, most) for need, free, most in zip(needs, available, at_most, strict=True)]


def _line(need: Need, units: Mapping[str, Units], available: Decimal, at_most: Decimal) -> StockCheckLine:
    """Return a line. `at_most` includes allocated units, if those may be the order's own."""
    return StockCheckLine(
        sku=need.sku,
        asked=need.quantity,
        available=at_most if at_most < need.quantity else max(available, min(at_most, need.quantity)),
        verdict=_verdict(need, available, at_most),
        parts=tuple((part, units[part.item_id]) for part in need.parts if part.item_id in units),
    )


def _verdict(need: Need, available: Decimal, at_most: Decimal) -> Verdict:
    if not need.parts:
        return Verdict.UNKNOWN
    if available >= need.quantity:
        return Verdict.ENOUGH
    return Verdict.DEPENDS if at_most >= need.quantity else Verdict.SHORT


def _parcel(warehouse: str, needs: Sequence[Need], filled: Sequence[Decimal]) -> Parcel:
    return Parcel(warehouse, tuple((need.sku, count) for need, count in zip(needs, filled, strict=True) if count))
