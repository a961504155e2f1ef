"""The displayed state of a run, and the conditions on runs that several queries share."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now

from integrations.bill_access import hidden_entities, workspaces_with_bills
from packr.workspaces import access

from ..models import COMPLETE, Mode, State, SyncRun, Trigger

INTERRUPTED = "interrupted"


def displayed_state(run: SyncRun) -> str:
    """Return the run's stored state, or INTERRUPTED for a running run whose worker lost its lease."""
    lapsed = run.lane.leased_until is not None and run.lane.leased_until < now()
    return INTERRUPTED if run.state == State.RUNNING and lapsed else run.state


def is_planned(moment: datetime) -> Q:
    """Return the condition for queued runs that are not due yet at `moment`."""
    return Q(state=State.QUEUED, due_at__gt=moment)


def is_idle() -> Q:
    """Return the condition for scheduled incremental runs that succeeded without a change.

    Full runs never count: they are few, and later runs are compared with them.
    """
    unchanged = Q(created=0, updated=0, removed=0, rejected=0)
    return unchanged & Q(trigger=Trigger.SCHEDULE, mode=Mode.INCREMENTAL, state=State.SUCCEEDED)


def superseded() -> Exists:
    """Return the condition for runs with a newer complete full run of the same entity."""
    newer = SyncRun.objects.filter(
        connection=OuterRef("connection"),
        entity=OuterRef("entity"),
        pk__gt=OuterRef("pk"),
        mode=Mode.FULL,
        state__in=COMPLETE,
    )
    return Exists(newer)


def undecided() -> QuerySet[SyncRun]:
    """Return the runs with pending removals that wait for a person's decision."""
    return SyncRun.objects.filter(~superseded(), state=State.NEEDS_REVIEW, review="")


def visible_runs(user: Any) -> QuerySet[SyncRun]:
    """Return the runs that `user` may see: those of their workspaces, runs of bills only with the permission."""
    bills = Q(entity__in=hidden_entities(bills=False)) & ~Q(connection__workspace__in=workspaces_with_bills(user))
    return access.visible(user, SyncRun.objects.all()).exclude(bills)
