"""Cadences: the defaults, and when a schedule is due next. Reads the clock and the calendar, writes nothing."""

from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from integrations.entities import Entity
from integrations.models import Connection

from ..models import EntitySchedule, Mode, Reread

# How far behind the watermark a history entity is read once a night, for what was committed late.
NIGHTLY_OVERLAP = timedelta(hours=48)
MINUTE, HOUR = 60, 3600


DEFAULT_INTERVALS: dict[Entity, int] = {
    Entity.ORDERS: 5 * MINUTE,
    Entity.INVENTORY: 5 * MINUTE,
    Entity.INBOUND_SHIPMENTS: 15 * MINUTE,
    Entity.ORDER_SHIPMENTS: 15 * MINUTE,
    Entity.PRODUCTS: HOUR,
    Entity.CUSTOMERS: HOUR,
    Entity.RETURNS: HOUR,
    Entity.WAREHOUSE_LOCATIONS: 12 * HOUR,
}
"""Entities with an interval; the others are daily, and always read in full."""


QUIET_WINDOW_START, QUIET_WINDOW_SECONDS = time(1, 0), 4 * HOUR


def default_schedule(connection: Connection, entity: Entity, now: datetime) -> EntitySchedule:
    """The schedule an entity has when nobody has changed it, not saved."""
    spread = _stable_offset(connection, entity)
    quiet = _quiet_time(spread)
    schedule = EntitySchedule(connection=connection, entity=entity)
    if entity in DEFAULT_INTERVALS:
        schedule.every_seconds = DEFAULT_INTERVALS[entity]
        schedule.reread = Reread.WEEKLY if entity.is_history else Reread.DAILY
        schedule.next_due_at = now + timedelta(seconds=spread % DEFAULT_INTERVALS[entity])
        schedule.next_reread_at = next_reread(connection, schedule, now)
        schedule.next_wide_at = next_nightly_overlap(connection, entity, now) if entity.is_history else None
    else:
        schedule.daily_at, schedule.mode = quiet, Mode.FULL
        schedule.next_due_at = next_due(schedule, now)
    return schedule


def next_nightly_overlap(connection: Connection, entity: Entity, after: datetime) -> datetime:
    """When, in the connection's quiet window, an incremental of history next reaches back by `NIGHTLY_OVERLAP`."""
    quiet = _quiet_time(_stable_offset(connection, entity))
    return next_daily(quiet, ZoneInfo(connection.workspace.timezone), after)


def _stable_offset(connection: Connection, entity: Entity) -> int:
    """A number that lies differently for each connection and entity, and always the same."""
    return int.from_bytes(sha256(f"{connection.pk}:{entity}".encode()).digest()[:4])


def next_due(schedule: EntitySchedule, after: datetime) -> datetime:
    """The first due moment of a schedule later than `after`: previous due + n x cadence, or the next local date."""
    if schedule.daily_at is not None:
        zone = ZoneInfo(schedule.connection.workspace.timezone)
        return next_daily(schedule.daily_at, zone, after)
    previous = schedule.next_due_at or after
    if previous > after:
        return previous
    missed = (after - previous) // schedule.cadence
    return previous + (missed + 1) * schedule.cadence


def next_daily(at: time, zone: ZoneInfo, after: datetime) -> datetime:
    """The first moment later than `after` at which it is `at` in the zone: exactly one on each local date."""
    day = after.astimezone(zone).date()
    moment = local_moment(day, at, zone)
    return moment if moment > after else local_moment(day + timedelta(days=1), at, zone)


def local_moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When it is `at` on a local date (UTC). A time that does not exist: the first that does; one that exists twice:
    the first."""
    local = datetime.combine(day, at, zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    # In the gap: the clock jumps somewhere between the two readings of this wall time.
    before, after = local.replace(fold=1).astimezone(UTC), moment
    while after - before > timedelta(milliseconds=500):
        middle = before + (after - before) / 2
        jumped = middle.astimezone(zone).utcoffset() != before.astimezone(zone).utcoffset()
        before, after = (before, middle) if jumped else (middle, after)
    return after.replace(microsecond=0)


def next_reread(connection: Connection, schedule: EntitySchedule, after: datetime) -> datetime | None:
    """The next re-read, in the connection's quiet window."""
    if schedule.reread == Reread.NONE:
        return None
    spread = _stable_offset(connection, Entity(schedule.entity))
    at = _quiet_time(spread)
    zone = ZoneInfo(connection.workspace.timezone)
    days = 7 if schedule.reread == Reread.WEEKLY else 1
    first = next_daily(at, zone, after)
    return first if days == 1 else local_moment(first.astimezone(zone).date() + timedelta(days=spread % days), at, zone)


def _next_reread(schedule: EntitySchedule, after: datetime) -> datetime | None:
    """The re-read that follows the previous one: a day or a week later by the local calendar, and after `after`."""
    if schedule.reread == Reread.NONE or schedule.next_reread_at is None:
        return next_reread(schedule.connection, schedule, after)
    at = _quiet_time(_stable_offset(schedule.connection, Entity(schedule.entity)))
    zone = ZoneInfo(schedule.connection.workspace.timezone)
    days = timedelta(days=7 if schedule.reread == Reread.WEEKLY else 1)
    day = schedule.next_reread_at.astimezone(zone).date() + days
    while (moment := local_moment(day, at, zone)) <= after:
        day += days
    return moment


def _quiet_time(spread: int) -> time:
    return (datetime.combine(date.min, QUIET_WINDOW_START) + timedelta(seconds=spread % QUIET_WINDOW_SECONDS)).time()


def is_default(schedule: EntitySchedule) -> bool:
    """Whether the cadence is the one that every new connection gets."""
    default = default_schedule(schedule.connection, Entity(schedule.entity), schedule.connection.connected_at)
    return (schedule.every_seconds, schedule.daily_at) == (default.every_seconds, default.daily_at)


def is_read_with(schedule: EntitySchedule) -> bool:
    """Whether the entity arrives inside another one's records, so that the other one's schedule counts."""
    return Entity(schedule.entity) in schedule.connection.connector.read_with
