"""Planning: schedules, and the runs that fall due."""

from collections.abc import Iterable, Sequence
from copy import copy
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations.entities import Entity
from integrations.models import Connection, Status

from ..models import ACTIVE, EntitySchedule, Lane, Mode, State, SyncRun, Trigger
from .cadence import default_schedule, first_full_refresh, is_read_with, next_due, next_full_refresh

PLANNING_HORIZON = timedelta(seconds=90)
# Ten thousand runs in one transaction took nine seconds.
MAX_RUNS_PER_TRANSACTION = 1500
# The fields that people edit; the engine sets the others.
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
    """Create the default schedules of a connection, with first due times spread over each cadence."""
    schedules = [default_schedule(connection, entity, now) for entity in connection.connector.entities()]
    for schedule in schedules:
        if is_read_with(schedule):
            schedule.next_due_at = schedule.next_reread_at = schedule.next_wide_at = None
    return EntitySchedule.objects.bulk_create(schedules)


def due_schedules(now: datetime) -> QuerySet[EntitySchedule]:
    """Return the schedules whose next run falls due within the planning horizon.

    While a run is active the next occurrence stays planned; it is skipped only once it is due.
    """
    active = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"), state__in=ACTIVE)
    live = Q(connection__status__in=(Status.CONNECTED, Status.UNREACHABLE))
    awake = Q(paused_until=None) | Q(paused_until__lte=now)
    free = Q(next_due_at__lte=now) | ~Exists(active)
    return EntitySchedule.objects.filter(live, awake, free, enabled=True, next_due_at__lte=now + PLANNING_HORIZON)


def runnable_entities(connection: Connection, now: datetime) -> list[Entity]:
    """Return the entities that are synced automatically: not off, not paused, and not read with another one."""
    schedules = connection.schedules.filter(Q(paused_until=None) | Q(paused_until__lte=now), enabled=True)
    found = [Entity(entity) for entity in schedules.values_list("entity", flat=True)]
    return [entity for entity in found if entity in connection.connector.resources]


def queue_due(now: datetime, *, only: Q | None = None) -> None:
    """Insert the runs that fall due within the planning horizon, each with its due time.

    An occurrence is skipped if the entity has an active run. `only` limits this to some schedules, for instance that of
    a run that has just ended; occurrences that fell due before that run started are skipped too.
    """
    if only is not None:
        _queue_portion(now, only)
        return
    while _queue_portion(now):
        pass


def _queue_portion(now: datetime, only: Q | None = None) -> int:
    """Insert runs in one transaction and plan the next occurrences. Return the number of schedules.

    A request for one of these runs waits for this portion only, not for everything that is due after an outage.
    """
    with transaction.atomic(savepoint=False):
        schedules = due_schedules(now).select_related("connection__workspace").select_for_update(of=("self",))
        if only is not None:
            schedules = schedules.filter(only)
        due = list(schedules.order_by("next_due_at")[:MAX_RUNS_PER_TRANSACTION])
        if not due:
            return 0
        # Queried, not left to the constraint: an insert would wait for the worker that ends the active run, while that
        # worker waits for the schedule locked here.
        busy = set(
            SyncRun.objects.filter(connection__in={one.connection_id for one in due}, state__in=ACTIVE)
            .order_by()
            .values_list("connection_id", "entity")
        )
        free = [schedule for schedule in due if (schedule.connection_id, schedule.entity) not in busy]
        if only is not None:
            free = [schedule for schedule in free if not _has_run_since_due(schedule, now)]
        lanes = lanes_of({schedule.connection for schedule in free})
        runs = [_scheduled_run(schedule, lanes[schedule.connection.account_key]) for schedule in free]
        _advance(due, free, now)
        SyncRun.objects.bulk_create(runs, ignore_conflicts=True)
    return len(due)


def _has_run_since_due(schedule: EntitySchedule, now: datetime) -> bool:
    """Return whether a run has started since the schedule fell due, after waiting in the queue."""
    due = schedule.next_due_at
    if due is None or due > now:
        return False
    runs = SyncRun.objects.filter(connection=schedule.connection_id, entity=schedule.entity, started_at__gte=due)
    return runs.exists()


