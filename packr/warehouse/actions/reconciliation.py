"""Reconciliation: finds the outcome of actions whose answer was lost, and confirms accepted ones in the WMS's data."""

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from integrations import action_sender
from integrations.action_sender import SendOutcome
from integrations.connectors.actions import ActionResult, RetryPolicy
from integrations.entities import Entity
from integrations.models import Action, ActionState
from integrations.records import Record

from ..mirror import write_protection, writer
from . import outcomes
from .outcomes import MAX_DOUBT

DELETE_BATCH_SIZE = 500
MAX_ACTIONS = 20  # settled in one call
STILL_RUNNING = 409  # the WMS's status while the first request with the same key is still running
# An action that is safe to repeat is sent again for this long; a later repeat would surprise people.
RESEND_PERIOD = timedelta(minutes=15)
# One process has this long to settle an action before another may try.
LEASE = timedelta(minutes=2)
NOT_MADE = (
    "The WMS’s answer was lost, and the WMS does not show the change: it was not made. Send it again if it is still "
    "needed."
)
STILL_UNKNOWN = (
    "The WMS’s answer was lost, and Packr could not find out within a day whether the change was made. Check in the "
    "WMS before you send it again."
)
CONNECTION_ENDED = (
    "The connection was disconnected before Packr could find out whether the WMS made this change. Check in the WMS."
)


def is_any_due(now: datetime | None = None) -> bool:
    """Return whether an action is due for settling."""
    return Action.objects.filter(settle_at__lte=now or timezone.now()).exists()


def settle(now: datetime | None = None, *, seconds: float = 20) -> int:
    """Settle due actions for up to `seconds`, and return how many. Several processes may do this at the same time."""
    deadline = time.monotonic() + seconds
    count = 0
    due = Action.objects.filter(settle_at__lte=now or timezone.now()).order_by("settle_at")
    for action in due.only("pk", "settle_at")[:MAX_ACTIONS]:
        if time.monotonic() > deadline:
            break
        count += _settle_one(action, now or timezone.now())
    return count


def _settle_one(due: Action, moment: datetime) -> int:
    """Settle one action; return 0 if another process has claimed it."""
    claimed = Action.objects.filter(pk=due.pk, settle_at=due.settle_at)
    if not claimed.update(settle_at=moment + LEASE, looks=F("looks") + 1):
        return 0
    action = Action.objects.select_related("connection__workspace", "person").get(pk=due.pk)
    if action.is_settled:
        _confirm(action, moment)
    else:
        _find_outcome(action, moment)
    return 1


def _find_outcome(action: Action, moment: datetime) -> None:
    outcome = _outcome(action, moment)
    if not outcomes.store(action, outcome) or action.is_settled:
        return
    if action.settle_at is None or not action.connection.is_live:
        message = STILL_UNKNOWN if action.connection.is_live else CONNECTION_ENDED
        Action.objects.filter(pk=action.pk, state=ActionState.UNKNOWN).update(settle_at=None, message=message)


def _outcome(action: Action, moment: datetime) -> SendOutcome:
    """Return what the WMS shows or, where repeating is safe, its answer to the same request."""
    operation = action_sender.operation_of(action)
    if operation is None or not action.connection.is_live or moment - action.asked_at > MAX_DOUBT:
        return SendOutcome(ActionState.UNKNOWN)
    found = action_sender.find_outcome(action)
    if found.state == ActionState.ACCEPTED or found.error:
        return found
    if moment - action.asked_at < RESEND_PERIOD and _may_repeat(action, operation.retry):
        again = action_sender.resend(action)
        # A repeat that failed says nothing about the first request.
        return SendOutcome(ActionState.UNKNOWN, error=again.error) if again.error else again
    if found.state == ActionState.REFUSED and moment - action.asked_at > operation.visibility_delay:
        return SendOutcome(ActionState.REFUSED, message=NOT_MADE)
    return SendOutcome(ActionState.UNKNOWN)


def _may_repeat(action: Action, again: RetryPolicy) -> bool:
    """Return whether sending the action again is safe.

    A WMS forgets the key of a request that it answered with an error, even if it made the change.
    """
    if again == RetryPolicy.BY_KEY:
        failed = [one["status"] for one in action.exchanges if one["method"] != "GET" and (one["status"] or 0) >= 400]
        return not set(failed) - {STILL_RUNNING}
    return again == RetryPolicy.HARMLESS


def _confirm(action: Action, moment: datetime) -> None:
    """Read the record once after the write protection of an accepted action has ended."""
    if action.confirmed_at is None and action.shielded_until and action.connection.is_live:
        read = action_sender.read_current(action, action.external_id)
        if read and read.record:
            _apply_read(action, read, read.record, moment)
    Action.objects.filter(pk=action.pk, state=ActionState.ACCEPTED).update(settle_at=None, exchanges=action.exchanges)
    write_protection.expire(moment)


def _apply_read(action: Action, read: ActionResult, record: Record, moment: datetime) -> None:
    stamps = (record.updated_at or None, record.version_at or None)
    found = write_protection.FoundRecord(record, stamps, is_same=write_protection.age_of(action, stamps) == "equal")
    with transaction.atomic():
        if write_protection.shows(action, found):
            Action.objects.filter(pk=action.pk, confirmed_at=None).update(confirmed_at=moment)
        writer.apply(
            action.connection_id,
            Entity(action.entity),
            [record],
            now=moment,
            clock=read.clock,
            cause=outcomes.cause_of(action),
        )


def prune(before: datetime) -> int:
    """Delete settled actions requested before `before`, in batches. Return how many."""
    deleted = 0
    while True:
        old = Action.objects.filter(asked_at__lt=before, settle_at=None).order_by("asked_at")
        batch = list(old.values_list("pk", flat=True)[:DELETE_BATCH_SIZE])
        deleted += Action.objects.filter(pk__in=batch).delete()[0] if batch else 0
        if len(batch) < DELETE_BATCH_SIZE:
            return deleted
