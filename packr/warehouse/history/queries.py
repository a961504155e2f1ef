"""What a record's history says, for its page and for whoever asks why a value is what it is."""

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
from .retention import MOST_OF_A_RECORD
from .tracked_fields import TRACKED, Tracked

PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that changed: what it is, of which part (a SKU or a warehouse's id), what it was and became."""

    value: Tracked
    noun: str
    part: str
    old: Any
    new: Any

    @property
    def key(self) -> str:
        """As in the address."""
        return f"{self.value.name}:{self.part}"

    @property
    def is_of_warehouse(self) -> bool:
        return self.noun == "Warehouse"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of a record, or of a shipment of the order that it belongs to: then `shipment` names it."""

    change: RecordChange
    differences: Sequence[Difference]
    shipment: str = ""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What an address asks of a history: `value` one value's changes, `cause` those of one kind, `at` older ones."""

    value: str
    cause: str
    at: int | None

    @property
    def is_narrowed(self) -> bool:
        return bool(self.value or self.cause)

    def wants(self, entry: Entry) -> bool:
        """Whether an entry is asked for."""
        return (not self.cause or entry.change.cause == self.cause) and (
            not self.value or any(one.key == self.value for one in entry.differences)
        )


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Entries, the newest first; `older`: where the next ones begin. `values`: what the history has changes of."""

    entries: Sequence[Entry]
    older: int | None
    values: Sequence[Difference]


def parse_filter(address: QueryDict) -> HistoryFilter:
    """What the address asks; what makes no sense counts as not asked."""
    cause, at = address.get("cause", ""), address.get("at", "")
    return HistoryFilter(
        value=address.get("value", ""),
        cause=cause if cause in dict(CAUSES) else "",
        at=int(at) if at.isascii() and at.isdigit() and len(at) < 19 else None,
    )


def page(row: Mirrored, entity: Entity, here: RequestContext, asked: HistoryFilter) -> HistoryPage:
    """A page of a record's history. What there is of it is bounded, so it is read whole."""
    entries = list(entries_of(row, entity, here))
    wanted = [one for one in entries if asked.wants(one) and (asked.at is None or one.change.pk < asked.at)]
    shown = wanted[:PER_PAGE]
    values = {one.key: one for entry in entries for one in entry.differences}
    return HistoryPage(
        shown,
        older=shown[-1].change.pk if len(wanted) > PER_PAGE else None,
        values=sorted(values.values(), key=lambda one: (one.part, one.value.label)),
    )


def entries_of(
    row: Mirrored, entity: Entity, here: RequestContext, limit: int = 2 * MOST_OF_A_RECORD
) -> Iterable[Entry]:
    """A record's changes, the newest first; an order's with those of its shipments."""
    about = Q(entity=entity.value, row_id=row.pk)
    shipments: dict[int, str] = {}
    if isinstance(row, Order):
        sent = seen_by(OrderShipment.objects.filter(connection=row.connection_id), here, removed=True)
        found = sent.filter(order_id=row.external_id).values_list("pk", "shipment_id", "external_id")
        shipments = {pk: shipment or external_id for pk, shipment, external_id in found}
        about |= Q(entity=Entity.ORDER_SHIPMENTS.value, row_id__in=shipments)
    changes = RecordChange.objects.filter(about, connection=row.connection_id).order_by("-pk")[:limit]
    for change in changes:
        inside = change.entity == Entity.ORDER_SHIPMENTS.value and entity != Entity.ORDER_SHIPMENTS
        yield Entry(change, differences(change), shipments[change.row_id] if inside else "")


def differences(change: RecordChange) -> list[Difference]:
    """The values that a change is about."""
    history = TRACKED[Entity(change.entity)]
    return [
        Difference(history.named(name, part), history.noun(name) if part else "", part, old, new)
        for name, part, old, new in change.fields
    ]


def warehouses_in(row: Mirrored, differences: Iterable[Difference], here: RequestContext) -> dict[str, str]:
    """The names of the warehouses that these are about, by id."""
    ids: set[str] = set()
    for one in differences:
        if one.is_of_warehouse:
            ids.add(one.part)
        if one.value.kind == "warehouse":
            ids |= {one.old or "", one.new or ""}
    if not ids:
        return {}
    rows = seen_by(Warehouse.objects.filter(connection=row.connection_id, external_id__in=ids), here)
    return {external_id: name or external_id for external_id, name in rows.values_list("external_id", "name")}


def replay(changes: Iterable[RecordChange]) -> dict[tuple[str, str], Any]:
    """What the values are that these changes of one record, the oldest first, are about; ValueError where they gape."""
    values: dict[tuple[str, str], Any] = {}
    for change in changes:
        for name, part, old, new in change.fields:
            if values.get((name, part), old) != old:
                raise ValueError(f"{change}: {name} {part} was {values[name, part]!r}, not {old!r}")
            values[name, part] = new
    return values
