"""Removals that a run held back, and what a person decides about them."""

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
class Held:
    """One record that would be removed."""

    row_id: int
    external_id: str
    label: str


def held(run: SyncRun, *, after: int = 0, limit: int = 100) -> list[Held]:
    """The records whose removal the run held back, by row key, from `after` on; none once that is settled."""
    if run.state != State.NEEDS_REVIEW or not seen_keys.has_keys(run):
        return []
    rows = missing_rows.rows(run, after=after, limit=limit)
    found = TABLES[Entity(run.entity)].model.objects.in_bulk([key for key, _ in rows])
    return [Held(key, external_id, str(found[key])) for key, external_id in rows]


def release(run: SyncRun, *, person: Any) -> SyncRun:
    """Let the held removals happen: a full run reads the list once more and removes what is still missing of them.

    Returns that run. Raises Refused when there is nothing to decide, or another sync of the same data is going on.
    """
    with transaction.atomic():
        current = _decide(run, Review.RELEASED, person)
        running = SyncRun.objects.filter(connection=current.connection, entity=current.entity, state__in=ACTIVE)
        if running.exclude(state=State.QUEUED).exists():
            raise Refused("Another sync of this data is going on. Release the removals when it has ended.")
        entity = Entity(current.entity)
        trigger = Trigger.SUPPORT if getattr(person, "is_staff", False) else Trigger.MANUAL
        found = request_runs(current.connection, [entity], mode=Mode.FULL, trigger=trigger, person=person)[0].run
        SyncRun.objects.filter(pk=found.pk).update(releases=current)
    wakeups.wake()
    return found


def reject(run: SyncRun, *, person: Any) -> None:
    """Keep the records whose removal was held back; the next full read looks again. Raises Refused as `release`."""
    with transaction.atomic():
        current = _decide(run, Review.REJECTED, person)
        seen_keys.delete_pages(current)


def _decide(run: SyncRun, decision: Review, person: Any) -> SyncRun:
    current = SyncRun.objects.select_for_update(of=("self",)).select_related("connection").get(pk=run.pk)
    if current.state != State.NEEDS_REVIEW:
        raise Refused("This sync holds no removals back.")
    if current.review:
        raise Refused(f"This was decided already: {current.get_review_display().lower()}.")
    if SyncRun.objects.filter(superseded(), pk=current.pk).exists():
        raise Refused("A newer full read has looked at this data since. Decide about that one, if it holds any back.")
    current.review, current.reviewed_by, current.reviewed_at = decision, person, now()
    current.save(update_fields=["review", "reviewed_by", "reviewed_at"])
    return current
