"""The state of each entity of a connection: its freshness and its latest run, as pages, API and commands show it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.timezone import now

from integrations.bill_access import visible_entities
from integrations.entities import Entity
from integrations.models import Connection, Status

from ..models import EntitySchedule, SyncRequest, SyncRun
from ..process import heartbeats
from ..runs.cadence import default_schedule
from .freshness import WORST_FIRST, Freshness, freshness
from .run_states import is_planned, undecided


@dataclass(frozen=True)
class EntityState:
    """The state of one entity of one connection.

    `schedule` and `run` (the latest run) are the parent's for an entity that is read with another, `read_with`.
    In `run_to_review`, removals wait for a person's decision; `has_open_request`: a person's request for a sync does.
    """

    connection: Connection
    entity: Entity
    schedule: EntitySchedule
    freshness: Freshness
    as_of: datetime | None
    cadence: timedelta
    next_run: datetime | None
    run: SyncRun | None
    read_with: Entity | None
    run_to_review: SyncRun | None = None
    has_open_request: bool = False

    @property
    def expected_run(self) -> datetime | None:
        """The next run as pages announce it: None while the schedule is paused or the WMS rejects the login."""
        is_blocked = self.freshness == Freshness.PAUSED or self.connection.status == Status.NEEDS_ATTENTION
        return None if is_blocked else self.next_run


def sync_state(connection: Connection, *, bills: bool = False) -> list[EntityState]:
    """Return a state for each entity that the connection's WMS offers, in the order of `Entity`.

    `bills` includes the bills, for people who may see them.
    """
    return sync_states([connection], bills=bills)[connection.pk]


def sync_states(connections: Sequence[Connection], *, bills: bool = False) -> dict[int, list[EntityState]]:
    """Return the states of several connections by primary key, in two statements however many there are."""
    moment = now()
    schedules: dict[int, dict[str, EntitySchedule]] = {connection.pk: {} for connection in connections}
    for one in _with_latest_runs(list(schedules), moment):
        schedules[one.connection_id][one.entity] = one
    runs = _load_runs([one for by_entity in schedules.values() for one in by_entity.values()])
    return {
        connection.pk: [
            _state(connection, entity, schedules[connection.pk], runs, moment)
            for entity in visible_entities(connection.connector.entities(), bills=bills)
        ]
        for connection in connections
    }


def worst(states: Iterable[EntityState]) -> Freshness:
    """Return the freshness of a page that shows all of these states; NEVER for none."""
    return min((state.freshness for state in states), key=WORST_FIRST.index, default=Freshness.NEVER)


def _with_latest_runs(connections: list[int], moment: datetime) -> QuerySet[EntitySchedule]:
    """Return the schedules of the connections with the keys of the runs and the heartbeats that pages show.

    `latest_run` has started or was requested, `planned_at` is the time of the next scheduled run, `held_run` waits for
    a decision. Each is looked up by an index, since a connection has thousands of runs.
    """
    same = {"connection": OuterRef("connection"), "entity": OuterRef("entity")}
    runs = SyncRun.objects.filter(**same)
    return EntitySchedule.objects.filter(connection__in=connections).annotate(
        latest_run=Subquery(runs.exclude(is_planned(moment)).order_by("-pk").values("pk")[:1]),
        planned_at=Subquery(runs.filter(is_planned(moment)).values("due_at")[:1]),
        held_run=Subquery(undecided().filter(**same).order_by("-pk").values("pk")[:1]),
        has_open_request=Exists(SyncRequest.objects.filter(**same, decision="")),
        **heartbeats.columns(),
    )


def _load_runs(schedules: list[EntitySchedule]) -> dict[int, SyncRun]:
    """Return the latest and the held runs of the schedules, by primary key."""
    keys = {getattr(one, name) for one in schedules for name in ("latest_run", "held_run")} - {None}
    return SyncRun.objects.select_related("requested_by", "lane", "cancelled_by").in_bulk(keys)


def _state(
    connection: Connection,
    entity: Entity,
    schedules: dict[str, EntitySchedule],
    runs: dict[int, SyncRun],
    moment: datetime,
) -> EntityState:
    parent = connection.connector.read_with.get(entity)
    # A schedule that was deleted outside the product must not make its row disappear.
    schedule = schedules.get(parent or entity) or default_schedule(connection, parent or entity, moment)
    is_on = schedule.enabled and connection.is_live
    planned = getattr(schedule, "planned_at", None)
    return EntityState(
        connection=connection,
        entity=entity,
        schedule=schedule,
        freshness=freshness(schedule, moment),
        as_of=schedule.as_of,
        cadence=schedule.cadence,
        next_run=(planned or schedule.next_due_at) if is_on else None,
        run=runs.get(getattr(schedule, "latest_run", 0)),
        read_with=parent,
        run_to_review=runs.get(getattr(schedule, "held_run", 0)),
        has_open_request=getattr(schedule, "has_open_request", False),
    )
