"""The statements that every slice of a run needs, as plain SQL.

They run thousands of times an hour. Building the two wide ones with the ORM took a quarter of the CPU time of a run
that finds no changes (measured in November 2026).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection as database
from django.db.models import Model

from integrations.entities import Entity
from integrations.models import Connection
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.models import ProcessingMark
from packr.workspaces.models import Workspace

from ..models import ACTIVE, Checkpoint, EntitySchedule, Lane, RejectedRecord, SeenPage, State, SyncRun

M = TypeVar("M", bound=Model)

RUN, LANE, SCHEDULE, SEEN = (model._meta.db_table for model in (SyncRun, Lane, EntitySchedule, SeenPage))
IS_ACTIVE = f"state IN ({', '.join(repr(state.value) for state in ACTIVE)})"
# `urgency` is never later than `ready_at`. The condition on it limits the scan of the urgency index to runs that are
# due, however many are planned.
DUE = f"""
    SELECT run.id, run.lane_id FROM {RUN} AS run JOIN {LANE} AS lane ON lane.id = run.lane_id
    WHERE run.{IS_ACTIVE} AND run.urgency <= %s AND run.ready_at <= %s
        AND (lane.waits_until IS NULL OR lane.waits_until <= %s)"""
READY = f"{DUE} AND (lane.leased_until IS NULL OR lane.leased_until < %s)"
# Runs that could be claimed if the lane of the run in progress were free.
ANOTHER = f"{DUE} AND run.id <> %s AND (lane.id = %s OR lane.leased_until IS NULL OR lane.leased_until < %s) LIMIT 1"
# A run that has had a slice yields to newly due runs for this long.
YIELD_PERIOD = timedelta(seconds=60)
READY_AFTER_YIELDING = f"{READY} AND (run.state <> '{State.RUNNING.value}' OR run.urgency <= %s)"
MOST_URGENT = " ORDER BY run.urgency, run.id LIMIT 1"
TAKE_LEASE = f"""
    UPDATE {LANE} SET token = %s, leased_until = %s, worker = %s, waits_until = NULL
    WHERE id = %s AND (leased_until IS NULL OR leased_until < %s)"""
START = f"""
    UPDATE {RUN} SET state = '{State.RUNNING.value}', claims = claims + 1, started_at = COALESCE(started_at, %s),
        beat_at = %s, message = '', failure = '', detail = ''
    WHERE id = %s AND {IS_ACTIVE} AND ready_at <= %s"""
# Only the worker that runs it may write to a run, and only while nobody has asked to cancel it.
IS_CLAIMED = f"id = %s AND state = '{State.RUNNING.value}' AND NOT cancel_asked"
SET_LEASE_END = f"UPDATE {LANE} SET leased_until = %s WHERE id = %s AND token = %s"

SEEN_BEFORE = f"""
    SELECT EXISTS (SELECT 1 FROM {SEEN} WHERE run_id = %s AND cursor_digest = %s),
        EXISTS (SELECT 1 FROM {SEEN} WHERE run_id = %s AND number BETWEEN %s AND %s AND """


def _columns(model: type[Model], alias: str) -> str:
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)


CLAIMED_RUN = f"""
    SELECT {_columns(SyncRun, "run")}, {_columns(Connection, "connection")}, {_columns(Checkpoint, "checkpoint")}
    FROM {RUN} AS run JOIN {Connection._meta.db_table} AS connection ON connection.id = run.connection_id
    LEFT JOIN {Checkpoint._meta.db_table} AS checkpoint ON checkpoint.run_id = run.id WHERE run.id = %s"""
# The newest change is one look into an index. Asking whether any row is newer than the mark would read the whole table
# on PostgreSQL, which expects to meet such a row early while mostly there is none.
SCHEDULE_STATE = {
    entity: f"""
    SELECT EXISTS (SELECT 1 FROM {RejectedRecord._meta.db_table} AS rejected
            WHERE rejected.connection_id = schedule.connection_id AND rejected.entity = schedule.entity),
        COALESCE((SELECT newest.change_no FROM {TABLES[entity].model._meta.db_table} AS newest
            WHERE newest.connection_id = schedule.connection_id
            ORDER BY newest.change_no DESC, newest.id DESC LIMIT 1), 0),
        workspace.timezone, {_columns(EntitySchedule, "schedule")}, {_columns(ProcessingMark, "mark")}
    FROM {SCHEDULE} AS schedule JOIN {Connection._meta.db_table} AS connection ON connection.id = schedule.connection_id
    JOIN {Workspace._meta.db_table} AS workspace ON workspace.id = connection.workspace_id
    LEFT JOIN {ProcessingMark._meta.db_table} AS mark
        ON mark.connection_id = schedule.connection_id AND mark.entity = schedule.entity
    WHERE schedule.connection_id = %s AND schedule.entity = %s"""
    for entity in TABLES
}


@dataclass(slots=True)
class ScheduleState:
    """An entity's schedule with what else a slice needs to know when it begins.

    `has_unprocessed_changes`: rows have changed since the last post-processing. `processed_day`: the day that the
    metrics were last brought up to, in the workspace's `timezone`.
    """

    schedule: EntitySchedule
    has_rejected: bool
    has_unprocessed_changes: bool
    processed_day: date | None
    timezone: str


def get_claimed_run(run_id: int) -> tuple[SyncRun, Checkpoint | None]:
    """Return a run with its connection, and its checkpoint if it has one. Raises SyncRun.DoesNotExist."""
    row = _fetch_one(CLAIMED_RUN, run_id)
    if row is None:
        raise SyncRun.DoesNotExist(f"Run {run_id} no longer exists.")
    run, row = _split(SyncRun, row)
    connection, row = _split(Connection, row)
    checkpoint, _ = _split(Checkpoint, row)
    assert run is not None
    assert connection is not None
    run.connection = connection
    return run, checkpoint


def get_schedule_state(connection_id: int, entity: Entity) -> ScheduleState:
    """Return the schedule of an entity and its state. Raises EntitySchedule.DoesNotExist."""
    row = _fetch_one(SCHEDULE_STATE[entity], connection_id, entity)
    if row is None:
        raise EntitySchedule.DoesNotExist(f"Connection {connection_id} has no schedule for {entity.value}.")
    has_rejected, newest_change, timezone, *row = row
    schedule, row = _split(EntitySchedule, row)
    mark, _ = _split(ProcessingMark, row)
    assert schedule
    has_unprocessed = newest_change > (mark.change_no if mark else 0)
    return ScheduleState(schedule, bool(has_rejected), has_unprocessed, mark.day if mark else None, timezone)


def next_ready(moment: datetime, connection_id: int | None = None) -> tuple[int, int] | None:
    """Return the ids of the most urgent run that a worker may take and of its lane, which PostgreSQL locks.

    Runs that have had a slice, such as first syncs, continue only when no other run is due. Lanes that another worker
    is taking at this moment are skipped, so that no worker waits for one that froze while taking a lane.
    """
    values = [moment, moment, moment, moment, moment - YIELD_PERIOD]
    return _most_urgent(READY_AFTER_YIELDING, values, connection_id) or _most_urgent(READY, values[:4], connection_id)


def _most_urgent(ready: str, values: list[Any], connection_id: int | None) -> tuple[int, int] | None:
    of_connection = "" if connection_id is None else f" AND run.connection_id = {connection_id:d}"
    lock = " FOR UPDATE OF lane SKIP LOCKED" if database.vendor == "postgresql" else ""
    row = _fetch_one(ready + of_connection + MOST_URGENT + lock, *values)
    return (row[0], row[1]) if row else None


def is_any_ready(moment: datetime) -> bool:
    """Return whether there is a run that a worker may take."""
    return _fetch_one(f"{READY} LIMIT 1", *[moment] * 4) is not None


def does_another_wait(run_id: int, lane_id: int, moment: datetime) -> bool:
    """Return whether another run could start if this one gave back its worker and its lane."""
    return _fetch_one(ANOTHER, moment, moment, moment, run_id, lane_id, moment) is not None


def count_ready_runs(moment: datetime) -> int:
    """Return how many runs a worker could have taken at a moment."""
    row = _fetch_one(f"SELECT COUNT(*) FROM ({READY}) AS ready", *[moment] * 4)
    assert row
    return int(row[0])


def take_lease(lane_id: int, token: UUID, until: datetime, worker: str, moment: datetime) -> bool:
    """Lease a lane. Return False while another worker holds it."""
    return _execute(TAKE_LEASE, token, until, worker, lane_id, moment) == 1


def mark_running(run_id: int, moment: datetime) -> bool:
    """Set a run to running. Return False if it is no longer ready."""
    return _execute(START, moment, moment, run_id, moment) == 1


def set_lease_end(lane_id: int, token: UUID, until: datetime | None) -> bool:
    """Set the end of a lease; None gives the lane back. Return False if the lane is another worker's."""
    return _execute(SET_LEASE_END, until, lane_id, token) == 1


def update_claimed_run(run_id: int, values: Mapping[str, Any], *, unless_full: bool = False) -> bool:
    """Write columns of a claimed run. Return False if it ended or is to be cancelled.

    With `unless_full`, also return False if a full run is to follow.
    """
    columns = ", ".join(f"{name} = %s" for name in values)
    alone = " AND NOT then_full" if unless_full else ""
    statement = f"UPDATE {RUN} SET {columns} WHERE {IS_CLAIMED}{alone}"
    return _execute(statement, *values.values(), run_id) == 1


def seen_before(run_id: int, cursor_digest: str, key: bytes, numbers: tuple[int, int]) -> tuple[bool, bool]:
    """Return whether a page of the run had this cursor, and whether a page in `numbers` may have had this row key.

    `key` is packed. The second answer is only a possibility: two adjacent keys can contain the same bytes.
    """
    contains = "position(%s IN keys) > 0)" if database.vendor == "postgresql" else "instr(keys, %s) > 0)"
    row = _fetch_one(SEEN_BEFORE + contains, run_id, cursor_digest, run_id, *numbers, key)
    assert row
    return bool(row[0]), bool(row[1])


def move_watermark(connection_id: int, entities: Sequence[Entity], watermark: datetime, as_of: datetime) -> None:
    """Set the watermark and the as-of time of these entities of a connection."""
    marks = ", ".join(["%s"] * len(entities))
    statement = f"UPDATE {SCHEDULE} SET watermark = %s, as_of = %s WHERE connection_id = %s AND entity IN ({marks})"
    _execute(statement, watermark, as_of, connection_id, *entities)


def _execute(statement: str, *values: Any) -> int:
    with database.cursor() as cursor:
        cursor.execute(statement, [_value(value) for value in values])
        count: int = cursor.rowcount
    return count


def _fetch_one(statement: str, *values: Any) -> Sequence[Any] | None:
    with database.cursor() as cursor:
        cursor.execute(statement, [_value(value) for value in values])
        row: Sequence[Any] | None = cursor.fetchone()
    return row


def _split(model: type[M], row: Sequence[Any]) -> tuple[M | None, Sequence[Any]]:
    """Split a row into an instance of its first columns, None where an outer join found no row, and the rest."""
    names, converters = _fields(model)
    values = list(row[: len(names)])
    for position, convert, column in converters:
        values[position] = convert(values[position], column, database)
    found = model.from_db(database.alias, names, values) if any(value is not None for value in values) else None
    return found, row[len(names) :]


@cache
def _fields(model: type[Model]) -> tuple[list[str], list[tuple[int, Any, Any]]]:
    """Return the names of a model's attributes and the converters of their columns: position, function, column."""
    fields = model._meta.concrete_fields
    columns: list[Any] = [field.get_col(model._meta.db_table) for field in fields]
    return [field.attname for field in fields], [
        (position, convert, column)
        for position, column in enumerate(columns)
        for convert in [*database.ops.get_db_converters(column), *column.get_db_converters(database)]
    ]


def _value(value: Any) -> Any:
    """Convert a Python value to one that a plain statement accepts; SQLite has no UUID type."""
    if isinstance(value, datetime):
        return database.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID):
        return value if database.features.has_native_uuid_field else value.hex
    return value.value if isinstance(value, Enum) else value
