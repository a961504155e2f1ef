"""Asking for runs: one that is due now for each entity, or the one that is under way already."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.errors import Refused

from ..models import ACTIVE, EntitySchedule, Lane, Mode, State, SyncRun, Trigger
from ..process import wakeups
from .cadence import DEFAULT_INTERVALS
from .planner import lanes_of

# A person's run begins before all that is queued, however late that is; once it has begun, this much before the clock.
URGENCY_OF_PEOPLE, PERSON_KEEPS_LEAD = timedelta(days=3650), timedelta(minutes=5)


@dataclass(frozen=True)
class QueuedRun:
    """The run that answers a request; `attached` when it was under way already."""

    run: SyncRun
    attached: bool


@dataclass(frozen=True)
class RunRequest:
    """What a run shall read, why, and who waits for it. `window`: from when to when, for that mode alone."""

    mode: Mode
    trigger: Trigger
    person: Any = None
    window: tuple[datetime, datetime] | None = None


def request_runs(
    connection: Connection,
    entities: Iterable[Entity],
    *,
    mode: Mode = Mode.INCREMENTAL,
    trigger: Trigger,
    person: Any = None,
    window: tuple[datetime, datetime] | None = None,
) -> list[QueuedRun]:
    """Ask for a run of each entity now. An entity that is read with another one runs that one.

    Nobody gets a second run of what is active: a running one is attached to (and marked *then full* when asked for
    more than it does), a queued one becomes due now. A date `window` is read of history entities, by the times at
    which the WMS changed them; it starts no run beside another one. Raises Refused for a connection that is
    disconnected, for an entity its WMS does not offer, and for a window that can't be read.
    """
    if not connection.is_live:
        raise Refused(f"{connection.name} is disconnected, so nothing can be synced. Connect it again first.")
    wanted = list(dict.fromkeys(_schedulable(connection, entity) for entity in entities))
    if mode == Mode.WINDOW:
        _check_window(connection, wanted, window)
    wish = RunRequest(mode, trigger, person, window)
    with transaction.atomic():
        lane = lanes_of([connection])[connection.account_key]
        # Always in the same order: two requests that lock each other's runs crosswise would never end.
        requested = {entity: _request(connection, lane, entity, wish) for entity in Entity if entity in wanted}
        transaction.on_commit(wakeups.wake)
    return [requested[entity] for entity in wanted]


def _check_window(connection: Connection, wanted: Iterable[Entity], window: tuple[datetime, datetime] | None) -> None:
    if window is None or window[0] >= window[1]:
        raise Refused("A date window needs a beginning and a later end.")
    for entity in wanted:
        if not entity.is_history:
            raise Refused(f"{entity.label} has no dates to choose from. Read it in full instead.")
        if _was_never_synced(connection, entity):
            raise Refused(f"{entity.label} was never synced. The first sync comes first, and reads everything.")


def _schedulable(connection: Connection, entity: Entity) -> Entity:
    connector = connection.connector
    if entity not in connector.entities():
        raise Refused(f"{connector.label} does not offer {entity.label.lower()}.")
    return connector.read_with.get(entity, entity)


def entities_of_group(connection: Connection, name: str, members: Iterable[Entity]) -> list[Entity]:
    """The entities of a group that this connection's WMS offers; Refused when it is none of them."""
    offered = [entity for entity in members if entity in connection.connector.entities()]
    if not offered:
        raise Refused(f"{connection.connector.label} offers nothing of “{name}”.")
    return offered


