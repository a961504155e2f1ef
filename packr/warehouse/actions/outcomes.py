"""Outcomes: stores the WMS's answer on the action and shows it in the mirror, both or neither."""

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
MAX_ATTEMPTS = 3
OPEN_STATES = (ActionState.SENDING, ActionState.UNKNOWN)
# Delays between looks at the WMS for an unknown outcome; the last repeats until MAX_DOUBT.
LOOK_INTERVALS = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600))
MAX_DOUBT = timedelta(hours=24)
OUTCOME_FIELDS = (
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
class _AcceptedVersion:
    """What the mirror will show of an accepted action, and the version of it."""

    record: Record | None
    updated_at: datetime | None
    version_at: datetime | None


def store(action: Action, outcome: SendOutcome) -> bool:
    """Store an outcome and show an accepted one in the mirror. Return False if another process settled it before.

    Raises DatabaseError if the database can't store it; reconciliation then looks the action up at the WMS.
    """
    accepted = _accepted_version(action, outcome.result, outcome.current) if outcome.result else None
    for attempts_left in reversed(range(MAX_ATTEMPTS)):
        try:
            with transaction.atomic():
                return _store(action, outcome, accepted)
        except OperationalError:
            # Another writer held the row, or the database was busy: try again before the answer is lost.
            if not attempts_left:
                raise
            log.warning("Action %s: storing its answer failed; trying again.", action.pk, exc_info=True)
    return False


def _accepted_version(action: Action, done: ActionResult, seen: Record | None) -> _AcceptedVersion:
    """Return the answer itself or, if it is incomplete or has no version, the record read after it."""
    if done.record is not None and done.version_known:
        return _version(done.record)
    if seen is not None and _shows(action, seen):
        return _version(seen)
    # A record read before the WMS shows the change is older than it, so the time of the answer is the version.
    return _AcceptedVersion(done.record, done.clock or now(), None)


def _version(record: Record) -> _AcceptedVersion:
    return _AcceptedVersion(record, _time(record.updated_at), _time(record.version_at))


def _time(stamp: Any) -> datetime | None:
    return None if stamp is UNSET else stamp


def _shows(action: Action, record: Record) -> bool:
    return write_protection.shows(action, write_protection.FoundRecord(record, (None, None), is_same=False))


def _store(action: Action, outcome: SendOutcome, accepted: _AcceptedVersion | None) -> bool:
    """Store the outcome inside a transaction; an action that is no longer open stays as it is."""
    moment = now()
    action_sender.apply_outcome(action, outcome)
    if outcome.state == ActionState.UNKNOWN:
        action.settle_at = next_look(action.asked_at, action.looks, moment)
    else:
        action.answered_at, action.settle_at = moment, None
    if outcome.result and accepted:
        _show_accepted(action, outcome.result, accepted, moment)
    open_ = Action.objects.filter(pk=action.pk, state__in=OPEN_STATES)
    if open_.update(**{name: getattr(action, name) for name in OUTCOME_FIELDS}):
        return True
    transaction.set_rollback(True)
    action.refresh_from_db()
    return False


def _show_accepted(action: Action, done: ActionResult, accepted: _AcceptedVersion, moment: datetime) -> None:
    action.external_id = done.external_id
    action.version_updated_at, action.version_at = accepted.updated_at, accepted.version_at
    if done.unused:
        action.warning = f"The WMS did not use: {', '.join(done.unused)}."
    operation = action_sender.operation_of(action)
    assert operation is not None
    write_protection.protect(action, moment + operation.visibility_delay)
    action.settle_at = action.shielded_until
    if accepted.record is not None:
        writer.apply(
            action.connection_id,
            Entity(action.entity),
            [accepted.record],
            now=moment,
            clock=done.clock,
            policy=WritePolicy.action(),
            cause=cause_of(action),
        )
    elif action.kind in (ActionKind.HOLD_ORDER, ActionKind.RELEASE_ORDER):
        _show_hold(action, moment)


def _show_hold(action: Action, moment: datetime) -> None:
    """Mark the order as held or released: the WMS's API does not show holds yet."""
    change_no = sql.next_change_no(action.connection_id)
    order = Order.objects.filter(connection=action.connection_id, external_id=action.external_id)
    is_held = action.kind == ActionKind.HOLD_ORDER
    held_before = dict(order.values_list("pk", "held"))
    order.update(changed_at=moment, change_no=change_no, held=is_held)
    change = history.ChangeContext(action.connection_id, Entity.ORDERS, change_no, moment, cause_of(action))
    for pk, was_held in held_before.items():
        if was_held != is_held:
            history.record_values(change, pk, [("held", "", was_held, is_held)])


def cause_of(action: Action) -> Cause:
    """Return the cause that the history shows for changes made by the action."""
    by = f" by {action.person.get_username()}" if action.person else ""
    return Cause(CauseKind.ACTION, action.pk, f"{ActionKind(action.kind).label}{by}")


def next_look(asked_at: datetime, looks: int, now: datetime) -> datetime | None:
    """Return when to look again after `looks` looks; None once MAX_DOUBT has passed."""
    if now - asked_at > MAX_DOUBT:
        return None
    return now + LOOK_INTERVALS[min(looks, len(LOOK_INTERVALS) - 1)]
