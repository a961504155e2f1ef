"""Cadences: the defaults, when the next run is due, and the runs that fall due."""

from collections.abc import Iterable, Sequence
from copy import copy
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations.entities import Entity
from integrations.models import Connection, Status

from .models import ACTIVE, EntitySchedule, Lane, Mode, Reread, State, SyncRun, Trigger

HORIZON = timedelta(seconds=90)
# So many runs are planned in one transaction; ten thousand in one took nine seconds.
PORTION = 1500
# How far behind the watermark a history entity is read once a night, for what was committed late.
WIDE = timedelta(hours=48)
MINUTE, HOUR = 60, 3600
EVERY: dict[Entity, int] = {
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

QUIET_FROM, QUIET_FOR = time(1, 0), 4 * HOUR

# What people set; the rest of a schedule is the engine's.
SETTINGS = (
    "every_seconds",
    "daily_at",
    "mode",
    "reread",
    "enabled",
    "off_reason",
    "offered",
    "paused_until",
    "brake_percent",
    "brake_rows",
)


def make_schedules(connection: Connection, now: datetime) -> list[EntitySchedule]:
    """The default schedules of a new connection, the first dues spread over each cadence."""
    connector = connection.connector
    schedules = [default_schedule(connection, entity, now) for entity in connector.entities()]
    for schedule in schedules:
        parent = connector.read_with.get(Entity(schedule.entity))
        if parent:
            schedule.next_due_at = schedule.next_reread_at = schedule.next_wide_at = None
    return EntitySchedule.objects.bulk_create(schedules)


def default_schedule(connection: Connection, entity: Entity, now: datetime) -> EntitySchedule:
    """The schedule an entity has when nobody has changed it, not saved."""
    spread = _spread(connection, entity)
    quiet = _quiet_time(spread)
    schedule = EntitySchedule(connection=connection, entity=entity)
    if entity in EVERY:
        schedule.every_seconds = EVERY[entity]
        schedule.reread = Reread.WEEKLY if entity.is_history else Reread.DAILY
        schedule.next_due_at = now + timedelta(seconds=spread % EVERY[entity])
        schedule.next_reread_at = reread_after(connection, schedule, now)
        schedule.next_wide_at = next_wide(connection, entity, now) if entity.is_history else None
    else:
        schedule.daily_at, schedule.mode = quiet, Mode.FULL
        schedule.next_due_at = next_due(schedule, now)
    return schedule


def next_wide(connection: Connection, entity: Entity, after: datetime) -> datetime:
    """When, in the connection's quiet window, an incremental of a history entity next reaches back `WIDE`."""
    quiet = _quiet_time(_spread(connection, entity))
    return next_daily(quiet, ZoneInfo(connection.workspace.timezone), after)


def _spread(connection: Connection, entity: Entity) -> int:
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


def reread_after(connection: Connection, schedule: EntitySchedule, after: datetime) -> datetime | None:
    """The next re-read, in the connection's quiet window."""
    if schedule.reread == Reread.NONE:
        return None
    spread = _spread(connection, Entity(schedule.entity))
    at = _quiet_time(spread)
    zone = ZoneInfo(connection.workspace.timezone)
    days = 7 if schedule.reread == Reread.WEEKLY else 1
    first = next_daily(at, zone, after)
    return first if days == 1 else local_moment(first.astimezone(zone).date() + timedelta(days=spread % days), at, zone)


def _next_reread(schedule: EntitySchedule, after: datetime) -> datetime | None:
    """The re-read that follows the previous one: a day or a week later by the local calendar, and after `after`."""
    if schedule.reread == Reread.NONE or schedule.next_reread_at is None:
        return reread_after(schedule.connection, schedule, after)
    at = _quiet_time(_spread(schedule.connection, Entity(schedule.entity)))
    zone = ZoneInfo(schedule.connection.workspace.timezone)
    days = timedelta(days=7 if schedule.reread == Reread.WEEKLY else 1)
    day = schedule.next_reread_at.astimezone(zone).date() + days
    while (moment := local_moment(day, at, zone)) <= after:
        day += days
    return moment


def _quiet_time(spread: int) -> time:
    return (datetime.combine(date.min, QUIET_FROM) + timedelta(seconds=spread % QUIET_FOR)).time()


def due_schedules(now: datetime) -> QuerySet[EntitySchedule]:
    """The schedules whose next run falls due within the horizon.

    While a run is active the next occurrence stays planned; it is skipped only when its time has come.
    """
    active = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"), state__in=ACTIVE)
    live = Q(connection__status__in=(Status.CONNECTED, Status.UNREACHABLE))
    awake = Q(paused_until=None) | Q(paused_until__lte=now)
    free = Q(next_due_at__lte=now) | ~Exists(active)
    return EntitySchedule.objects.filter(live, awake, free, enabled=True, next_due_at__lte=now + HORIZON)


def awake(connection: Connection, now: datetime) -> list[Entity]:
    """The entities of a connection that run by themselves: neither off, nor paused, nor read with another one."""
    schedules = connection.schedules.filter(Q(paused_until=None) | Q(paused_until__lte=now), enabled=True)
    found = [Entity(entity) for entity in schedules.values_list("entity", flat=True)]
    return [entity for entity in found if entity in connection.connector.resources]


def queue_due(now: datetime, *, only: Q | None = None) -> None:
    """Insert the runs that fall due within the horizon, each with its due time.

    An entity with an active run gets no second one: that occurrence is skipped. `only` limits it to some schedules,
    those of a run that has just ended: what fell due before that run started has been met by it.
    """
    if only is not None:
        _queue_portion(now, only)
        return
    while _queue_portion(now):
        pass


def _queue_portion(now: datetime, only: Q | None = None) -> int:
    """Insert the next of these runs in one transaction; for how many schedules, all of which are planned on then.

    Who asks for one of these runs meanwhile waits for this portion, and not for all that is due after a pause.
    """
    with transaction.atomic(savepoint=False):
        schedules = due_schedules(now).select_related("connection__workspace").select_for_update(of=("self",))
        if only is not None:
            schedules = schedules.filter(only)
        due = list(schedules.order_by("next_due_at")[:PORTION])
        if not due:
            return 0
        # Asked for, and not left to the constraint: an insert would wait for the worker that ends the active run, while
        # that worker waits for the schedule that is locked here.
        busy = set(
            SyncRun.objects.filter(connection__in={one.connection_id for one in due}, state__in=ACTIVE)
            .order_by()
            .values_list("connection_id", "entity")
        )
        free = [schedule for schedule in due if (schedule.connection_id, schedule.entity) not in busy]
        if only is not None:
            free = [schedule for schedule in free if not _is_met(schedule, now)]
        lanes = lanes_of({schedule.connection for schedule in free})
        runs = [_run(schedule, lanes[schedule.connection.account_key]) for schedule in free]
        _advance(due, free, now)
        SyncRun.objects.bulk_create(runs, ignore_conflicts=True)
    return len(due)


def _is_met(schedule: EntitySchedule, now: datetime) -> bool:
    """Whether a run started after the schedule fell due: one that had stood in the queue through a pause."""
    due = schedule.next_due_at
    if due is None or due > now:
        return False
    runs = SyncRun.objects.filter(connection=schedule.connection_id, entity=schedule.entity, started_at__gte=due)
    return runs.exists()


def _run(schedule: EntitySchedule, lane: Lane) -> SyncRun:
    due = schedule.next_due_at
    assert due is not None
    reread = schedule.next_reread_at is not None and schedule.next_reread_at <= due
    full = schedule.mode == Mode.FULL or reread or schedule.watermark is None
    return SyncRun(
        connection=schedule.connection,
        lane=lane,
        entity=schedule.entity,
        mode=Mode.FULL if full else Mode.INCREMENTAL,
        trigger=Trigger.SCHEDULE,
        due_at=due,
        ready_at=due,
        urgency=due,
    )


def _advance(due: Sequence[EntitySchedule], run: Sequence[EntitySchedule], now: datetime) -> None:
    """Plan the next occurrence of each; a re-read that was skipped, since a run was active, stays due."""
    runs = {schedule.pk for schedule in run}
    for schedule in due:
        previous = schedule.next_due_at
        assert previous is not None
        if schedule.pk in runs and schedule.next_reread_at is not None and schedule.next_reread_at <= previous:
            schedule.next_reread_at = _next_reread(schedule, max(now, previous))
        schedule.next_due_at = next_due(schedule, max(now, previous))
    _store(due)


def _store(planned: Sequence[EntitySchedule]) -> None:
    """Store the next moments of these schedules, which are locked, in one batch.

    Django's bulk_update would send one statement that grows with the square of their number.
    """
    value = database.ops.adapt_datetimefield_value
    rows = [(value(one.next_due_at), value(one.next_reread_at), one.pk) for one in planned]
    table = database.ops.quote_name(EntitySchedule._meta.db_table)
    with database.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET next_due_at = %s, next_reread_at = %s WHERE id = %s", rows)


def is_default(schedule: EntitySchedule) -> bool:
    """Whether the cadence is the one that every new connection gets."""
    default = default_schedule(schedule.connection, Entity(schedule.entity), schedule.connection.connected_at)
    return (schedule.every_seconds, schedule.daily_at) == (default.every_seconds, default.daily_at)


def is_read_with(schedule: EntitySchedule) -> bool:
    """Whether the entity arrives inside another one's records, so that the other one's schedule counts."""
    return Entity(schedule.entity) in schedule.connection.connector.read_with


def reschedule(schedule: EntitySchedule, now: datetime) -> None:
    """Store the settings of a schedule as they were changed on it, and plan its next runs by them at once.

    A new interval counts on from the previous due moment, so the next one is at most an interval away. A run that
    stands in the queue for a later moment is taken out, and comes back only if it still falls due.
    """
    with transaction.atomic():
        stored = EntitySchedule.objects.select_for_update().get(pk=schedule.pk)
        schedule.offered = schedule.offered or schedule.enabled
        planned = list(_planned(stored, now).select_for_update())
        due = planned[0].due_at if planned else stored.next_due_at
        schedule.next_due_at = _due_by(schedule, stored, due, now)
        schedule.next_reread_at = stored.next_reread_at
        if schedule.reread != stored.reread:
            schedule.next_reread_at = reread_after(schedule.connection, schedule, now)
        schedule.save(update_fields=[*SETTINGS, "next_due_at", "next_reread_at"])
        SyncRun.objects.filter(pk__in=[run.pk for run in planned]).delete()
        queue_due(now, only=Q(pk=schedule.pk))


def upcoming(schedule: EntitySchedule, now: datetime, count: int) -> list[datetime]:
    """The next moments at which a schedule falls due; changes that were not stored yet are reckoned with."""
    stored = EntitySchedule.objects.get(pk=schedule.pk)
    planned = _planned(stored, now).first()
    due = _due_by(schedule, stored, planned.due_at if planned else stored.next_due_at, now)
    start = max(now, schedule.paused_until or now)
    trial, moments = copy(schedule), list[datetime]()
    while due is not None and schedule.enabled and len(moments) < count:
        moments.append(max(due, start))
        trial.next_due_at = due
        due = next_due(trial, max(due, start))
    return moments


def _planned(schedule: EntitySchedule, now: datetime) -> QuerySet[SyncRun]:
    """The scheduled run that stands in the queue for a moment to come."""
    return SyncRun.objects.filter(
        connection=schedule.connection_id,
        entity=schedule.entity,
        state=State.QUEUED,
        trigger=Trigger.SCHEDULE,
        due_at__gt=now,
    )


def _due_by(schedule: EntitySchedule, stored: EntitySchedule, due: datetime | None, now: datetime) -> datetime | None:
    """When a schedule falls due next, `due` being what was planned by the stored cadence.

    What is overdue stays due. A time of day to come is asked of the clock again: the workspace's may have changed.
    """
    if is_read_with(schedule):
        return None
    if due is not None and (schedule.every_seconds, schedule.daily_at) == (stored.every_seconds, stored.daily_at):
        return due if schedule.daily_at is None or due <= now else next_due(schedule, now)
    trial = copy(schedule)
    trial.next_due_at = due - stored.cadence if due else None
    return next_due(trial, now)


def lanes_of(connections: Iterable[Connection]) -> dict[str, Lane]:
    """The lanes of these connections by account key, made where they are missing."""
    keys = {connection.account_key for connection in connections}
    found = Lane.objects.in_bulk(keys, field_name="account_key")
    if len(found) < len(keys):
        Lane.objects.bulk_create([Lane(account_key=key) for key in keys - set(found)], ignore_conflicts=True)
        found = Lane.objects.in_bulk(keys, field_name="account_key")
    return found
