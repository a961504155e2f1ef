"""What the watchdog mends by itself. What cost somebody syncs is told as well."""

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
from ..runs.cadence import default_schedule, is_read_with, next_due, next_reread
from ..runs.lifecycle import end_runs_of
from ..status.freshness import by_cadence, has_own_runs, is_live
from .incidents import Finding

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
# So much later than a cadence from now nothing can be planned: a day may have an hour more.
DUE_TOLERANCE = timedelta(hours=3)
WEEK = timedelta(days=8)  # the first weekly re-read falls on any day of the week that begins tomorrow


def repair(now: datetime) -> Iterator[Finding]:
    """Mend plans, accounts and runs that were left behind; yields what people should know of it."""
    yield from _make_missing(now)
    yield from _plan_again(now)
    _end_left_behind()
    _take_back(now)


# --- Schedules --------------------------------------------------------------------------------------------------------


def _make_missing(now: datetime) -> Iterator[Finding]:
    """A schedule that is gone is made anew, with the usual cadence and due at once."""
    offered = [Q(wms=slug, schedules__entity__in=one.entities()) for slug, one in CONNECTORS.items()]
    counts = (
        Connection.objects.exclude(status=Status.DISCONNECTED)
        .order_by()
        .annotate(schedules_made=Count("schedules", filter=reduce(or_, offered)))
        .values_list("pk", "wms", "schedules_made")
    )
    short = [pk for pk, wms, made in counts if wms in CONNECTORS and made < len(CONNECTORS[wms].entities())]
    if not short:
        return
    for connection in Connection.objects.filter(pk__in=short).select_related("workspace"):
        there = set(connection.schedules.values_list("entity", flat=True))
        missing = [entity for entity in connection.connector.entities() if entity not in there]
        schedules = [_new(connection, entity, now) for entity in missing]
        EntitySchedule.objects.bulk_create(schedules, ignore_conflicts=True)
        had_runs = set(connection.runs.order_by().values_list("entity", flat=True).distinct())
        for entity in missing:
            # What never ran is new in Packr, and nobody's loss.
            if connection.connector.read_with.get(entity, entity) in had_runs:
                yield _finding(
                    connection, entity, "had no schedule any more", "It was made anew, with the usual cadence."
                )


def _new(connection: Connection, entity: Entity, now: datetime) -> EntitySchedule:
    schedule = default_schedule(connection, entity, now)
    if is_read_with(schedule):
        schedule.next_due_at = schedule.next_reread_at = None
    else:
        schedule.next_due_at = now
    return schedule


def _plan_again(now: datetime) -> Iterator[Finding]:
    """A schedule that has lost its next moment, or has one that is too far away, gets one by its cadence."""
    wanted = Q(enabled=True) & is_live() & has_own_runs()
    lost = Q(next_due_at=None) | _too_far(now) | _lost_reread(now)
    found = EntitySchedule.objects.filter(wanted & lost).values_list("pk", flat=True)
    pks = list(found)
    if not pks:
        return
    with transaction.atomic():
        again = EntitySchedule.objects.filter(wanted & lost, pk__in=pks).select_related("connection__workspace")
        schedules = list(again.select_for_update(of=("self",)))
        for schedule in schedules:
            _plan(schedule, now)
        EntitySchedule.objects.bulk_update(schedules, ["next_due_at", "next_reread_at"])
    for schedule in schedules:
        yield _finding(
            schedule.connection,
            Entity(schedule.entity),
            "had a schedule, but no time for its next sync",
            "It was planned anew by its cadence.",
        )


def _too_far(now: datetime) -> Q:
    """Return the condition for schedules that are due later than their cadence explains."""
    return by_cadence(lambda cadence: Q(next_due_at__gt=now + cadence + DUE_TOLERANCE))


def _lost_reread(now: datetime) -> Q:
    lost = Q(next_reread_at=None, every_seconds__isnull=False) & ~Q(reread=Reread.NONE)
    daily = Q(reread=Reread.DAILY, next_reread_at__gt=now + DAY + DUE_TOLERANCE)
    return lost | daily | Q(reread=Reread.WEEKLY, next_reread_at__gt=now + WEEK + DUE_TOLERANCE)


def _plan(schedule: EntitySchedule, now: datetime) -> None:
    """When its data would have been due anyway; for a time of day the next one."""
    latest = now + schedule.cadence
    if schedule.next_due_at is None or schedule.next_due_at > latest + DUE_TOLERANCE:
        schedule.next_due_at = None
        by_age = max(now, schedule.as_of + schedule.cadence) if schedule.as_of else now
        schedule.next_due_at = next_due(schedule, now) if schedule.daily_at else min(by_age, latest)
    reach = (DAY if schedule.reread == Reread.DAILY else WEEK) + DUE_TOLERANCE
    if schedule.next_reread_at is None or schedule.next_reread_at > now + reach:
        schedule.next_reread_at = next_reread(schedule.connection, schedule, now)


def _finding(connection: Connection, entity: Entity, what: str, done: str) -> Finding:
    message = (
        f"{entity.label} of {connection.name} {what}, so no sync would have followed. {done} "
        "Check under Settings, Integrations that its cadence is the one you want."
    )
    return Finding(Problem.NOT_SCHEDULED, message, connection.pk, entity)


# --- Runs and accounts ------------------------------------------------------------------------------------------------


def _end_left_behind() -> None:
    """Runs of a connection that was ended are ended too; one that a worker holds ends at its next page."""
    left = SyncRun.objects.filter(state__in=ACTIVE, connection__status=Status.DISCONNECTED)
    told = Q(state=State.RUNNING, cancel_asked=True)
    keys = set(left.exclude(told).order_by().values_list("connection", flat=True))
    for connection in Connection.objects.filter(pk__in=keys) if keys else ():
        log.warning("Connection %s is disconnected and still had syncs under way; they are ended.", connection.pk)
        end_runs_of(connection, "The WMS was disconnected. What was read so far is kept.")


def _take_back(now: datetime) -> None:
    """Take an account from a worker that was silent for two leases: should it wake up, it writes nothing.

    Where a run is left running the lapsed lease stays to be seen: it is what shows the run as interrupted.
    """
    lapsed = Lane.objects.filter(leased_until__lt=now - timedelta(seconds=settings.LEASE_SECONDS)).order_by("pk")
    if not lapsed.exists():
        return
    running = Exists(SyncRun.objects.filter(lane=OuterRef("pk"), state=State.RUNNING))
    with transaction.atomic():
        # A lane that is being written at this moment is not silent.
        held = list(lapsed.select_for_update(skip_locked=True).values_list("pk", flat=True))
        Lane.objects.filter(pk__in=held).update(token=uuid4())
        Lane.objects.filter(~running, pk__in=held).update(leased_until=None)
