"""Writing the history, in the transaction of the page that changed the records and in a constant number of statements.

Nothing is written when nothing that is tracked has changed.
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
from ..models.history import RecordChange, What
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
LONGEST_CAUSE = 200


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one row: its stored body before (None: it is new) and after, as JSON."""

    row_id: int
    before: Mapping[str, Any] | None
    after: bytes
    stamp: datetime | None
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Of which connection's entity something changes, as which change, when we saw it and why."""

    connection_id: int
    entity: Entity
    change_no: int
    seen_at: datetime
    cause: Cause

    def row(self, row_id: int, what: What, fields: str, stamp: datetime | None) -> sql.Row:
        """The values of COLUMNS."""
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
            cause.text[:LONGEST_CAUSE],
        )


def is_tracked(entity: Entity) -> bool:
    """Whether records of the entity have a history."""
    return entity in TRACKED


def note(change: Change, row_id: int, fields: Sequence[Sequence[Any]], stamp: datetime | None = None) -> None:
    """Keep what became of one row's values, as (name, part, old, new), where no record of the WMS tells it."""
    row = change.row(row_id, What.CHANGED, msgspec.json.encode(fields).decode(), stamp)
    sql.insert_rows(RecordChange._meta.db_table, COLUMNS, 1, [row])


def write(change: Change, steps: Sequence[Step]) -> None:
    """Keep what changed of these rows."""
    rows = list(_rows(change, steps))
    if rows:
        sql.insert_rows(RecordChange._meta.db_table, COLUMNS, len(rows), rows)


def _rows(change: Change, steps: Sequence[Step]) -> Iterator[sql.Row]:
    history = TRACKED[change.entity]
    for step in steps:
        if step.before is None:
            if not change.cause.first:
                yield change.row(step.row_id, What.APPEARED, "[]", step.stamp)
            continue
        fields = differences(history, step.before, msgspec.json.decode(step.after))
        if fields or step.returned:
            what = What.RETURNED if step.returned else What.CHANGED
            yield change.row(step.row_id, what, msgspec.json.encode(fields).decode(), step.stamp)


def differences(history: History, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[list[Any]]:
    """Each tracked value that differs, as [name, part, old, new]."""
    old, new = history.read(before), history.read(after)
    if old == new:
        return []
    names: Iterator[Name] = (name for name in old | new if old.get(name) != new.get(name))
    return [[*name, old.get(name), new.get(name)] for name in names]


def write_removed(change: Change, model: type[Mirrored], row_ids: Sequence[int]) -> None:
    """Keep that these rows are no longer in the WMS: those of them which this very change removed."""
    removed = model.objects.filter(id__in=row_ids, change_no=change.change_no, removed_at__isnull=False)
    rows = [change.row(row_id, What.REMOVED, "[]", None) for row_id in removed.values_list("id", flat=True)]
    sql.insert_rows(RecordChange._meta.db_table, COLUMNS, len(rows), rows)
