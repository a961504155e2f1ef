"""Data that is older than its cadence allows, and what is known of the reason."""

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

# No data may be older than this, whatever the reason.
MAX_AGE = timedelta(hours=48)
# A WMS whose clock is this far behind ours makes its data look older than it is.
CLOCKS_DIFFER = timedelta(minutes=15)


@dataclass(frozen=True)
class StaleData:
    """The old data of one schedule. `is_read`: a sync of it has come to its end in time, and it is old all the same.

    `is_coming`: a sync of it has just been queued, or will be at once. `is_first`: its first sync is being worked on.
    """

    schedule: EntitySchedule
    age: timedelta
    is_read: bool
    failure: str
    is_coming: bool
    is_first: bool

    @property
    def is_beyond_ceiling(self) -> bool:
        return self.age >= max(MAX_AGE, fresh_for(self.schedule.cadence))

    def words(self) -> str:
        """What is wrong, what follows, what to do."""
        name = f"{Entity(self.schedule.entity).label} of {self.schedule.connection.name}"
        age, cadence = in_words(self.age), in_words(self.schedule.cadence)
        fact = f"The data of {name} is {age} old, while it should be read every {cadence}"
        if self.schedule.as_of is None:
            fact = f"{name} was connected {age} ago and was never read completely"
        return f"{fact}. What people see may be out of date. {self._cause()}"

    def _cause(self) -> str:
        if self.failure:
            return f"The last sync failed: {self.failure}"
        if self.is_read:
            return (
                "Its syncs succeed, but what they are given is itself that old. Ask the WMS's support, or whoever "
                "passes its data on, why it is not refreshed."
            )
        return "No sync of it has come to its end. Press Sync now and watch it; contact support if it does not end."


def stale_metrics(now: datetime) -> "QuerySet[Any, Any]":
    """The marks of the connections, still being synced, whose metrics have not been brought up to a new day in time."""
    on = EntitySchedule.objects.filter(
        connection=OuterRef("connection"), entity=Entity.ORDERS, enabled=True, paused_until=None
    )
    marks = ProcessingMark.objects.filter(Exists(on), is_live(), entity=Entity.ORDERS, rolled_at__lt=now - MAX_AGE)
    return marks.select_related("connection").order_by("pk")


def max_age_for(cadence: timedelta) -> timedelta:
    """How old data of this cadence may become before it is an incident: twice the cadence and some grace."""
    grace = fresh_for(cadence) - cadence
    return min(late_for(cadence) + grace, max(MAX_AGE, fresh_for(cadence)))


def stale_data(now: datetime, settles: timedelta) -> Iterator[StaleData]:
    """What is older than its limit and neither off nor paused; what was never read counts from connecting."""
    for one in _schedules(now, settles):
        allowed = max_age_for(one.cadence)
        age = now - one.since
        is_read = one.as_of is not None and one.read_at is not None and now - one.read_at <= allowed
        if is_read and age <= allowed + CLOCKS_DIFFER:
            continue
        is_due = one.next_due_at is not None and now - settles < one.next_due_at <= now
        yield StaleData(
            schedule=one,
            age=age,
            is_read=is_read,
            failure=one.said if one.failed else "",
            is_coming=one.is_coming or is_due,
            is_first=one.as_of is None and one.is_working,
        )


def _schedules(now: datetime, settles: timedelta) -> "QuerySet[Any, Any]":
    awake = Q(paused_until=None) | Q(paused_until__lte=now - settles)
    runs = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"))
    ended = runs.exclude(state__in=ACTIVE).order_by("-pk")
    silent = now - 2 * timedelta(seconds=settings.LEASE_SECONDS)
    return (
        EntitySchedule.objects.filter(is_live() & has_own_runs() & awake, enabled=True)
        .annotate(since=Coalesce("as_of", F("connection__connected_at")))
        .filter(by_cadence(lambda cadence: Q(since__lt=now - max_age_for(cadence))))
        .annotate(
            read_at=Subquery(ended.filter(state__in=COMPLETE).values("started_at")[:1]),
            failed=Subquery(ended.values("failure")[:1]),
            said=Subquery(ended.values("message")[:1]),
            is_coming=Exists(runs.filter(state__in=ACTIVE, created_at__gt=now - settles, due_at__lte=now)),
            is_working=Exists(runs.filter(state=State.RUNNING, beat_at__gt=silent)),
        )
        .select_related("connection")
        .order_by()
    )
