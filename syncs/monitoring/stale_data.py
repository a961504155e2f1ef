"""Data that is older than its cadence allows, and what is known about the reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from integrations.connectors.parsing import in_words
from integrations.entities import Entity
from packr.warehouse.models import ProcessingMark

from ..models import ACTIVE, COMPLETE, EntitySchedule, State, SyncRun
from ..status.freshness import by_cadence, fresh_for, has_own_runs, is_live, late_for

# No data may be older than this, whatever its cadence.
MAX_AGE = timedelta(hours=48)
# The data of a WMS whose clock is this far behind looks older than it is.
MAX_CLOCK_DIFFERENCE = timedelta(minutes=15)


@dataclass(frozen=True)
class StaleData:
    """A schedule whose data is too old.

    `is_read`: a recent run read all of it, and it is old all the same. `failure`: why the last run failed.
    `is_coming`: a run was queued recently or is about to be. `is_first`: its first sync is running.
    """

    schedule: EntitySchedule
    age: timedelta
    is_read: bool
    failure: str
    is_coming: bool
    is_first: bool

    @property
    def is_beyond_max_age(self) -> bool:
        return self.age >= max(MAX_AGE, fresh_for(self.schedule.cadence))

    @property
    def message(self) -> str:
        """What is wrong, what it means and what to do."""
        name = f"{Entity(self.schedule.entity).label} of {self.schedule.connection.name}"
        age, cadence = in_words(self.age), in_words(self.schedule.cadence)
        if self.schedule.as_of is None:
            fact = f"{name} was connected {age} ago and has never been read completely"
        else:
            fact = f"{name}: the data is {age} old, although it should be read every {cadence}"
        return f"{fact}. What people see may be out of date. {self._reason}"

    @property
    def _reason(self) -> str:
        if self.failure:
            return f"The last sync failed: {self.failure}"
        if self.is_read:
            return (
                "Its syncs succeed, but the WMS itself provides data that old. Ask the support of the WMS, or of the "
                "service that provides its data, about the delay."
            )
        return "No sync of it has completed. Press Sync now and watch it; contact support if it does not complete."


def stale_metrics(now: datetime) -> "QuerySet[Any, Any]":
    """Return the marks of synced connections whose metrics are more than `MAX_AGE` behind."""
    syncing = EntitySchedule.objects.filter(
        connection=OuterRef("connection"), entity=Entity.ORDERS, enabled=True, paused_until=None
    )
    marks = ProcessingMark.objects.filter(Exists(syncing), is_live(), entity=Entity.ORDERS, rolled_at__lt=now - MAX_AGE)
    return marks.select_related("connection").order_by("pk")


def max_age_for(cadence: timedelta) -> timedelta:
    """Return the age at which data with this cadence becomes an incident: twice the cadence plus some grace."""
    grace = fresh_for(cadence) - cadence
    return min(late_for(cadence) + grace, max(MAX_AGE, fresh_for(cadence)))


def find_stale_data(now: datetime, settling_time: timedelta) -> Iterator[StaleData]:
    """Yield the data older than its limit that is neither off nor paused.

    The age of data that was never read counts from connecting. Runs queued within `settling_time` are coming.
    """
    for schedule in _old_schedules(now, settling_time):
        limit = max_age_for(schedule.cadence)
        age = now - schedule.since
        is_read = schedule.as_of is not None and schedule.read_at is not None and now - schedule.read_at <= limit
        if is_read and age <= limit + MAX_CLOCK_DIFFERENCE:
            continue
        is_due = schedule.next_due_at is not None and now - settling_time < schedule.next_due_at <= now
        yield StaleData(
            schedule=schedule,
            age=age,
            is_read=is_read,
            failure=schedule.last_message if schedule.last_failure else "",
            is_coming=schedule.is_coming or is_due,
            is_first=schedule.as_of is None and schedule.is_working,
        )


def _old_schedules(now: datetime, settling_time: timedelta) -> "QuerySet[Any, Any]":
    is_active = Q(paused_until=None) | Q(paused_until__lte=now - settling_time)
    runs = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"))
    ended = runs.exclude(state__in=ACTIVE).order_by("-pk")
    two_leases_ago = now - 2 * timedelta(seconds=settings.LEASE_SECONDS)
    return (
        EntitySchedule.objects.filter(is_live() & has_own_runs() & is_active, enabled=True)
        .annotate(since=Coalesce("as_of", F("connection__connected_at")))
        .filter(by_cadence(lambda cadence: Q(since__lt=now - max_age_for(cadence))))
        .annotate(
            read_at=Subquery(ended.filter(state__in=COMPLETE).values("started_at")[:1]),
            last_failure=Subquery(ended.values("failure")[:1]),
            last_message=Subquery(ended.values("message")[:1]),
            is_coming=Exists(runs.filter(state__in=ACTIVE, created_at__gt=now - settling_time, due_at__lte=now)),
            is_working=Exists(runs.filter(state=State.RUNNING, beat_at__gt=two_leases_ago)),
        )
        .select_related("connection")
        .order_by()
    )