def _request(connection: Connection, lane: Lane, entity: Entity, wish: RunRequest) -> QueuedRun:
    active = SyncRun.objects.filter(connection=connection, entity=entity, state__in=ACTIVE)
    while (found := active.select_for_update().first()) is None:
        try:
            with transaction.atomic():
                return QueuedRun(new_run(connection, lane, entity, wish), attached=False)
        except IntegrityError:  # somebody else was faster; theirs is the run, unless it has ended by now
            continue
    if wish.mode == Mode.WINDOW and not _may_read_a_window(found):
        raise Refused(f"{entity.label} is being synced just now. Ask for the dates again when that has ended.")
    if found.state == State.QUEUED:
        return _promote(found, wish)
    if wish.mode == Mode.FULL and found.mode != Mode.FULL:
        _mark_then_full(found)
    return QueuedRun(found, attached=True)


def _may_read_a_window(run: SyncRun) -> bool:
    """Whether a run is only what the clock planned next: its changes come with the one after it."""
    return run.state == State.QUEUED and run.mode == Mode.INCREMENTAL and run.trigger == Trigger.SCHEDULE


def _mark_then_full(run: SyncRun) -> None:
    if not run.then_full:
        run.then_full = True
        run.save(update_fields=["then_full"])


def new_run(connection: Connection, lane: Lane, entity: Entity, wish: RunRequest) -> SyncRun:
    moment = now()
    run = SyncRun(
        connection=connection,
        lane=lane,
        entity=entity,
        mode=wish.mode,
        trigger=wish.trigger,
        requested_by=wish.person,
        due_at=moment,
        ready_at=moment,
        urgency=moment - URGENCY_OF_PEOPLE if wish.person else moment,
    )
    if wish.window:
        run.border, run.until = wish.window
    elif entity not in DEFAULT_INTERVALS or _was_never_synced(connection, entity):
        run.mode = Mode.FULL
    run.save(force_insert=True)
    return run


def _was_never_synced(connection: Connection, entity: Entity) -> bool:
    return EntitySchedule.objects.filter(connection=connection, entity=entity, watermark=None).exists()


def _promote(run: SyncRun, wish: RunRequest) -> QueuedRun:
    """Make a queued run due now, with the person's priority and the stronger mode."""
    planned = run.requested_by is None and run.trigger == Trigger.SCHEDULE
    if planned:
        run.trigger, run.requested_by = wish.trigger, wish.person
    if wish.mode != Mode.INCREMENTAL:
        run.mode = wish.mode
        run.border, run.until = wish.window or (None, None)
    moment = now()
    run.due_at, run.ready_at = min(run.due_at, moment), min(run.ready_at, moment)
    run.urgency = min(run.urgency, moment - URGENCY_OF_PEOPLE)
    run.save(update_fields=["trigger", "requested_by", "mode", "border", "until", "due_at", "ready_at", "urgency"])
    return QueuedRun(run, attached=not planned)


def backfill(connection: Connection, until: datetime, *, person: Any = None) -> None:
    """Read the history between the connection's border, which was moved back, and `until`, where it was before.

    What is under way reads everything anew when it has ended; what never ran will read it anyway.
    """
    wish = RunRequest(Mode.WINDOW, Trigger.MANUAL if person else Trigger.SUPPORT, person, (connection.border, until))
    history = {_schedulable(connection, one) for one in connection.connector.entities() if one.is_history}
    on = EntitySchedule.objects.filter(connection=connection, entity__in=history, enabled=True)
    wanted = set(on.values_list("entity", flat=True))
    with transaction.atomic():
        lane = lanes_of([connection])[connection.account_key]
        for entity in (one for one in Entity if one in wanted):
            _backfill(connection, lane, entity, wish)
        transaction.on_commit(wakeups.wake)


def _backfill(connection: Connection, lane: Lane, entity: Entity, wish: RunRequest) -> None:
    try:
        if not _was_never_synced(connection, entity):
            _request(connection, lane, entity, wish)
            return
    except Refused:
        pass
    active = SyncRun.objects.filter(connection=connection, entity=entity, state__in=ACTIVE)
    for run in active.select_for_update():
        if run.state != State.QUEUED:
            _mark_then_full(run)
        elif run.mode != Mode.FULL:
            _promote(run, replace(wish, mode=Mode.FULL, window=None))
