"""The history of syncs: kept for a while, then summed up by day."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from packr.warehouse import actions, live_lookup, overrides
from packr.warehouse.history import retention

from ..engine import response_cache
from ..models import ACTIVE, Beat, DailyTally, Incident, RejectedRecord, State, SyncRun
from ..process import heartbeats, shutdown
from ..status.run_states import is_idle

IDLE_KEPT, RUNS_KEPT = timedelta(days=2), timedelta(days=90)
BEATS_KEPT = timedelta(days=1)
LAST_KEPT = 20  # runs of each entity, however old
RUNS_PER_BATCH = 500  # runs in one transaction
PRUNE_INTERVAL = timedelta(hours=1)
PRUNE_SECONDS = 10.0  # seconds at a time, as a task among others

SUMMED = ("runs", "succeeded", "failed", "created", "updated", "removed")
Key = tuple[int, str, date]


@dataclass(frozen=True)
class PruneResult:
    """What was removed. `finished`: nothing that may go is left."""

    runs: int
    incidents: int
    finished: bool


def prune(now: datetime | None = None, *, seconds: float | None = None) -> PruneResult:
    """Remove what is older than its retention, in small batches; ends early after `seconds`.

    A removed run is added to the tally of the day it was due on (UTC) in the same transaction, so sums stay exact.
    """
    moment = now or timezone.now()
    ends = time.monotonic() + seconds if seconds is not None else None
    removed = last = 0
    finished = False

    def goes_on() -> bool:
        return not shutdown.is_requested() and (ends is None or time.monotonic() < ends)

    while not finished and goes_on():
        count, last = _prune_batch(moment, last)
        removed += count
        finished = count < RUNS_PER_BATCH
    actions.prune(moment - RUNS_KEPT)
    incidents, _ = Incident.objects.filter(closed_at__lt=moment - RUNS_KEPT).delete()
    Beat.objects.filter(heartbeats.PROCESSES, at__lt=moment - BEATS_KEPT).delete()
    live_lookup.prune(moment)
    overrides.prune(moment)
    retention.prune(moment, goes_on)
    finished = finished and goes_on()
    return PruneResult(removed, incidents, finished)


def prune_if_due(now: datetime) -> None:
    """Prune for some seconds if nobody did within the last hour; what is left is gone on with at the next call."""
    response_cache.delete_leftovers()
    if heartbeats.claim_interval("prune", PRUNE_INTERVAL, now) and not prune(now, seconds=PRUNE_SECONDS).finished:
        heartbeats.release_interval("prune", PRUNE_INTERVAL, now)


def _prune_batch(now: datetime, after: int) -> tuple[int, int]:
    """Sum up and remove the next runs; returns how many, and the key of the last one."""
    with transaction.atomic():
        found = _prunable(now).filter(pk__gt=after).order_by("pk").select_for_update(skip_locked=True, of=("self",))
        runs = list(found[:RUNS_PER_BATCH])
        if not runs:
            return 0, after
        _add_up(runs)
        SyncRun.objects.filter(pk__in=[run.pk for run in runs]).delete()
    return len(runs), runs[-1].pk


def _prunable(now: datetime) -> "QuerySet[SyncRun, SyncRun]":
    """Runs past their time that nothing refers to. The last ones of each entity stay, and what is undecided."""
    same = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"))
    oldest_kept = same.order_by("-pk").values("pk")[LAST_KEPT - 1 : LAST_KEPT]
    old = Q(completed_at__lt=now - RUNS_KEPT) | Q(completed_at__lt=now - IDLE_KEPT) & is_idle()
    undecided = Q(state=State.NEEDS_REVIEW, review="")
    return (
        SyncRun.objects.filter(old, pk__lt=Subquery(oldest_kept))
        .exclude(state__in=ACTIVE)
        .exclude(undecided)
        .exclude(Exists(SyncRun.objects.filter(releases=OuterRef("pk"))))
        .exclude(Exists(SyncRun.objects.filter(followed_by=OuterRef("pk"))))
        .exclude(Exists(RejectedRecord.objects.filter(run=OuterRef("pk"))))
    )


def _add_up(runs: list[SyncRun]) -> None:
    """Add runs to the tallies of their days."""
    sums: dict[Key, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMMED, 0))
    for run in runs:
        for name, amount in _amounts(run):
            sums[_key(run)][name] += amount
    DailyTally.objects.bulk_create(
        [DailyTally(connection_id=connection, entity=entity, day=day) for connection, entity, day in sorted(sums)],
        ignore_conflicts=True,
    )
    tallies = [one for one in _tallies(sums) if (one.connection_id, one.entity, one.day) in sums]
    for tally in tallies:
        for name, amount in sums[(tally.connection_id, tally.entity, tally.day)].items():
            setattr(tally, name, getattr(tally, name) + amount)
    DailyTally.objects.bulk_update(tallies, SUMMED)


def _amounts(run: SyncRun) -> Iterator[tuple[str, int]]:
    yield "runs", 1
    yield "succeeded", int(run.state == State.SUCCEEDED)
    yield "failed", int(run.state == State.FAILED)
    for name in ("created", "updated", "removed"):
        yield name, getattr(run, name)


def _key(run: SyncRun) -> Key:
    return run.connection_id, run.entity, run.due_at.astimezone(UTC).date()


def _tallies(sums: "dict[Key, Any]") -> "QuerySet[DailyTally, DailyTally]":
    """The rows of these keys, and some more that share a connection and a day with them, locked in one order."""
    connections = {connection for connection, _, _ in sums}
    days = {day for _, _, day in sums}
    found = DailyTally.objects.filter(connection__in=connections, day__in=days)
    return found.order_by("pk").select_for_update()
