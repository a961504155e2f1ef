"""The statements of every turn, written out: they run thousands of times an hour, and making them anew each time would
cost more than running them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from django.db import connection as database

from integrations.entities import Entity

from ..models import ACTIVE, EntitySchedule, Lane, SeenPage, State, SyncRun

RUN, LANE, SCHEDULE, SEEN = (model._meta.db_table for model in (SyncRun, Lane, EntitySchedule, SeenPage))
IS_ACTIVE = f"state IN ({', '.join(repr(state.value) for state in ACTIVE)})"
# Urgency is never later than ready_at: said so that the index by urgency is read no further than to this moment, and
# not through all that is planned.
WANTED = f"""
    SELECT run.id, run.lane_id FROM {RUN} AS run JOIN {LANE} AS lane ON lane.id = run.lane_id
    WHERE run.{IS_ACTIVE} AND run.urgency <= %s AND run.ready_at <= %s
        AND (lane.waits_until IS NULL OR lane.waits_until <= %s)"""
READY = f"{WANTED} AND (lane.leased_until IS NULL OR lane.leased_until < %s)"
# Besides a run in hand: what could be taken, and what could if that one gave its lane back.
ANOTHER = f"{WANTED} AND run.id <> %s AND (lane.id = %s OR lane.leased_until IS NULL OR lane.leased_until < %s) LIMIT 1"
# So long does a run that has had a slice give way to those that fall due; then it takes its turn among them.
GIVES_WAY = timedelta(seconds=60)
READY_FIRST = f"{READY} AND (run.state <> '{State.RUNNING.value}' OR run.urgency <= %s)"
MOST_URGENT = " ORDER BY run.urgency, run.id LIMIT 1"
LEASE = f"""
    UPDATE {LANE} SET token = %s, leased_until = %s, worker = %s, waits_until = NULL
    WHERE id = %s AND (leased_until IS NULL OR leased_until < %s)"""
START = f"""
    UPDATE {RUN} SET state = '{State.RUNNING.value}', claims = claims + 1, started_at = COALESCE(started_at, %s),
        beat_at = %s, message = '', failure = '', detail = ''
    WHERE id = %s AND {IS_ACTIVE} AND ready_at <= %s"""
# Whoever writes into a run in hands has to be its worker still, and nobody may have asked it to end.
IN_HAND = f"id = %s AND state = '{State.RUNNING.value}' AND NOT cancel_asked"
RENEW = f"UPDATE {LANE} SET leased_until = %s WHERE id = %s AND token = %s"

SEEN_BEFORE = f"""
    SELECT EXISTS (SELECT 1 FROM {SEEN} WHERE run_id = %s AND cursor_digest = %s),
        EXISTS (SELECT 1 FROM {SEEN} WHERE run_id = %s AND number BETWEEN %s AND %s AND """


def next_ready(moment: datetime, connection_id: int | None = None) -> tuple[int, int] | None:
    """The most urgent run that a worker may take now, and its lane, which is locked on PostgreSQL.

    Long ones, such as first syncs, go on when nothing else is due: a hundred of them hold nobody up. Lanes that others
    are taking at this moment are passed over: nobody waits for a worker that froze as it took one.
    """
    at = _time(moment)
    first = [at, at, at, at, _time(moment - GIVES_WAY)]
    return _most_urgent(READY_FIRST, first, connection_id) or _most_urgent(READY, first[:4], connection_id)


def _most_urgent(ready: str, values: list[Any], connection_id: int | None) -> tuple[int, int] | None:
    here = "" if connection_id is None else f" AND run.connection_id = {connection_id:d}"
    lock = " FOR UPDATE OF lane SKIP LOCKED" if database.vendor == "postgresql" else ""
    with database.cursor() as cursor:
        cursor.execute(ready + here + MOST_URGENT + lock, values)
        found: tuple[int, int] | None = cursor.fetchone()
    return found


def is_any_ready(moment: datetime) -> bool:
    """Whether there is a run that a worker may take now."""
    with database.cursor() as cursor:
        cursor.execute(f"{READY} LIMIT 1", [_time(moment)] * 4)
        return cursor.fetchone() is not None


def does_another_wait(run_id: int, lane_id: int, moment: datetime) -> bool:
    """Whether there is a run that could be worked on now if this one gave its worker and its lane back."""
    at = _time(moment)
    with database.cursor() as cursor:
        cursor.execute(ANOTHER, [at, at, at, run_id, lane_id, at])
        return cursor.fetchone() is not None


def count_ready_runs(moment: datetime) -> int:
    """How many runs a worker could have taken at a moment."""
    with database.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM ({READY}) AS ready", [_time(moment)] * 4)
        count: int = cursor.fetchone()[0]
    return count


def take_lease(lane_id: int, token: UUID, until: datetime, worker: str, moment: datetime) -> bool:
    """Take a lane; False while another worker holds it."""
    return _execute(LEASE, _token(token), _time(until), worker, lane_id, _time(moment)) == 1


def mark_running(run_id: int, moment: datetime) -> bool:
    """Set a run running; False when it is no longer to be worked on now."""
    return _execute(START, _time(moment), _time(moment), run_id, _time(moment)) == 1


def set_lease_end(lane_id: int, token: UUID, until: datetime | None) -> bool:
    """Set the end of a lease, None to give the lane back; False when the lane is another worker's."""
    return _execute(RENEW, _time(until), lane_id, _token(token)) == 1


def update_claimed_run(run_id: int, values: Mapping[str, Any], *, unless_full: bool = False) -> bool:
    """Write these columns of a run in hands; False when it is no longer, or a full is to follow it and must not."""
    columns = ", ".join(f"{name} = %s" for name in values)
    alone = " AND NOT then_full" if unless_full else ""
    return _execute(f"UPDATE {RUN} SET {columns} WHERE {IN_HAND}{alone}", *map(_value, values.values()), run_id) == 1


def seen_before(run_id: int, cursor_digest: str, key: bytes, numbers: tuple[int, int]) -> tuple[bool, bool]:
    """Whether a page of the run had this cursor, and whether one of these numbers may have had this (packed) row key.

    May: the same bytes can come of two keys side by side.
    """
    holds = "position(%s IN keys) > 0)" if database.vendor == "postgresql" else "instr(keys, %s) > 0)"
    with database.cursor() as cursor:
        cursor.execute(SEEN_BEFORE + holds, [run_id, cursor_digest, run_id, *numbers, key])
        again, known = cursor.fetchone()
    return bool(again), bool(known)


def move_watermark(connection_id: int, entities: Sequence[Entity], watermark: datetime, as_of: datetime) -> None:
    """Note up to when these entities of a connection were read."""
    marks = ", ".join(["%s"] * len(entities))
    _execute(
        f"UPDATE {SCHEDULE} SET watermark = %s, as_of = %s WHERE connection_id = %s AND entity IN ({marks})",
        *(_time(watermark), _time(as_of), connection_id, *map(_value, entities)),
    )


def _execute(statement: str, *values: Any) -> int:
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        count: int = cursor.rowcount
    return count


def _value(value: Any) -> Any:
    """As a plain statement takes it."""
    if isinstance(value, datetime):
        return _time(value)
    return value.value if isinstance(value, Enum) else value


def _time(moment: datetime | None) -> Any:
    return database.ops.adapt_datetimefield_value(moment)


def _token(token: UUID) -> Any:
    """As the token's column keeps it: SQLite has no type for it."""
    return token if database.features.has_native_uuid_field else token.hex
