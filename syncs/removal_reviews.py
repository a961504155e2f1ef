"""Reviews of pending removals: a person releases or rejects the removals that a run held back."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from integrations.entities import Entity
from packr.warehouse.mirror.schema import TABLES
from packr.workspaces.errors import Refused

from .engine import missing_rows
from .models import ACTIVE, Mode, Review, State, SyncRun, Trigger
from .process import wakeups
from .runs import seen_keys
from .runs.enqueue import request_runs
from .status.run_states import superseded


@dataclass(frozen=True)
class PendingRemoval:
    """A record that would be removed."""

    row_id: int
    external_id: str
    label: str


def pending_removals(run: SyncRun, *, after: int = 0, limit: int = 100) -> list[PendingRemoval]:
    """Return the pending removals of `run` with row ids above `after`; empty once they are decided."""
    if run.state != State.NEEDS_REVIEW or not seen_keys.has_keys(run):
        return []
    rows = missing_rows.rows(run, after=after, limit=limit)
    found = TABLES[Entity(run.entity)].model.objects.in_bulk([key for key, _ in rows])
    return [PendingRemoval(key, external_id, str(found[key])) for key, external_id in rows]


def release(run: SyncRun, *, person: Any) -> SyncRun:
    """Release the pending removals: return a queued full run that removes what is still missing.

    Raises Refused if there is nothing to decide, or another sync of the same data is running.
    """
    with transaction.atomic():
        current = _decide(run, Review.RELEASED, person)
        active = SyncRun.objects.filter(connection=current.connection, entity=current.entity, state__in=ACTIVE)
        if active.exclude(state=State.QUEUED).exists():
            raise Refused("Another sync of this data is running. Release the removals when it has ended.")
        trigger = Trigger.SUPPORT if getattr(person, "is_staff", False) else Trigger.MANUAL
        queued = request_runs(
            current.connection, [Entity(current.entity)], mode=Mode.FULL, trigger=trigger, person=person
        )
        SyncRun.objects.filter(pk=queued[0].run.pk).update(releases=current)
    wakeups.wake()
    return queued[0].run


def reject(run: SyncRun, *, person: Any) -> None:
    """Reject the pending removals: the records stay, and the next full run checks again.

    Raises Refused if there is nothing to decide.
    """
    with transaction.atomic():
        current = _decide(run, Review.REJECTED, person)
        seen_keys.delete_pages(current)


def _decide(run: SyncRun, decision: Review, person: Any) -> SyncRun:
    current = SyncRun.objects.select_for_update(of=("self",)).select_related("connection").get(pk=run.pk)
    if current.state != State.NEEDS_REVIEW:
        raise Refused("This sync has no pending removals.")
    if current.review:
        raise Refused(f"These removals were already {current.get_review_display().lower()}.")
    if SyncRun.objects.filter(superseded(), pk=current.pk).exists():
        raise Refused("A newer full run has checked this data since. Review that run if it has pending removals.")
    current.review, current.reviewed_by, current.reviewed_at = decision, person, now()
    current.save(update_fields=["review", "reviewed_by", "reviewed_at"])
    return current