def _scheduled_run(schedule: EntitySchedule, lane: Lane) -> SyncRun:
    due = schedule.next_due_at
    assert due is not None
    is_full_refresh = schedule.next_reread_at is not None and schedule.next_reread_at <= due
    is_full = schedule.mode == Mode.FULL or is_full_refresh or schedule.watermark is None
    return SyncRun(
        connection=schedule.connection,
        lane=lane,
        entity=schedule.entity,
        mode=Mode.FULL if is_full else Mode.INCREMENTAL,
        trigger=Trigger.SCHEDULE,
        due_at=due,
        ready_at=due,
        urgency=due,
    )


def _advance(due: Sequence[EntitySchedule], queued: Sequence[EntitySchedule], now: datetime) -> None:
    """Plan the next occurrence of each due schedule. A full refresh stays due if its run was not queued."""
    queued_keys = {schedule.pk for schedule in queued}
    for schedule in due:
        previous = schedule.next_due_at
        assert previous is not None
        if schedule.pk in queued_keys and schedule.next_reread_at is not None and schedule.next_reread_at <= previous:
            schedule.next_reread_at = next_full_refresh(schedule, max(now, previous))
        schedule.next_due_at = next_due(schedule, max(now, previous))
    _store(due)


def _store(planned: Sequence[EntitySchedule]) -> None:
    """Store the next due times of these locked schedules.

    The statement of Django's bulk_update would grow with the square of their number.
    """
    value = database.ops.adapt_datetimefield_value
    rows = [(value(one.next_due_at), value(one.next_reread_at), one.pk) for one in planned]
    table = database.ops.quote_name(EntitySchedule._meta.db_table)
    with database.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET next_due_at = %s, next_reread_at = %s WHERE id = %s", rows)


def reschedule(schedule: EntitySchedule, now: datetime) -> None:
    """Store the changed settings of a schedule and plan its next runs.

    A new interval counts from the previous due time, so the next run is at most one interval away. A scheduled run that
    is queued for later is deleted, and queued again only if it still falls due.
    """
    with transaction.atomic():
        stored = EntitySchedule.objects.select_for_update().get(pk=schedule.pk)
        schedule.offered = schedule.offered or schedule.enabled
        planned = list(_planned(stored, now).select_for_update())
        due = planned[0].due_at if planned else stored.next_due_at
        schedule.next_due_at = _due_by(schedule, stored, due, now)
        schedule.next_reread_at = stored.next_reread_at
        if schedule.reread != stored.reread:
            schedule.next_reread_at = first_full_refresh(schedule, now)
        schedule.save(update_fields=[*EDITABLE_FIELDS, "next_due_at", "next_reread_at"])
        SyncRun.objects.filter(pk__in=[run.pk for run in planned]).delete()
        queue_due(now, only=Q(pk=schedule.pk))


def upcoming(schedule: EntitySchedule, now: datetime, count: int) -> list[datetime]:
    """Return the next `count` due times, including unsaved changes of the schedule."""
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
    """Return the scheduled run that is queued for later."""
    return SyncRun.objects.filter(
        connection=schedule.connection_id,
        entity=schedule.entity,
        state=State.QUEUED,
        trigger=Trigger.SCHEDULE,
        due_at__gt=now,
    )


def _due_by(schedule: EntitySchedule, stored: EntitySchedule, due: datetime | None, now: datetime) -> datetime | None:
    """Return when a schedule is next due; `due` was planned with the stored cadence.

    An overdue run stays due. A later daily time is computed again, since the workspace's time zone may have changed.
    """
    if is_read_with(schedule):
        return None
    if due is not None and (schedule.every_seconds, schedule.daily_at) == (stored.every_seconds, stored.daily_at):
        return due if schedule.daily_at is None or due <= now else next_due(schedule, now)
    trial = copy(schedule)
    trial.next_due_at = due - stored.cadence if due else None
    return next_due(trial, now)


def lanes_of(connections: Iterable[Connection]) -> dict[str, Lane]:
    """Return the lanes of these connections by account key. Create missing ones."""
    keys = {connection.account_key for connection in connections}
    found = Lane.objects.in_bulk(keys, field_name="account_key")
    if len(found) < len(keys):
        Lane.objects.bulk_create([Lane(account_key=key) for key in keys - set(found)], ignore_conflicts=True)
        found = Lane.objects.in_bulk(keys, field_name="account_key")
    return found
