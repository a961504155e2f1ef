"""Repairs that the watchdog makes automatically. Those that cost somebody a sync become incidents as well."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from integrations.connectors.registry import CONNECTORS
from integrations.entities import Entity
from integrations.models import Connection, Status

from ..models import ACTIVE, EntitySchedule, Lane, Problem, Reread, State, SyncRun
from ..runs.cadence import default_schedule, first_full_refresh, is_read_with, next_due
from ..runs.lifecycle import end_active_runs
from ..status.freshness import by_cadence, has_own_runs, is_live
from .incidents import DetectedProblem

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
DUE_TOLERANCE = timedelta(hours=3)  # on the day when daylight saving time ends, a day has an hour more
MAX_REREAD_DISTANCE = timedelta(days=8)  # the first weekly full refresh is on any day of the week that starts tomorrow


def repair(now: datetime) -> Iterator[DetectedProblem]:
    """Repair schedules, lanes and runs; yield the problems that people should see."""
    yield from _create_missing_schedules(now)
    yield from _fix_due_times(now)
    _end_runs_of_disconnected()
    _revoke_lapsed_leases(now)


# --- Schedules --------------------------------------------------------------------------------------------------------


def _create_missing_schedules(now: datetime) -> Iterator[DetectedProblem]:
    """Create each missing schedule with the default cadence, due now."""
    offered = [Q(wms=slug, schedules__entity__in=one.entities()) for slug, one in CONNECTORS.items()]
    counts = (
        Connection.objects.exclude(status=Status.DISCONNECTED)
        .order_by()
        .annotate(schedules_found=Count("schedules", filter=reduce(or_, offered)))
        .values_list("pk", "wms", "schedules_found")
    )
    incomplete = [pk for pk, wms, found in counts if wms in CONNECTORS and found < len(CONNECTORS[wms].entities())]
    for connection in Connection.objects.filter(pk__in=incomplete).select_related("workspace") if incomplete else ():
        existing = set(connection.schedules.values_list("entity", flat=True))
        missing = [entity for entity in connection.connector.entities() if entity not in existing]
        schedules = [_new_schedule(connection, entity, now) for entity in missing]
        EntitySchedule.objects.bulk_create(schedules, ignore_conflicts=True)
        synced = set(connection.runs.order_by().values_list("entity", flat=True).distinct())
        for entity in missing:
            # An entity that never ran is new in this version of Packr: nothing was lost.
            if connection.connector.read_with.get(entity, entity) in synced:
                yield _detected(
                    connection, entity, "had lost its schedule", "It has a new schedule with the default cadence."
                )


def _new_schedule(connection: Connection, entity: Entity, now: datetime) -> EntitySchedule:
    schedule = default_schedule(connection, entity, now)
    if is_read_with(schedule):
        schedule.next_due_at = schedule.next_reread_at = None
    else:
        schedule.next_due_at = now
    return schedule


def _fix_due_times(now: datetime) -> Iterator[DetectedProblem]:
    """Set the next due time of schedules that have none, or one further away than their cadence allows."""
    is_wrong = Q(next_due_at=None) | _due_too_late(now) | _reread_too_late(now)
    wrong = Q(enabled=True) & is_live() & has_own_runs() & is_wrong
    keys = list(EntitySchedule.objects.filter(wrong).values_list("pk", flat=True))
    if not keys:
        return
    with transaction.atomic():
        locked = EntitySchedule.objects.filter(wrong, pk__in=keys).select_related("connection__workspace")
        schedules = list(locked.select_for_update(of=("self",)))
        for schedule in schedules:
            _set_due_times(schedule, now)
        EntitySchedule.objects.bulk_update(schedules, ["next_due_at", "next_reread_at"])
    for schedule in schedules:
        yield _detected(
            schedule.connection,
            Entity(schedule.entity),
            "had a schedule without a valid time for its next sync",
            "Packr scheduled the next sync according to its cadence.",
        )


def _due_too_late(now: datetime) -> Q:
    return by_cadence(lambda cadence: Q(next_due_at__gt=now + cadence + DUE_TOLERANCE))


def _reread_too_late(now: datetime) -> Q:
    missing = Q(next_reread_at=None, every_seconds__isnull=False) & ~Q(reread=Reread.NONE)
    daily = Q(reread=Reread.DAILY, next_reread_at__gt=now + DAY + DUE_TOLERANCE)
    return missing | daily | Q(reread=Reread.WEEKLY, next_reread_at__gt=now + MAX_REREAD_DISTANCE + DUE_TOLERANCE)


def _set_due_times(schedule: EntitySchedule, now: datetime) -> None:
    """Set the time at which the data falls due anyway; for a daily schedule, its next time of day."""
    latest = now + schedule.cadence
    if schedule.next_due_at is None or schedule.next_due_at > latest + DUE_TOLERANCE:
        schedule.next_due_at = None
        by_age = max(now, schedule.as_of + schedule.cadence) if schedule.as_of else now
        schedule.next_due_at = next_due(schedule, now) if schedule.daily_at else min(by_age, latest)
    distance = (DAY if schedule.reread == Reread.DAILY else MAX_REREAD_DISTANCE) + DUE_TOLERANCE
    if schedule.next_reread_at is None or schedule.next_reread_at > now + distance:
        schedule.next_reread_at = first_full_refresh(schedule, now)


def _detected(connection: Connection, entity: Entity, fact: str, repaired: str) -> DetectedProblem:
    message = (
        f"{entity.label} of {connection.name} {fact}, so it would not have been synced again. {repaired} "
        "Check its cadence under Settings, Integrations."
    )
    return DetectedProblem(Problem.NOT_SCHEDULED, message, connection.pk, entity)


# --- Runs and lanes ---------------------------------------------------------------------------------------------------


def _end_runs_of_disconnected() -> None:
    """End the active runs of disconnected connections. A run that a worker holds ends at its next page."""
    active = SyncRun.objects.filter(state__in=ACTIVE, connection__status=Status.DISCONNECTED)
    cancelling = Q(state=State.RUNNING, cancel_asked=True)
    keys = set(active.exclude(cancelling).order_by().values_list("connection", flat=True))
    for connection in Connection.objects.filter(pk__in=keys) if keys else ():
        log.warning("Connection %s is disconnected but still had active syncs. Packr ended them.", connection.pk)
        end_active_runs(connection, "The WMS was disconnected. The records read so far are kept.")


def _revoke_lapsed_leases(now: datetime) -> None:
    """Revoke the lease of each worker that was silent for two leases, so that it can't write any more.

    A lane with a running run keeps its lapsed lease: that is what shows the run as interrupted.
    """
    lapsed = Lane.objects.filter(leased_until__lt=now - timedelta(seconds=settings.LEASE_SECONDS)).order_by("pk")
    if not lapsed.exists():
        return
    running = Exists(SyncRun.objects.filter(lane=OuterRef("pk"), state=State.RUNNING))
    with transaction.atomic():
        # A worker that is writing to a lane right now holds its row lock, so it is not silent.
        keys = list(lapsed.select_for_update(skip_locked=True).values_list("pk", flat=True))
        Lane.objects.filter(pk__in=keys).update(token=uuid4())
        Lane.objects.filter(~running, pk__in=keys).update(leased_until=None)
