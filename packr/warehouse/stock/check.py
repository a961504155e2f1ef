"""Whether an order can be filled, from which warehouse, what is short, and how old the numbers are.

Where they are older than the inventory's cadence allows, just these SKUs are read in the WMS first: one call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.utils.timezone import now

from integrations.models import Connection

from . import allocation, inventory
from .allocation import Need, Units
from .inventory import Wanted

__all__ = ["Line", "Parcel", "StockCheck", "Verdict", "Wanted", "check"]


class Verdict(StrEnum):
    """Whether there is enough."""

    ENOUGH = "enough"
    DEPENDS = "depends"  # there are enough units, but orders have them: this one, maybe
    SHORT = "short"
    UNKNOWN = "unknown"  # no such SKU in the inventory


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what is asked for and what there is for it, in its own units. `parts` of a kit, or the one item."""

    sku: str
    name: str
    asked: Decimal
    available: Decimal
    verdict: Verdict
    parts: tuple[tuple[allocation.Part, Units], ...] = ()

    @property
    def short(self) -> Decimal:
        """How many are missing."""
        return max(self.asked - self.available, Decimal(0))

    @property
    def is_kit(self) -> bool:
        return len(self.parts) > 1 or any(part.per_unit != 1 for part, _ in self.parts)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one warehouse would send: its name and (SKU, units)."""

    warehouse: str
    contents: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class StockCheck:
    """What a stock check found.

    `as_of`: the age of the numbers; `was_read`: they were read in the WMS for this check or shortly before; `is_old`:
    they are older than the inventory's cadence allows, and `trouble` says why the WMS could not be asked. `warehouses`
    are those that can fill all of it alone; `parcels` how they could together, where none can alone.
    """

    lines: tuple[Line, ...]
    as_of: datetime | None
    was_read: bool
    is_old: bool
    trouble: str
    warehouse: str
    warehouses: tuple[str, ...]
    parcels: tuple[Parcel, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its lines."""
        worst = (Verdict.UNKNOWN, Verdict.SHORT, Verdict.DEPENDS)
        found = {line.verdict for line in self.lines}
        return next((one for one in worst if one in found), Verdict.ENOUGH)

    @property
    def is_enough(self) -> bool:
        return self.verdict == Verdict.ENOUGH

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person has to confirm the order: stock is short, or its numbers are old and can't be updated."""
        return not self.is_enough or (self.is_old and bool(self.trouble))

    @property
    def is_overridden(self) -> bool:
        """Whether some of its numbers are a person's and not the WMS's."""
        return any(units.is_overridden for line in self.lines for _, units in line.parts)

    @property
    def missing(self) -> tuple[Line, ...]:
        """The lines that can't be filled."""
        return tuple(line for line in self.lines if line.verdict in (Verdict.SHORT, Verdict.UNKNOWN))

    def sentence(self) -> str:
        """What was found, in a line that can be kept: `Short: MUG (4 asked, 1 available).`"""
        if self.is_enough:
            return f"In stock{f': all of it in {self.warehouses[0]}' if self.warehouses else ''}."
        if not self.missing:
            return "Enough is on hand, but it is allocated to orders."
        said = [
            f"{line.sku} (not in the inventory)"
            if line.verdict == Verdict.UNKNOWN
            else f"{line.sku} ({line.asked.normalize():f} asked, {line.available.normalize():f} available)"
            for line in self.missing
        ]
        return f"Short: {', '.join(said)}."

    def as_json(self) -> dict[str, Any]:
        """The check as plain JSON, to be kept beside what was done in spite or because of it."""
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
    """Whether these lines can be filled, from `warehouse` (its external id) or any.

    `customer` narrows SKUs to one account of the WMS. `placed`: it is an order that exists, so what is allocated may be
    its own. `live`: whether the WMS is asked first; None: when the numbers are older than they should be.
    """
    found = inventory.read(connection, lines, customer=customer, live=live, moment=moment or now())
    units = found.units
    everywhere = {item_id: one.available for item_id, one in units.items()}
    onhand = {item_id: one.onhand or Decimal(0) for item_id, one in units.items()}
    shelves = allocation.shelves(units.items())
    if warehouse:
        everywhere = shelves.get(warehouse, {})
        onhand = allocation.shelves(units.items(), onhand=True).get(warehouse, {})
    able = [one for one in sorted(shelves) if allocation.complete(found.needs, shelves[one])]
    parcels = {} if able or warehouse else allocation.split(found.needs, shelves)
    return StockCheck(
        lines=tuple(_lines(found.needs, units, everywhere, onhand if placed else None)),
        as_of=found.as_of,
        was_read=found.was_read,
        is_old=found.is_old,
        trouble=found.trouble,
        warehouse=found.names.get(warehouse or "", warehouse or ""),
        warehouses=tuple(found.names.get(one, one) for one in able),
        parcels=tuple(_parcel(found.names.get(one, one), found.needs, sent) for one, sent in parcels.items()),
    )


def _lines(
    needs: Sequence[Need], units: Mapping[str, Units], shelf: allocation.Shelf, onhand: allocation.Shelf | None
) -> list[Line]:
    sure = allocation.offered(needs, shelf)
    at_most = allocation.offered(needs, onhand) if onhand is not None else sure
    return [
        Line(
            sku=need.sku,
            name=next((units[part.item_id].name for part in need.parts[:1] if part.item_id in units), ""),
            asked=need.quantity,
            available=most if most < need.quantity else max(there, min(most, need.quantity)),
            verdict=_verdict(need, there, most),
            parts=tuple((part, units[part.item_id]) for part in need.parts if part.item_id in units),
        )
        for need, there, most in zip(needs, sure, at_most, strict=True)
    ]


def _verdict(need: Need, there: Decimal, most: Decimal) -> Verdict:
    if not need.parts:
        return Verdict.UNKNOWN
    if there >= need.quantity:
        return Verdict.ENOUGH
    return Verdict.DEPENDS if most >= need.quantity else Verdict.SHORT


def _parcel(warehouse: str, needs: Sequence[Need], sent: Sequence[Decimal]) -> Parcel:
    return Parcel(warehouse, tuple((need.sku, count) for need, count in zip(needs, sent, strict=True) if count))
