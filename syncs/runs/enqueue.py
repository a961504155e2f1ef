"""Requesting runs: each entity gets a run that is due now, or joins the active one."""

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

# A run that a person requested starts before all queued runs, however late they are. Once it has started, it is treated
# as this much older than scheduled runs.
PERSON_HEAD_START, PERSON_KEEPS_LEAD = timedelta(days=3650), timedelta(minutes=5)


@dataclass(frozen=True)
class QueuedRun:
    """The run that answers a request. `attached`: it was active already."""

    run: SyncRun
    attached: bool


@dataclass(frozen=True)
class RunRequest:
    """What a run is to read and why. `window` is the start and end of a date window."""

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
    """Request a run of each entity and return the runs. An entity that is read with another one runs that one.

    No entity gets a second active run. A running run is attached to, and marked *then full* if a full run was requested
    and it is none. A queued run becomes due now. A date `window` reads what the WMS changed between two times, of
    history entities only, and attaches to no run. Raises Refused if the connection is disconnected, the WMS does not
    offer an entity, or the window can't be read.
    """
    if not connection.is_live:
        raise Refused(f"{connection.name} is disconnected, so nothing can be synced. Connect it again first.")
    wanted = list(dict.fromkeys(_scheduled_entity(connection, entity) for entity in entities))
    if mode == Mode.WINDOW:
        _check_window(connection, wanted, window)
    request = RunRequest(mode, trigger, person, window)
    with transaction.atomic():
        lane = lanes_of([connection])[connection.account_key]
        # Always in the same order, so that two requests can't lock each other's runs.
        queued = {entity: _enqueue(connection, lane, entity, request) for entity in Entity if entity in wanted}
        transaction.on_commit(wakeups.wake)
    return [queued[entity] for entity in wanted]


def queue_full_run_after(run: SyncRun) -> SyncRun:
    """Queue and return the full run that was requested while `run` was running."""
    request = RunRequest(Mode.FULL, Trigger(run.trigger))
    return _create_run(run.connection, run.lane, Entity(run.entity), request)


def backfill(connection: Connection, until: datetime, *, person: Any = None) -> None:
    """Read the history from the connection's history start, which was moved back, until where it was before.

    An active run is followed by a full run instead. An entity that was never synced gets that history anyway.
    """
    trigger = Trigger.MANUAL if person else Trigger.SUPPORT
    request = RunRequest(Mode.WINDOW, trigger, person, (connection.border, until))
    history = {_scheduled_entity(connection, entity) for entity in connection.connector.entities() if entity.is_history}
    enabled = EntitySchedule.objects.filter(connection=connection, entity__in=history, enabled=True)
    wanted = set(enabled.values_list("entity", flat=True))
    with transaction.atomic():
        lane = lanes_of([connection])[connection.account_key]
        for entity in (entity for entity in Entity if entity in wanted):
            _backfill(connection, lane, entity, request)
        transaction.on_commit(wakeups.wake)


def entities_of_group(connection: Connection, name: str, members: Iterable[Entity]) -> list[Entity]:
    """Return the entities of a group that the connection's WMS offers. Raises Refused if it offers none."""
    offered = [entity for entity in members if entity in connection.connector.entities()]
    if not offered:
        raise Refused(f"{connection.connector.label} offers nothing of “{name}”.")
    return offered


def _check_window(connection: Connection, wanted: Iterable[Entity], window: tuple[datetime, datetime] | None) -> None:
    if window is None or window[0] >= window[1]:
        raise Refused("A date window needs a start and a later end.")
    for entity in wanted:
        if not entity.is_history:
            raise Refused(f"{entity.label} can’t be read by date. Run a full update instead.")
        if _was_never_synced(connection, entity):
            raise Refused(f"{entity.label} was never synced. The first sync reads everything; wait until it succeeds.")


def _scheduled_entity(connection: Connection, entity: Entity) -> Entity:
    """Return the entity whose run reads this one. Raises Refused if the WMS does not offer it."""
    connector = connection.connector
    if entity not in connector.entities():
        raise Refused(f"{connector.label} does not offer {entity.label.lower()}.")
    return connector.read_with.get(entity, entity)


