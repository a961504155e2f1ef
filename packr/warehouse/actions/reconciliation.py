"""What became of an action whose answer was lost, and whether the WMS shows one that it accepted."""

import time
from datetime import datetime

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
from .outcomes import LEASE, LONGEST_DOUBT, REPEATS_FOR

BATCH = 500
STILL_RUNNING = 409  # the first attempt with the same key; the key is known
THREADS = 20  # actions looked after in one go
NOT_MADE = (
    "The WMS's answer was lost, and the WMS does not show the change: it was not made. Send it again if it is still "
    "wanted."
)
NEVER_KNOWN = (
    "The WMS's answer was lost, and a day of looking did not show whether the change was made. Look at the WMS itself "
    "before it is sent again."
)
GONE = "The connection was ended before it was known whether the WMS made this change. Look at the WMS itself."


def is_any_due(now: datetime | None = None) -> bool:
    """Whether there is an action to look after."""
    return Action.objects.filter(settle_at__lte=now or timezone.now()).exists()


def settle(now: datetime | None = None, *, seconds: float = 20) -> int:
    """Look after the actions that are due, for some seconds; how many. Several processes may do this at once."""
    ends = time.monotonic() + seconds
    count = 0
    due = Action.objects.filter(settle_at__lte=now or timezone.now()).order_by("settle_at")
    for action in due.only("pk", "settle_at")[:THREADS]:
        if time.monotonic() > ends:
            break
        count += _take_turn(action, now or timezone.now())
    return count


def _take_turn(seen: Action, moment: datetime) -> int:
    """Look after one action, unless another process does already."""
    mine = Action.objects.filter(pk=seen.pk, settle_at=seen.settle_at)
    if not mine.update(settle_at=moment + LEASE, looks=F("looks") + 1):
        return 0
    action = Action.objects.select_related("connection__workspace", "person").get(pk=seen.pk)
    if action.is_settled:
        _confirm(action, moment)
    else:
        _find_out(action, moment)
    return 1


def _find_out(action: Action, moment: datetime) -> None:
    outcome = _outcome(action, moment)
    if not outcomes.take(action, outcome) or action.is_settled:
        return
    if action.settle_at is None or not action.connection.is_live:
        message = NEVER_KNOWN if action.connection.is_live else GONE
        Action.objects.filter(pk=action.pk, state=ActionState.UNKNOWN).update(settle_at=None, message=message)


def _outcome(action: Action, moment: datetime) -> SendOutcome:
    """What the WMS shows or, where nothing can go wrong by it, what it says to the same once more."""
    operation = action_sender.operation_of(action)
    if operation is None or not action.connection.is_live or moment - action.asked_at > LONGEST_DOUBT:
        return SendOutcome(ActionState.UNKNOWN)
    found = action_sender.look(action)
    if found.state == ActionState.ACCEPTED or found.error:
        return found
    if moment - action.asked_at < REPEATS_FOR and _may_repeat(action, operation.again):
        again = action_sender.send_again(action)
        # That this time it was not even listened to says nothing about the first time.
        return SendOutcome(ActionState.UNKNOWN, error=again.error) if again.error else again
    if found.state == ActionState.REFUSED and moment - action.asked_at > operation.seen_within:
        return SendOutcome(ActionState.REFUSED, message=NOT_MADE)
    return SendOutcome(ActionState.UNKNOWN)


def _may_repeat(action: Action, again: RetryPolicy) -> bool:
    """A key is forgotten with an answer that is an error, and then the change may have been made all the same."""
    if again == RetryPolicy.BY_KEY:
        failed = [one["status"] for one in action.exchanges if one["method"] != "GET" and (one["status"] or 0) >= 400]
        return not set(failed) - {STILL_RUNNING}
    return again == RetryPolicy.HARMLESS


def _confirm(action: Action, moment: datetime) -> None:
    """The shield of an accepted action is over: one read tells whether the WMS shows it by now."""
    if action.confirmed_at is None and action.shielded_until and action.connection.is_live:
        read = action_sender.read(action, action.external_id)
        if read and read.record:
            _take_read(action, read, read.record, moment)
    Action.objects.filter(pk=action.pk, state=ActionState.ACCEPTED).update(settle_at=None, exchanges=action.exchanges)
    write_protection.expire(moment)


def _take_read(action: Action, read: ActionResult, record: Record, moment: datetime) -> None:
    stamps = (record.updated_at or None, record.version_at or None)
    found = write_protection.Found(record, stamps, is_same=write_protection.age_of(action, stamps) == "equal")
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
    """Remove actions that were asked for before a moment and need no more looking after; how many."""
    removed = 0
    while True:
        old = Action.objects.filter(asked_at__lt=before, settle_at=None).order_by("asked_at")
        batch = list(old.values_list("pk", flat=True)[:BATCH])
        removed += Action.objects.filter(pk__in=batch).delete()[0] if batch else 0
        if len(batch) < BATCH:
            return removed
