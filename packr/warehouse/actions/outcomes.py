"""What the WMS answered to an action, in the mirror and on the action: both or neither."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, transaction
from django.utils.timezone import now
from msgspec import UNSET

from integrations import action_sender
from integrations.action_sender import SendOutcome
from integrations.connectors.actions import ActionKind, ActionResult
from integrations.entities import Entity
from integrations.models import Action, ActionState
from integrations.records import Record

from ..mirror import history_recorder as history
from ..mirror import sql, write_protection, writer
from ..mirror.write_plan import WritePolicy
from ..models import Order
from ..models.change_causes import Cause, CauseKind

log = logging.getLogger(__name__)
TRIES = 3
OPEN_STATES = (ActionState.SENDING, ActionState.UNKNOWN)
KEPT = (
    "state",
    "external_id",
    "answered_at",
    "latency_ms",
    "message",
    "errors",
    "origin",
    "failure",
    "retry_at",
    "warning",
    "exchanges",
    "version_updated_at",
    "version_at",
    "shielded_until",
    "settle_at",
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the mirror is to show of an accepted action, and which version that is."""

    record: Record | None
    updated_at: datetime | None
    version_at: datetime | None


def take(action: Action, outcome: SendOutcome) -> bool:
    """Store an outcome, and show what was accepted in the mirror. False when another process had settled it before.

    Raises DatabaseError when the database can't store it; then the action is looked up at the WMS later.
    """
    shown = _shown(action, outcome.done, outcome.seen) if outcome.done else None
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                return _store(action, outcome, shown)
        except OperationalError:
            # Another writer changed the row this moment, or the database was busy: the answer is not lost for that.
            if not left:
                raise
            log.warning("Action %s: its answer is stored at the next try.", action.pk, exc_info=True)
    return False


def _shown(action: Action, done: ActionResult, seen: Record | None) -> _Shown:
    """The answer itself or, where it is not whole or of no version, what was read after it."""
    if done.record is not None and done.version_known:
        return _version(done.record)
    if seen is not None and _shows(action, seen):
        return _version(seen)
    # What was read, if anything, is older than the change: the moment of the answer is its version.
    return _Shown(done.record, done.clock or now(), None)


def _version(record: Record) -> _Shown:
    return _Shown(record, _moment(record.updated_at), _moment(record.version_at))


def _moment(stamp: Any) -> datetime | None:
    return None if stamp is UNSET else stamp


def _shows(action: Action, record: Record) -> bool:
    return write_protection.shows(action, write_protection.Found(record, (None, None), is_same=False))


def _store(action: Action, outcome: SendOutcome, shown: _Shown | None) -> bool:
    """Inside a transaction. The action is only changed when it was still open."""
    moment = now()
    action_sender.note(action, outcome)
    if outcome.state == ActionState.UNKNOWN:
        action.settle_at = next_look(action.asked_at, action.looks, moment)
    else:
        action.answered_at, action.settle_at = moment, None
    if outcome.done and shown:
        _show(action, outcome.done, shown, moment)
    open_ = Action.objects.filter(pk=action.pk, state__in=OPEN_STATES)
    if open_.update(**{name: getattr(action, name) for name in KEPT}):
        return True
    transaction.set_rollback(True)
    action.refresh_from_db()
    return False


def _show(action: Action, done: ActionResult, shown: _Shown, moment: datetime) -> None:
    entity = Entity(action.entity)
    action.external_id = done.external_id
    action.version_updated_at, action.version_at = shown.updated_at, shown.version_at
    if done.unused:
        action.warning = f"The WMS did not use: {', '.join(done.unused)}."
    operation = action_sender.operation_of(action)
    assert operation is not None
    write_protection.protect(action, moment + operation.seen_within)
    action.settle_at = action.shielded_until
    if shown.record is not None:
        writer.apply(
            action.connection_id,
            entity,
            [shown.record],
            now=moment,
            clock=done.clock,
            policy=WritePolicy.action(),
            cause=cause_of(action),
        )
    elif action.kind in (ActionKind.HOLD_ORDER, ActionKind.RELEASE_ORDER):
        _show_hold(action, moment)


def _show_hold(action: Action, moment: datetime) -> None:
    """The WMS's API can't show the hold yet: until it does, the order bears it by this action."""
    change_no = sql.next_change_no(action.connection_id)
    order = Order.objects.filter(connection=action.connection_id, external_id=action.external_id)
    holds = action.kind == ActionKind.HOLD_ORDER
    known = dict(order.values_list("pk", "held"))
    order.update(changed_at=moment, change_no=change_no, held=holds)
    change = history.Change(action.connection_id, Entity.ORDERS, change_no, moment, cause_of(action))
    for pk, was in known.items():
        if was != holds:
            history.note(change, pk, [("held", "", was, holds)])


def cause_of(action: Action) -> Cause:
    """What stands in the history of what the action changed."""
    kind = ActionKind(action.kind)
    who = f" by {action.person.get_username()}" if action.person else ""
    return Cause(CauseKind.ACTION, action.pk, f"{kind.label}{who}")


# When Packr looks again for the outcome of an action whose answer was lost.
# How long after each other; the last goes on until the doubt is given up.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600))
LONGEST_DOUBT = timedelta(hours=24)
# So long may the same be sent once more, where that does no harm; what comes later would surprise.
REPEATS_FOR = timedelta(minutes=15)
# So long has a process to find out about one action before another may.
LEASE = timedelta(minutes=2)


def next_look(asked_at: datetime, looks: int, now: datetime) -> datetime | None:
    """When to look again after so many looks; None once it is no use any more."""
    if now - asked_at > LONGEST_DOUBT:
        return None
    return now + WAITS[min(looks, len(WAITS) - 1)]