def _enqueue(connection: Connection, lane: Lane, entity: Entity, request: RunRequest) -> QueuedRun:
    run, is_new = _active_or_new_run(connection, lane, entity, request)
    if is_new:
        return QueuedRun(run, attached=False)
    if request.mode == Mode.WINDOW and not _may_become_window(run):
        raise Refused(f"{entity.label} is being synced right now. Request the dates again when that run has ended.")
    if run.state == State.QUEUED:
        return _promote(run, request)
    if request.mode == Mode.FULL and run.mode != Mode.FULL:
        _mark_then_full(run)
    return QueuedRun(run, attached=True)


def _backfill(connection: Connection, lane: Lane, entity: Entity, request: RunRequest) -> None:
    was_synced = not _was_never_synced(connection, entity)
    run: SyncRun | None
    if was_synced:
        run, is_new = _active_or_new_run(connection, lane, entity, request)
    else:
        run, is_new = _active_run(connection, entity), False
    if run is None or is_new:
        return
    if was_synced and _may_become_window(run):
        _promote(run, request)
    elif run.state != State.QUEUED:
        _mark_then_full(run)
    elif run.mode != Mode.FULL:
        _promote(run, replace(request, mode=Mode.FULL, window=None))


def _active_run(connection: Connection, entity: Entity) -> SyncRun | None:
    active = SyncRun.objects.filter(connection=connection, entity=entity, state__in=ACTIVE)
    return active.select_for_update().first()


def _active_or_new_run(connection: Connection, lane: Lane, entity: Entity, request: RunRequest) -> tuple[SyncRun, bool]:
    """Return the active run of an entity, locked, or a new one, and whether it is new."""
    while (found := _active_run(connection, entity)) is None:
        try:
            with transaction.atomic():
                return _create_run(connection, lane, entity, request), True
        except IntegrityError:  # another request was faster; use its run unless that has ended by now
            continue
    return found, False


def _may_become_window(run: SyncRun) -> bool:
    """Return whether a run is only the next scheduled one, whose changes the run after it reads too."""
    return run.state == State.QUEUED and run.mode == Mode.INCREMENTAL and run.trigger == Trigger.SCHEDULE


def _mark_then_full(run: SyncRun) -> None:
    if not run.then_full:
        run.then_full = True
        run.save(update_fields=["then_full"])


def _create_run(connection: Connection, lane: Lane, entity: Entity, request: RunRequest) -> SyncRun:
    moment = now()
    run = SyncRun(
        connection=connection,
        lane=lane,
        entity=entity,
        mode=request.mode,
        trigger=request.trigger,
        requested_by=request.person,
        due_at=moment,
        ready_at=moment,
        urgency=moment - PERSON_HEAD_START if request.person else moment,
    )
    if request.window:
        run.border, run.until = request.window
    elif entity not in DEFAULT_INTERVALS or _was_never_synced(connection, entity):
        run.mode = Mode.FULL
    run.save(force_insert=True)
    return run


def _was_never_synced(connection: Connection, entity: Entity) -> bool:
    return EntitySchedule.objects.filter(connection=connection, entity=entity, watermark=None).exists()


def _promote(run: SyncRun, request: RunRequest) -> QueuedRun:
    """Make a queued run due now, with a person's priority and the stronger mode."""
    was_scheduled = run.requested_by is None and run.trigger == Trigger.SCHEDULE
    if was_scheduled:
        run.trigger, run.requested_by = request.trigger, request.person
    if request.mode != Mode.INCREMENTAL:
        run.mode = request.mode
        run.border, run.until = request.window or (None, None)
    moment = now()
    run.due_at, run.ready_at = min(run.due_at, moment), min(run.ready_at, moment)
    run.urgency = min(run.urgency, moment - PERSON_HEAD_START)
    run.save(update_fields=["trigger", "requested_by", "mode", "border", "until", "due_at", "ready_at", "urgency"])
    return QueuedRun(run, attached=not was_scheduled)
