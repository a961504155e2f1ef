"""Asking for runs, taking them, ending them."""

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection

from . import seen, statements, wakeups
from .models import ACTIVE, Checkpoint, EntitySchedule, Lane, Mode, State, SyncRun, Trigger
from .prepared import Prepared
from .schedule import EVERY, HORIZON, lanes_of, queue_due

# A person's run begins before all that is queued, however late that is; once it has begun, this much before the clock.
BEFORE_ALL, PERSON_AHEAD = timedelta(days=3650), timedelta(minutes=5)
MOST_CLAIMS = 5
MOST_TRIES = 5


class Refused(Exception):
    """A request for a sync that can't be met; the text says why, for the person who asked."""


@dataclass(frozen=True)
class Requested:
    """The run that answers a request; `attached` when it was under way already."""

    run: SyncRun
    attached: bool


@dataclass(frozen=True)
class Wish:
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
) -> list[Requested]:
    """Ask for a run of each entity now. An entity that is read with another one runs that one.

    Nobody gets a second run of what is active: a running one is attached to (and marked *then full* when asked for
    more than it does), a queued one becomes due now. A date `window` is read of history entities, by the times at
    which the WMS changed them; it starts no run beside another one. Raises Refused for a connection that is
    disconnected, for an entity its WMS does not offer, and for a window that can't be read.
    """
    if not connection.is_live:
        raise Refused(f"{connection.name} is disconnected, so nothing can be synced. Connect it again first.")
    wanted = list(dict.fromkeys(_runnable(connection, entity) for entity in entities))
    if mode == Mode.WINDOW:
        _check_window(connection, wanted, window)
    wish = Wish(mode, trigger, person, window)
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


def _runnable(connection: Connection, entity: Entity) -> Entity:
    connector = connection.connector
    if entity not in connector.entities():
        raise Refused(f"{connector.label} does not offer {entity.label.lower()}.")
    return connector.read_with.get(entity, entity)


def group(connection: Connection, name: str, members: Iterable[Entity]) -> list[Entity]:
    """The entities of a group that this connection's WMS offers; Refused when it is none of them."""
    offered = [entity for entity in members if entity in connection.connector.entities()]
    if not offered:
        raise Refused(f"{connection.connector.label} offers nothing of “{name}”.")
    return offered


def _request(connection: Connection, lane: Lane, entity: Entity, wish: Wish) -> Requested:
    active = SyncRun.objects.filter(connection=connection, entity=entity, state__in=ACTIVE)
    while (found := active.select_for_update().first()) is None:
        try:
            with transaction.atomic():
                return Requested(_new_run(connection, lane, entity, wish), attached=False)
        except IntegrityError:  # somebody else was faster; theirs is the run, unless it has ended by now
            continue
    if wish.mode == Mode.WINDOW and not _may_read_a_window(found):
        raise Refused(f"{entity.label} is being synced just now. Ask for the dates again when that has ended.")
    if found.state == State.QUEUED:
        return _hurry(found, wish)
    if wish.mode == Mode.FULL and found.mode != Mode.FULL:
        _then_full(found)
    return Requested(found, attached=True)


def _may_read_a_window(run: SyncRun) -> bool:
    """Whether a run is only what the clock planned next: its changes come with the one after it."""
    return run.state == State.QUEUED and run.mode == Mode.INCREMENTAL and run.trigger == Trigger.SCHEDULE


def _then_full(run: SyncRun) -> None:
    if not run.then_full:
        run.then_full = True
        run.save(update_fields=["then_full"])


def _new_run(connection: Connection, lane: Lane, entity: Entity, wish: Wish) -> SyncRun:
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
        urgency=moment - BEFORE_ALL if wish.person else moment,
    )
    if wish.window:
        run.border, run.until = wish.window
    elif entity not in EVERY or _was_never_synced(connection, entity):
        run.mode = Mode.FULL
    run.save(force_insert=True)
    return run


