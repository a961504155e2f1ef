"""Schedules, and the runs that fall due: inserted once, moved when a cadence is changed."""

from collections.abc import Iterable, Sequence
from copy import copy
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations.entities import Entity
from integrations.models import Connection, Status

from ..models import ACTIVE, EntitySchedule, Lane, Mode, State, SyncRun, Trigger
from .cadence import _next_reread, default_schedule, is_read_with, next_due, next_reread

PLANNING_HORIZON = timedelta(seconds=90)
# So many runs are planned in one transaction; ten thousand in one took nine seconds.
RUNS_PER_TRANSACTION = 1500


# What people set; the rest of a schedule is the engine's.
EDITABLE_FIELDS = (
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


def due_schedules(now: datetime) -> QuerySet[EntitySchedule]:
    """The schedules whose next run falls due within the horizon.

    While a run is active the next occurrence stays planned; it is skipped only when its time has come.
    """
    active = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"), state__in=ACTIVE)
    live = Q(connection__status__in=(Status.CONNECTED, Status.UNREACHABLE))
    awake = Q(paused_until=None) | Q(paused_until__lte=now)
    free = Q(next_due_at__lte=now) | ~Exists(active)
    return EntitySchedule.objects.filter(live, awake, free, enabled=True, next_due_at__lte=now + PLANNING_HORIZON)


def runnable_entities(connection: Connection, now: datetime) -> list[Entity]:
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
        due = list(schedules.order_by("next_due_at")[:RUNS_PER_TRANSACTION])
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
            schedule.next_reread_at = next_reread(schedule.connection, schedule, now)
        schedule.save(update_fields=[*EDITABLE_FIELDS, "next_due_at", "next_reread_at"])
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
