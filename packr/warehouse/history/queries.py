"""The history of a record, for its pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import QueryDict

from integrations.entities import Entity
from packr.workspaces.request_context import RequestContext

from ..models import Mirrored, Order, OrderShipment, RecordChange, Warehouse
from ..models.history import CAUSES
from ..visibility import seen_by
from .retention import MAX_ENTRIES_PER_RECORD
from .tracked_fields import TRACKED, Tracked

PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that changed: which one, of which part (a SKU or a warehouse's id), and its old and new value."""

    value: Tracked
    noun: str
    part: str
    old: Any
    new: Any

    @property
    def key(self) -> str:
        """The value's name in the address."""
        return f"{self.value.name}:{self.part}"

    @property
    def is_of_warehouse(self) -> bool:
        return self.noun == "Warehouse"


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of a record or, in the history of an order, of the order's `shipment`."""

    change: RecordChange
    differences: Sequence[Difference]
    shipment: str = ""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """The filter of a history: changes of one `value`, with one kind of `cause`, older than the entry `at`."""

    value: str
    cause: str
    at: int | None

    @property
    def is_narrowed(self) -> bool:
        return bool(self.value or self.cause)

    def matches(self, entry: Entry) -> bool:
        """Return whether the filter includes the entry."""
        return (not self.cause or entry.change.cause == self.cause) and (
            not self.value or any(one.key == self.value for one in entry.differences)
        )


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of entries, newest first. `older` is where the next page begins; `values` are all that ever changed."""

    entries: Sequence[Entry]
    older: int | None
    values: Sequence[Difference]


def parse_filter(address: QueryDict) -> HistoryFilter:
    """Parse an address. Invalid values are ignored."""
    cause, at = address.get("cause", ""), address.get("at", "")
    return HistoryFilter(
        value=address.get("value", ""),
        cause=cause if cause in dict(CAUSES) else "",
        at=int(at) if at.isascii() and at.isdigit() and len(at) < 19 else None,
    )


def get_page(row: Mirrored, entity: Entity, context: RequestContext, history_filter: HistoryFilter) -> HistoryPage:
    """Return a page of a record's history, which is read whole, since retention limits it."""
    entries = list(entries_of(row, entity, context))
    matching = [
        one
        for one in entries
        if history_filter.matches(one) and (history_filter.at is None or one.change.pk < history_filter.at)
    ]
    shown = matching[:PER_PAGE]
    values = {one.key: one for entry in entries for one in entry.differences}
    return HistoryPage(
        shown,
        older=shown[-1].change.pk if len(matching) > PER_PAGE else None,
        values=sorted(values.values(), key=lambda one: (one.part, one.value.label)),
    )


def entries_of(
    row: Mirrored, entity: Entity, context: RequestContext, limit: int = 2 * MAX_ENTRIES_PER_RECORD
) -> Iterable[Entry]:
    """Yield a record's changes, newest first; an order's together with those of its shipments."""
    about = Q(entity=entity.value, row_id=row.pk)
    shipments: dict[int, str] = {}
    if isinstance(row, Order):
        sent = seen_by(OrderShipment.objects.filter(connection=row.connection_id), context, removed=True)
        found = sent.filter(order_id=row.external_id).values_list("pk", "shipment_id", "external_id")
        shipments = {pk: shipment or external_id for pk, shipment, external_id in found}
        about |= Q(entity=Entity.ORDER_SHIPMENTS.value, row_id__in=shipments)
    changes = RecordChange.objects.filter(about, connection=row.connection_id).order_by("-pk")[:limit]
    for change in changes:
        inside = change.entity == Entity.ORDER_SHIPMENTS.value and entity != Entity.ORDER_SHIPMENTS
        yield Entry(change, differences(change), shipments[change.row_id] if inside else "")


def differences(change: RecordChange) -> list[Difference]:
    """Return the values that a change changed."""
    history = TRACKED[Entity(change.entity)]
    return [
        Difference(history.tracked_value(name, part), history.part_noun(name) if part else "", part, old, new)
        for name, part, old, new in change.fields
    ]


def warehouses_in(row: Mirrored, differences: Iterable[Difference], context: RequestContext) -> dict[str, str]:
    """Return the names of the warehouses in these differences, by id."""
    ids: set[str] = set()
    for one in differences:
        if one.is_of_warehouse:
            ids.add(one.part)
        if one.value.kind == "warehouse":
            ids |= {one.old or "", one.new or ""}
    if not ids:
        return {}
    rows = seen_by(Warehouse.objects.filter(connection=row.connection_id, external_id__in=ids), context)
    return {external_id: name or external_id for external_id, name in rows.values_list("external_id", "name")}


def replay(changes: Iterable[RecordChange]) -> dict[tuple[str, str], Any]:
    """Return the values after these changes of one record, oldest first. Raises ValueError if an entry is missing."""
    values: dict[tuple[str, str], Any] = {}
    for change in changes:
        for name, part, old, new in change.fields:
            if values.get((name, part), old) != old:
                raise ValueError(f"{change}: {name} {part} was {values[name, part]!r}, not {old!r}")
            values[name, part] = new
    return values
