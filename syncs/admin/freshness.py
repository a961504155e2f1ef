"""How fresh many schedules at once are: asked in the database, by the rules of `syncs.status.freshness`."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from integrations.connectors.registry import CONNECTORS
from integrations.entities import Entity
from integrations.models import Status

from ..models import EntitySchedule, State, SyncRun
from ..status.freshness import EntityState, Freshness, fresh_for, freshness, late_for

DAY = timedelta(days=1)
LATE_NOW = (Freshness.LATE, Freshness.STALE)


def with_their_own_runs(schedules: QuerySet[EntitySchedule]) -> QuerySet[EntitySchedule]:
    """Without the entities that arrive inside another one's records: the other one tells how fresh they are."""
    pairs = [(slug, child) for slug, connector in CONNECTORS.items() for child in connector.read_with]
    carried = [Q(connection__wms=slug, entity=child) for slug, child in pairs]
    return schedules.exclude(reduce(or_, carried, Q(pk__in=())))


def as_fresh_as(
    schedules: QuerySet[EntitySchedule], wanted: Iterable[str], moment: datetime
) -> QuerySet[EntitySchedule]:
    """The schedules in one of these states of freshness, by the rule of `status.freshness`, asked in the database."""
    off = Q(enabled=False)
    paused = Q(enabled=True, paused_until__gt=moment)
    awake = Q(enabled=True) & (Q(paused_until=None) | Q(paused_until__lte=moment))
    overdue, long_overdue = _older(fresh_for, moment), _older(late_for, moment)
    states = {
        Freshness.NOT_OFFERED: off & Q(offered=False, as_of=None),
        Freshness.OFF: off & (Q(offered=True) | Q(as_of__isnull=False)),
        Freshness.PAUSED: paused,
        Freshness.NEVER: awake & Q(as_of=None),
        Freshness.FRESH: awake & Q(as_of__isnull=False) & ~overdue,
        Freshness.LATE: awake & overdue & ~long_overdue,
        Freshness.STALE: awake & long_overdue,
    }
    live = with_their_own_runs(schedules).exclude(connection__status=Status.DISCONNECTED)
    return live.filter(reduce(or_, (states[Freshness(state)] for state in wanted)))


def _older(limit: Callable[[timedelta], timedelta], moment: datetime) -> Q:
    """Data older than its cadence's limit. There are few cadences, so each is compared on its own."""
    found = EntitySchedule.objects.order_by().values_list("every_seconds", flat=True).distinct()
    older = [
        Q(every_seconds=seconds, as_of__lt=moment - limit(timedelta(seconds=seconds) if seconds else DAY))
        for seconds in found
    ]
    return reduce(or_, older, Q(pk__in=()))


def states_of(schedules: Iterable[EntitySchedule]) -> dict[int, EntityState]:
    """The state of each schedule's entity, in two queries however many they are."""
    schedules, moment = list(schedules), timezone.now()
    leading = _with_runs(EntitySchedule.objects.filter(connection__in={one.connection_id for one in schedules}), moment)
    by_entity = {(one.connection_id, one.entity): one for one in leading}
    runs = SyncRun.objects.select_related("lane").in_bulk([one.latest_id for one in leading if one.latest_id])
    states = {}
    for schedule in schedules:
        parent = schedule.connection.connector.read_with.get(Entity(schedule.entity))
        own = by_entity[schedule.connection_id, schedule.entity]
        lead = by_entity.get((schedule.connection_id, parent), own) if parent else own
        is_on = lead.enabled and schedule.connection.is_live
        states[schedule.pk] = EntityState(
            entity=Entity(schedule.entity),
            schedule=lead,
            freshness=freshness(lead, moment),
            as_of=lead.as_of,
            cadence=lead.cadence,
            next_run=(lead.planned_at or lead.next_due_at) if is_on else None,
            run=runs.get(lead.latest_id),
            read_with=parent,
        )
    return states


def _with_runs(schedules: QuerySet[EntitySchedule], moment: datetime) -> list[Any]:
    """The schedules with `latest_id`, their latest run that began or was asked for, and `planned_at`, their next."""
    runs = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"))
    begun = runs.exclude(state=State.QUEUED, due_at__gt=moment).order_by("-pk")
    planned = runs.filter(state=State.QUEUED, due_at__gt=moment)
    return list(
        schedules.annotate(
            latest_id=Subquery(begun.values("pk")[:1]), planned_at=Subquery(planned.values("due_at")[:1])
        )
    )
