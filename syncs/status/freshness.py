"""How fresh each entity is, and what its latest run did: what every page, command and API answer is made from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection

from ..models import COMPLETE, EntitySchedule, Mode, State, SyncRequest, SyncRun
from ..process import heartbeats
from ..runs.cadence import default_schedule


class Freshness(models.TextChoices):
    FRESH = "fresh", "Fresh"
    NEVER = "never", "Never synced"
    LATE = "late", "Late"
    STALE = "stale", "Stale"
    PAUSED = "paused", "Paused"
    OFF = "off", "Off"
    NOT_OFFERED = "not_offered", "Not offered"


# From what is worst to what is of no concern.
WORST_FIRST = (
    Freshness.STALE,
    Freshness.LATE,
    Freshness.NEVER,
    Freshness.PAUSED,
    Freshness.FRESH,
    Freshness.OFF,
    Freshness.NOT_OFFERED,
)


@dataclass(frozen=True)
class EntityState:
    """One entity of one connection. `run` is its latest; for an entity that is read with another, that one's.

    `held`: the run whose removals wait for a person's decision. `is_asked_for`: so does somebody's request for a sync.
    """

    entity: Entity
    schedule: EntitySchedule
    freshness: Freshness
    as_of: datetime | None
    cadence: timedelta
    next_run: datetime | None
    run: SyncRun | None
    read_with: Entity | None
    held: SyncRun | None = None
    is_asked_for: bool = False


def sync_state(connection: Connection, *, bills: bool = False) -> list[EntityState]:
    """One state per entity that the connection's WMS offers, never-run ones included, in Entity's order.

    `bills`: with those, for who may see them.
    """
    return sync_states([connection], bills=bills)[connection.pk]


def sync_states(connections: Sequence[Connection], *, bills: bool = False) -> dict[int, list[EntityState]]:
    """The same of several connections by their keys, in two statements however many they are."""
    moment = now()
    schedules: dict[int, dict[Entity, EntitySchedule]] = {connection.pk: {} for connection in connections}
    for one in _with_runs(list(schedules), moment):
        schedules[one.connection_id][Entity(one.entity)] = one
    runs = _runs([one for each in schedules.values() for one in each.values()])
    found = {connection.pk: _states(connection, schedules[connection.pk], runs, moment) for connection in connections}
    if bills:
        return found
    return {pk: [state for state in states if state.entity != Entity.BILLS] for pk, states in found.items()}


def _states(
    connection: Connection, schedules: dict[Entity, EntitySchedule], runs: dict[int, SyncRun], moment: datetime
) -> list[EntityState]:
    states = []
    for entity in connection.connector.entities():
        if entity not in schedules:  # deleted behind the product's back: the row must not vanish with it
            schedules[entity] = default_schedule(connection, entity, moment)
        parent = connection.connector.read_with.get(entity)
        leading = schedules.get(parent, schedules[entity]) if parent else schedules[entity]
        states.append(_state(connection, entity, leading, runs, parent, moment))
    return states


def entity_state(connection: Connection, entity: Entity) -> EntityState | None:
    """The state of one entity; None when the WMS does not offer it."""
    return next((state for state in sync_state(connection, bills=True) if state.entity == entity), None)


def _with_runs(connections: list[int], moment: datetime) -> QuerySet[EntitySchedule]:
    """Their schedules, each with its latest run that began or is on its way at a person's word, when it runs next, and
    what waits for a person: removals that are held back, and somebody's request. With them, for who shows all that on a
    page, the last signs of life of Packr's own processes.

    Looked up for each schedule by an index: a connection has thousands of runs.
    """
    ours = {"connection": OuterRef("connection"), "entity": OuterRef("entity")}
    runs = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"))
    planned = Q(state=State.QUEUED, due_at__gt=moment)
    return EntitySchedule.objects.filter(connection__in=connections).annotate(
        latest_run=Subquery(runs.exclude(planned).order_by("-pk").values("pk")[:1]),
        planned_at=Subquery(runs.filter(planned).values("due_at")[:1]),
        held_run=Subquery(undecided().filter(**ours).order_by("-pk").values("pk")[:1]),
        is_asked_for=Exists(SyncRequest.objects.filter(**ours, decision="")),
        **heartbeats.columns(),
    )


def _runs(schedules: list[EntitySchedule]) -> dict[int, SyncRun]:
    """The runs that the schedules name, by their keys."""
    named = {getattr(one, name, None) for one in schedules for name in ("latest_run", "held_run")} - {None}
    return SyncRun.objects.select_related("requested_by", "lane", "cancelled_by").in_bulk(named)


def _state(
    connection: Connection,
    entity: Entity,
    schedule: EntitySchedule,
    runs: dict[int, SyncRun],
    parent: Entity | None,
    moment: datetime,
) -> EntityState:
    is_on = schedule.enabled and connection.is_live
    planned = getattr(schedule, "planned_at", None)
    return EntityState(
        entity=entity,
        schedule=schedule,
        freshness=freshness(schedule, moment),
        as_of=schedule.as_of,
        cadence=schedule.cadence,
        next_run=(planned or schedule.next_due_at) if is_on else None,
        run=runs.get(getattr(schedule, "latest_run", 0)),
        read_with=parent,
        held=runs.get(getattr(schedule, "held_run", 0)),
        is_asked_for=getattr(schedule, "is_asked_for", False),
    )


def freshness(schedule: EntitySchedule, moment: datetime) -> Freshness:
    """How the age of the data compares with its cadence."""
    if not schedule.enabled:
        return Freshness.OFF if schedule.offered or schedule.as_of else Freshness.NOT_OFFERED
    if schedule.paused_until and schedule.paused_until > moment:
        return Freshness.PAUSED
    if schedule.as_of is None:
        return Freshness.NEVER
    age = moment - schedule.as_of
    if age <= fresh_for(schedule.cadence):
        return Freshness.FRESH
    return Freshness.LATE if age <= late_for(schedule.cadence) else Freshness.STALE


def fresh_for(cadence: timedelta) -> timedelta:
    """How old data of this cadence may be and still be called fresh: the cadence and some grace."""
    return cadence + max(timedelta(seconds=60), cadence * 0.2)


def late_for(cadence: timedelta) -> timedelta:
    """How old data of this cadence may be and still be called late; older than that it is stale."""
    return max(2 * cadence, fresh_for(cadence))


def superseded() -> Exists:
    """For a query of runs: whether a newer full run read the same data to its end, and so looked at it anew."""
    newer = SyncRun.objects.filter(
        connection=OuterRef("connection"),
        entity=OuterRef("entity"),
        pk__gt=OuterRef("pk"),
        mode=Mode.FULL,
        state__in=COMPLETE,
    )
    return Exists(newer)


def undecided() -> QuerySet[SyncRun]:
    """The runs that hold removals back until a person decides about them."""
    return SyncRun.objects.filter(~superseded(), state=State.NEEDS_REVIEW, review="")


def worst(states: Iterable[EntityState]) -> Freshness:
    """The state of a screen that uses all of these."""
    found = {state.freshness for state in states}
    return next((one for one in WORST_FIRST if one in found), Freshness.NEVER)


def displayed_state(run: SyncRun) -> str:
    """The run's state for a person: a running one whose worker is gone is *interrupted*."""
    lapsed = run.lane.leased_until is not None and run.lane.leased_until < now()
    return "interrupted" if run.state == State.RUNNING and lapsed else run.state
