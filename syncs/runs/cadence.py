"""Cadences: the defaults, and when a schedule is next due. Reads the clock and the calendar, writes nothing."""

from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from integrations.entities import Entity
from integrations.models import Connection

from ..models import EntitySchedule, Mode, Reread

# How far behind the watermark history entities are read once a night, for late commits.
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
"""Seconds between two runs. All other entities are synced daily, always in full."""

QUIET_WINDOW_START, QUIET_WINDOW_SECONDS = time(1, 0), 4 * HOUR


def default_schedule(connection: Connection, entity: Entity, now: datetime) -> EntitySchedule:
    """Return the default schedule of an entity, unsaved."""
    schedule = EntitySchedule(connection=connection, entity=entity)
    if entity in DEFAULT_INTERVALS:
        interval = DEFAULT_INTERVALS[entity]
        schedule.every_seconds = interval
        schedule.reread = Reread.WEEKLY if entity.is_history else Reread.DAILY
        schedule.next_due_at = now + timedelta(seconds=_stable_offset(connection, entity) % interval)
        schedule.next_reread_at = first_full_refresh(schedule, now)
        schedule.next_wide_at = next_nightly_overlap(connection, entity, now) if entity.is_history else None
    else:
        schedule.daily_at, schedule.mode = _quiet_time(connection, entity), Mode.FULL
        schedule.next_due_at = next_due(schedule, now)
    return schedule


def next_due(schedule: EntitySchedule, after: datetime) -> datetime:
    """Return the first due time later than `after`: previous due time + n times the cadence, or the next local date."""
    if schedule.daily_at is not None:
        return next_daily(schedule.daily_at, _zone(schedule.connection), after)
    previous = schedule.next_due_at or after
    if previous > after:
        return previous
    missed = (after - previous) // schedule.cadence
    return previous + (missed + 1) * schedule.cadence


def first_full_refresh(schedule: EntitySchedule, after: datetime) -> datetime | None:
    """Return the first full refresh later than `after`, in the connection's quiet window. Weekly ones are spread."""
    if schedule.reread == Reread.NONE:
        return None
    connection, entity = schedule.connection, Entity(schedule.entity)
    at, zone = _quiet_time(connection, entity), _zone(connection)
    first = next_daily(at, zone, after)
    if schedule.reread == Reread.DAILY:
        return first
    days = _stable_offset(connection, entity) % 7
    return local_moment(first.astimezone(zone).date() + timedelta(days=days), at, zone)


def next_full_refresh(schedule: EntitySchedule, after: datetime) -> datetime | None:
    """Return the full refresh that follows the planned one: local days or weeks later, and later than `after`."""
    if schedule.reread == Reread.NONE or schedule.next_reread_at is None:
        return first_full_refresh(schedule, after)
    at, zone = _quiet_time(schedule.connection, Entity(schedule.entity)), _zone(schedule.connection)
    days = timedelta(days=7 if schedule.reread == Reread.WEEKLY else 1)
    day = schedule.next_reread_at.astimezone(zone).date() + days
    while (moment := local_moment(day, at, zone)) <= after:
        day += days
    return moment


def next_nightly_overlap(connection: Connection, entity: Entity, after: datetime) -> datetime:
    """Return when an incremental run of a history entity next reads back by `NIGHTLY_OVERLAP`."""
    return next_daily(_quiet_time(connection, entity), _zone(connection), after)


def next_daily(at: time, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the first moment later than `after` at this local time. There is exactly one on each local date."""
    day = after.astimezone(zone).date()
    moment = local_moment(day, at, zone)
    return moment if moment > after else local_moment(day + timedelta(days=1), at, zone)


def local_moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return a local time of a date in UTC.

    If the clock change skips the time, return the first moment after the gap; if it occurs twice, the first one.
    """
    local = datetime.combine(day, at, zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return moment
    # The clock changes between the two readings of the skipped time: search for it.
    before, after = local.replace(fold=1).astimezone(UTC), moment
    while after - before > timedelta(milliseconds=500):
        middle = before + (after - before) / 2
        has_changed = middle.astimezone(zone).utcoffset() != before.astimezone(zone).utcoffset()
        before, after = (before, middle) if has_changed else (middle, after)
    return after.replace(microsecond=0)


def is_default(schedule: EntitySchedule) -> bool:
    """Return whether the cadence is the one that new connections get."""
    default = default_schedule(schedule.connection, Entity(schedule.entity), schedule.connection.connected_at)
    return (schedule.every_seconds, schedule.daily_at) == (default.every_seconds, default.daily_at)


def is_read_with(schedule: EntitySchedule) -> bool:
    """Return whether the entity arrives inside another entity's records and follows the other one's schedule."""
    return Entity(schedule.entity) in schedule.connection.connector.read_with


def _stable_offset(connection: Connection, entity: Entity) -> int:
    """Return a number that is always the same and spreads connections and entities evenly."""
    return int.from_bytes(sha256(f"{connection.pk}:{entity}".encode()).digest()[:4])


def _quiet_time(connection: Connection, entity: Entity) -> time:
    """Return the local time of the entity's nightly runs."""
    offset = timedelta(seconds=_stable_offset(connection, entity) % QUIET_WINDOW_SECONDS)
    return (datetime.combine(date.min, QUIET_WINDOW_START) + offset).time()


def _zone(connection: Connection) -> ZoneInfo:
    return ZoneInfo(connection.workspace.timezone)