def _was_never_synced(connection: Connection, entity: Entity) -> bool:
    return EntitySchedule.objects.filter(connection=connection, entity=entity, watermark=None).exists()


def _hurry(run: SyncRun, wish: Wish) -> Requested:
    """Make a queued run due now, with the person's priority and the stronger mode."""
    planned = run.requested_by is None and run.trigger == Trigger.SCHEDULE
    if planned:
        run.trigger, run.requested_by = wish.trigger, wish.person
    if wish.mode != Mode.INCREMENTAL:
        run.mode = wish.mode
        run.border, run.until = wish.window or (None, None)
    moment = now()
    run.due_at, run.ready_at = min(run.due_at, moment), min(run.ready_at, moment)
    run.urgency = min(run.urgency, moment - BEFORE_ALL)
    run.save(update_fields=["trigger", "requested_by", "mode", "border", "until", "due_at", "ready_at", "urgency"])
    return Requested(run, attached=not planned)


def backfill(connection: Connection, until: datetime, *, person: Any = None) -> None:
    """Read the history between the connection's border, which was moved back, and `until`, where it was before.

    What is under way reads everything anew when it has ended; what never ran will read it anyway.
    """
    wish = Wish(Mode.WINDOW, Trigger.MANUAL if person else Trigger.SUPPORT, person, (connection.border, until))
    history = {_runnable(connection, one) for one in connection.connector.entities() if one.is_history}
    on = EntitySchedule.objects.filter(connection=connection, entity__in=history, enabled=True)
    wanted = set(on.values_list("entity", flat=True))
    with transaction.atomic():
        lane = lanes_of([connection])[connection.account_key]
        for entity in (one for one in Entity if one in wanted):
            _backfill(connection, lane, entity, wish)
        transaction.on_commit(wakeups.wake)


def _backfill(connection: Connection, lane: Lane, entity: Entity, wish: Wish) -> None:
    try:
        if not _was_never_synced(connection, entity):
            _request(connection, lane, entity, wish)
            return
    except Refused:
        pass
    active = SyncRun.objects.filter(connection=connection, entity=entity, state__in=ACTIVE)
    for run in active.select_for_update():
        if run.state != State.QUEUED:
            _then_full(run)
        elif run.mode != Mode.FULL:
            _hurry(run, replace(wish, mode=Mode.FULL, window=None))


def cancel(run: SyncRun, *, person: Any) -> bool:
    """Cancel an active run: one that waits at once, one that works after its page. False when it had ended already."""
    with transaction.atomic():
        current = SyncRun.objects.select_for_update().get(pk=run.pk)
        if not current.is_active:
            return False
        current.cancel_asked, current.cancelled_by = True, person
        current.save(update_fields=["cancel_asked", "cancelled_by"])
        if current.state != State.RUNNING:
            finish(current, State.CANCELLED, message="Cancelled before it went on. What was read so far is kept.")
    return True


RUN_IN_HAND = Prepared(SyncRun.objects.select_related("connection", "checkpoint").filter(pk=0))


@dataclass(frozen=True)
class Claim:
    """A run in a worker's hands: until `token` is no longer the lane's, nobody else touches the account."""

    run: SyncRun
    token: UUID


def lease_end() -> datetime:
    """When a lease taken or renewed now ends."""
    return now() + timedelta(seconds=settings.LEASE_SECONDS)


def claim(*, connection: Connection | None = None) -> Claim | None:
    """Take the lane with the most urgent ready run, and that run. None when there is nothing to do."""
    moment = now()
    for _ in range(MOST_TRIES):
        with transaction.atomic():
            found = statements.next_ready(moment, connection.pk if connection else None)
            token = _take(*found, moment) if found else None
        if found is None:
            return None
        if token:
            # Only now: what was read before the lane was taken may be from before another worker's last page.
            return Claim(RUN_IN_HAND.get(found[0]), token)
    return None


