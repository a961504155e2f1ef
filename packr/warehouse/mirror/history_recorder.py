"""Recording the history of records, in the transaction that changes them and in a constant number of statements.

Nothing is written if no tracked value changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from integrations.entities import Entity

from ..history.tracked_fields import TRACKED, History, Name
from ..models import Mirrored
from ..models.change_causes import Cause
from ..models.history import ChangeKind, RecordChange
from . import sql

COLUMNS = (
    "connection_id",
    "entity",
    "row_id",
    "change_no",
    "what",
    "fields",
    "stamp",
    "seen_at",
    "cause",
    "cause_id",
    "cause_text",
)
MAX_CAUSE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class RowUpdate:
    """The update of one row: its stored record before (None: the row is new) and after, as JSON."""

    row_id: int
    before: Mapping[str, Any] | None
    after: bytes
    stamp: datetime | None
    returned: bool = False


@dataclass(frozen=True, slots=True)
class ChangeContext:
    """What the history entries of one change share: its connection, entity, number, time and cause."""

    connection_id: int
    entity: Entity
    change_no: int
    seen_at: datetime
    cause: Cause

    def row(self, row_id: int, what: ChangeKind, fields: str, stamp: datetime | None) -> sql.Row:
        """Return the values of COLUMNS."""
        cause = self.cause
        return (
            self.connection_id,
            self.entity.value,
            row_id,
            self.change_no,
            what.value,
            fields,
            stamp,
            self.seen_at,
            cause.kind.value,
            cause.id,
            cause.text[:MAX_CAUSE_LENGTH],
        )


def is_tracked(entity: Entity) -> bool:
    """Return whether records of the entity have a history."""
    return entity in TRACKED


def record_values(
    change: ChangeContext, row_id: int, fields: Sequence[Sequence[Any]], stamp: datetime | None = None
) -> None:
    """Record changed values of one row, as (name, part, old, new), that come from no record of the WMS."""
    row = change.row(row_id, ChangeKind.CHANGED, msgspec.json.encode(fields).decode(), stamp)
    sql.insert_rows(RecordChange._meta.db_table, COLUMNS, 1, [row])


def record_updates(change: ChangeContext, updates: Sequence[RowUpdate]) -> None:
    """Record which tracked values of these rows changed."""
    rows = list(_rows(change, updates))
    if rows:
        sql.insert_rows(RecordChange._meta.db_table, COLUMNS, len(rows), rows)


def _rows(change: ChangeContext, updates: Sequence[RowUpdate]) -> Iterator[sql.Row]:
    history = TRACKED[change.entity]
    for update in updates:
        if update.before is None:
            if not change.cause.first:
                yield change.row(update.row_id, ChangeKind.APPEARED, "[]", update.stamp)
            continue
        fields = differences(history, update.before, msgspec.json.decode(update.after))
        if fields or update.returned:
            what = ChangeKind.RETURNED if update.returned else ChangeKind.CHANGED
            yield change.row(update.row_id, what, msgspec.json.encode(fields).decode(), update.stamp)


def differences(history: History, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[list[Any]]:
    """Return each tracked value that differs, as [name, part, old, new]."""
    old, new = history.values_of(before), history.values_of(after)
    if old == new:
        return []
    names: Iterator[Name] = (name for name in old | new if old.get(name) != new.get(name))
    return [[*name, old.get(name), new.get(name)] for name in names]


def record_removals(change: ChangeContext, model: type[Mirrored], row_ids: Sequence[int]) -> None:
    """Record that rows are no longer in the WMS. Rows that this change did not remove are left out."""
    removed = model.objects.filter(id__in=row_ids, change_no=change.change_no, removed_at__isnull=False)
    rows = [change.row(row_id, ChangeKind.REMOVED, "[]", None) for row_id in removed.values_list("id", flat=True)]
    sql.insert_rows(RecordChange._meta.db_table, COLUMNS, len(rows), rows)
