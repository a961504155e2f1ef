"""A model WMS that remembers every version of its records and what each pass has read."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import UNSET

from integrations.connectors.base import Cursor, FetchRequest, Page
from integrations.entities import Entity
from integrations.records import Counters, OrderLine, Record
from tests.kit.model_wms import ModelWms, item, order, shipment

Key = tuple[Entity, str]
FAR = datetime(2999, 1, 1, tzinfo=UTC)


class When(StrEnum):
    """The stamp of a record, by the WMS's clock."""

    NOW = "now"
    SAME = "the last stamp again"
    LATE = "ten minutes ago"
    VERY_LATE = "three hours ago"
    OLD = "forty days ago, before the history start"
    FAR = "in the year 2999"
    NONE = "null"
    MISSING = "not sent"


class Listing(StrEnum):
    """The order of the WMS's list: where a new or changed record goes."""

    BY_ID = "stays where it is"
    OLDEST_FIRST = "goes to the end"
    NEWEST_FIRST = "goes to the front"


@dataclass
class Pass:
    """One pass over a list from its first page, as the WMS saw it."""

    ask: FetchRequest
    clock: datetime
    pages: dict[str, int] = field(default_factory=dict)
    disturbed: bool = False  # the list changed since, or a webhook delivered a record that it lacks


@dataclass
class Source(ModelWms):
    """`between` and `looking_up` hold what happens after the WMS answered and before the engine writes, for the next
    pages and look-ups in turn.
    """

    listing: Listing = Listing.BY_ID
    between: deque[Callable[[], Any] | None] = field(default_factory=deque)
    looking_up: deque[Callable[[], Any] | None] = field(default_factory=deque)
    passes: dict[Entity, Pass] = field(default_factory=dict)
    forgotten: set[Entity] = field(default_factory=set)  # entities whose first pass in a run was abandoned
    versions: dict[Key, list[Record]] = field(default_factory=dict)
    dropped: set[Key] = field(default_factory=set)
    looked_up: dict[Key, int] = field(default_factory=dict)
    last_stamp: datetime | None = None
    made: int = 0

    # --- Changes in the WMS ------------------------------------------------------------------------------------------

    def write(self, entity: Entity, external_id: str, when: When) -> Record:
        """Add or change a record with the given stamp. The id of a dropped record can be used again."""
        before = self.rows[entity].get(external_id)
        stamp = self._stamp(when)
        created = before.created_at if before else (stamp if when in (When.LATE, When.VERY_LATE, When.OLD) else None)
        self.made += 1
        fields: dict[str, Any] = {"updated_at": stamp, "created_at": created or self.now()}
        made = (
            _order(external_id, self.made, fields) if entity == Entity.ORDERS else _item(external_id, self.made, fields)
        )
        self.place(entity, made)
        return made

    def place(self, entity: Entity, record: Record) -> None:
        """Put the record into the list."""
        external_id = str(record.external_id)
        rows = self.rows[entity]
        if self.listing != Listing.BY_ID:
            rows.pop(external_id, None)
        rows[external_id] = record
        if self.listing == Listing.NEWEST_FIRST:
            self.rows[entity] = {external_id: record, **rows}
        self.versions.setdefault((entity, external_id), []).append(record)
        self.disturb(entity)

    def erase(self, entity: Entity, external_id: str) -> None:
        if self.rows[entity].pop(external_id, None):
            self.dropped.add((entity, external_id))
            self.disturb(entity)

    def disturb(self, entity: Entity) -> None:
        if entity in self.passes:
            self.passes[entity].disturbed = True

    def _stamp(self, when: When) -> Any:
        moment = self.now()
        stamps: dict[When, Any] = {
            When.SAME: self.last_stamp or moment,
            When.LATE: moment - timedelta(minutes=10),
            When.VERY_LATE: moment - timedelta(hours=3),
            When.OLD: moment - timedelta(days=40),
            When.FAR: FAR,
            When.NONE: None,
            When.MISSING: UNSET,
        }
        stamp = stamps.get(when, moment)
        if isinstance(stamp, datetime):
            self.last_stamp = stamp
        return stamp

    # --- Responses ---------------------------------------------------------------------------------------------------

    def fetch(self, entity: Entity, ask: FetchRequest, cursor: Cursor | None) -> Page:
        if cursor is None:
            self.passes[entity] = Pass(ask, self.now())
        page = super().fetch(entity, ask, cursor)
        self.passes[entity].pages[str(cursor)] = len(page.records) + len(page.rejected)
        _meanwhile(self.between)
        return page

    def lookup(self, entity: Entity, ids: Any) -> Page:
        page = super().lookup(entity, ids)
        self.looked_up.update({(entity, one): len(self.calls) for one in ids})
        _meanwhile(self.looking_up)
        return page


def _meanwhile(queue: deque[Callable[[], Any] | None]) -> None:
    happens = queue.popleft() if queue else None
    if happens:
        happens()


def _order(external_id: str, number: int, fields: dict[str, Any]) -> Record:
    """An order whose number of lines and shipments changes from version to version."""
    parts = range(number % 4 % 3)
    return order(
        external_id,
        fields.pop("updated_at"),
        order_number=f"v{number}",
        line_items=[OrderLine(sku=f"SKU-{line}", quantity=str(number), unit_price="2.5") for line in range(number % 3)],
        shipments=[shipment(f"{external_id}-{part}", external_id, status=f"v{number}") for part in parts],
        **fields,
    )


def _item(external_id: str, number: int, fields: dict[str, Any]) -> Record:
    levels = {f"w{place}": Counters(onhand=str(number)) for place in range(1 + number % 2)}
    return item(external_id, str(number), fields.pop("updated_at"), inventory_by_warehouse_id=levels, **fields)