def _take(run_id: int, lane_id: int, moment: datetime) -> UUID | None:
    """Take a run and its lane; None when another worker was faster."""
    token = uuid4()
    worker = f"{socket.gethostname()}:{os.getpid()}"[:100]
    if not statements.lease(lane_id, token, lease_end(), worker, moment):
        return None
    if not statements.start(run_id, moment):
        statements.renew(lane_id, token, None)
        return None
    return token


def release(claimed: Claim) -> None:
    """Give the lane back."""
    statements.renew(claimed.run.lane_id, claimed.token, None)


class LeaseLost(Exception):
    """Another worker has the lane by now: nothing more may be written."""


class Gone(Exception):
    """The run has ended by another hand: nothing more is to be done for it."""


class Cancelled(Exception):
    """A person asked for the run to be cancelled."""


def fence(claimed: Claim) -> None:
    """Renew the lease; LeaseLost when it is another's. First statement of everything a worker writes."""
    if not statements.renew(claimed.run.lane_id, claimed.token, lease_end()):
        raise LeaseLost


def unwanted(run: SyncRun) -> Gone | Cancelled:
    """Why a run that a worker holds may not be written to."""
    asked = SyncRun.objects.filter(pk=run.pk, state=State.RUNNING, cancel_asked=True).exists()
    return Cancelled() if asked else Gone()


def complete(
    run: SyncRun,
    state: State,
    values: Mapping[str, Any],
    *,
    message: str = "",
    has_trail: bool = True,
    due: datetime | None = None,
) -> None:
    """End a run that a worker has read to its end, `values` in its row. Raises Gone, and Cancelled when asked to.

    `has_trail`: something was kept to resume it from. `due`: when its schedule falls due next, as far as is known.
    """
    _end(run, state, message=message)
    everything = {**_ending(run), **values}
    # The usual end in one statement: nobody asked for anything meanwhile.
    if statements.write(run.pk, everything, unless_full=True):
        return _after(run, then_full=False, has_trail=has_trail, due=due)
    if not statements.write(run.pk, everything):
        raise unwanted(run)
    return _after(run, then_full=True, has_trail=has_trail)


def finish(run: SyncRun, state: State, *, message: str = "", failure: str = "", detail: str = "") -> None:
    """End a run, inside the caller's transaction; what comes after it is queued with it."""
    _end(run, state, message=message, failure=failure, detail=detail)
    rows = SyncRun.objects.filter(pk=run.pk)
    rows.update(**_ending(run))
    _after(run, then_full=rows.values_list("then_full", flat=True)[0] and state != State.CANCELLED)


def _end(run: SyncRun, state: State, *, message: str, failure: str = "", detail: str = "") -> None:
    run.state, run.completed_at = state, now()
    run.message, run.failure, run.detail = message, failure, detail


def _ending(run: SyncRun) -> dict[str, Any]:
    return {name: getattr(run, name) for name in ("state", "completed_at", "message", "failure", "detail")}


def _after(run: SyncRun, *, then_full: bool, has_trail: bool = True, due: datetime | None = None) -> None:
    """What a run leaves behind goes, and what comes after it is queued."""
    if has_trail:
        Checkpoint.objects.filter(run=run).delete()
        seen.forget(run)
    if then_full and run.connection.is_live:
        follower = _new_run(run.connection, run.lane, Entity(run.entity), Wish(Mode.FULL, Trigger(run.trigger)))
        SyncRun.objects.filter(pk=run.pk).update(followed_by=follower)
    moment = now()
    if due is None or due <= moment + HORIZON:  # later ones are the tick's
        queue_due(moment, only=Q(connection=run.connection_id, entity=run.entity))


def stop_all(connection: Connection, message: str, *, state: State = State.CANCELLED, failure: str = "") -> None:
    """End every active run of a connection that no worker holds; a running one ends at its next page."""
    with transaction.atomic():
        active = SyncRun.objects.filter(connection=connection, state__in=ACTIVE)
        for run in active.select_for_update().order_by("entity"):
            if run.state == State.RUNNING:
                SyncRun.objects.filter(pk=run.pk).update(cancel_asked=True)
            else:
                finish(run, state, message=message, failure=failure)
