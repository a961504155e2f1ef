"""Retention: old runs are deleted and added up in a tally per day; other old history is deleted."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from packr.warehouse import actions, live_lookup, overrides
from packr.warehouse.history import retention

from ..engine import response_cache
from ..models import ACTIVE, Beat, DailyTally, Incident, RejectedRecord, State, SyncRun
from ..process import heartbeats, shutdown
from ..status.run_states import is_idle

IDLE_RUNS_KEPT_FOR, RUNS_KEPT_FOR = timedelta(days=2), timedelta(days=90)
HEARTBEATS_KEPT_FOR = timedelta(days=1)
MIN_RUNS_KEPT = 20  # of each entity, however old
RUNS_PER_BATCH = 500  # in one transaction
PRUNE_INTERVAL = timedelta(hours=1)
MAX_PRUNE_SECONDS = 10.0  # per call, since other tasks wait meanwhile

TALLY_FIELDS = ("runs", "succeeded", "failed", "created", "updated", "removed")
TallyKey = tuple[int, str, date]  # connection, entity, day


@dataclass(frozen=True)
class PruneResult:
    """The numbers of deleted rows. `finished`: nothing is left to delete."""

    runs: int
    incidents: int
    finished: bool


def prune(now: datetime | None = None, *, seconds: float | None = None) -> PruneResult:
    """Delete what is older than its retention, in small batches; stop early after `seconds`.

    A deleted run is added to the tally of its due day (UTC) in the same transaction, so that sums stay exact.
    """
    moment = now or timezone.now()
    deadline = time.monotonic() + seconds if seconds is not None else None
    deleted = last = 0
    finished = False

    def may_continue() -> bool:
        return not shutdown.is_requested() and (deadline is None or time.monotonic() < deadline)

    while not finished and may_continue():
        count, last = _prune_batch(moment, last)
        deleted += count
        finished = count < RUNS_PER_BATCH
    actions.prune(moment - RUNS_KEPT_FOR)
    incidents, _ = Incident.objects.filter(closed_at__lt=moment - RUNS_KEPT_FOR).delete()
    Beat.objects.filter(heartbeats.PROCESSES, at__lt=moment - HEARTBEATS_KEPT_FOR).delete()
    live_lookup.prune(moment)
    overrides.prune(moment)
    retention.prune(moment, may_continue)
    return PruneResult(deleted, incidents, finished and may_continue())


def prune_if_due(now: datetime) -> None:
    """Prune for at most `MAX_PRUNE_SECONDS` if no process did within the last hour. The next call continues."""
    response_cache.delete_leftovers()
    if heartbeats.claim_interval("prune", PRUNE_INTERVAL, now) and not prune(now, seconds=MAX_PRUNE_SECONDS).finished:
        heartbeats.release_interval("prune", PRUNE_INTERVAL, now)


def _prune_batch(now: datetime, after: int) -> tuple[int, int]:
    """Tally and delete the next batch of runs. Return its size and the primary key of the last run."""
    with transaction.atomic():
        found = _prunable(now).filter(pk__gt=after).order_by("pk").select_for_update(skip_locked=True, of=("self",))
        runs = list(found[:RUNS_PER_BATCH])
        if not runs:
            return 0, after
        _add_to_tallies(runs)
        SyncRun.objects.filter(pk__in=[run.pk for run in runs]).delete()
    return len(runs), runs[-1].pk


def _prunable(now: datetime) -> "QuerySet[SyncRun, SyncRun]":
    """Return the runs older than their retention, without the latest of each entity and those still referred to."""
    same = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"))
    oldest_kept = same.order_by("-pk").values("pk")[MIN_RUNS_KEPT - 1 : MIN_RUNS_KEPT]
    old = Q(completed_at__lt=now - RUNS_KEPT_FOR) | Q(completed_at__lt=now - IDLE_RUNS_KEPT_FOR) & is_idle()
    undecided = Q(state=State.NEEDS_REVIEW, review="")
    return (
        SyncRun.objects.filter(old, pk__lt=Subquery(oldest_kept))
        .exclude(state__in=ACTIVE)
        .exclude(undecided)
        .exclude(Exists(SyncRun.objects.filter(releases=OuterRef("pk"))))
        .exclude(Exists(SyncRun.objects.filter(followed_by=OuterRef("pk"))))
        .exclude(Exists(RejectedRecord.objects.filter(run=OuterRef("pk"))))
    )


def _add_to_tallies(runs: list[SyncRun]) -> None:
    """Add the runs to the tallies of their days."""
    sums: dict[TallyKey, dict[str, int]] = defaultdict(lambda: dict.fromkeys(TALLY_FIELDS, 0))
    for run in runs:
        tally = sums[run.connection_id, run.entity, run.due_at.astimezone(UTC).date()]
        tally["runs"] += 1
        tally["succeeded"] += run.state == State.SUCCEEDED
        tally["failed"] += run.state == State.FAILED
        for name in ("created", "updated", "removed"):
            tally[name] += getattr(run, name)
    DailyTally.objects.bulk_create(
        [DailyTally(connection_id=connection, entity=entity, day=day) for connection, entity, day in sorted(sums)],
        ignore_conflicts=True,
    )
    tallies = [one for one in _lock_tallies(sums) if (one.connection_id, one.entity, one.day) in sums]
    for row in tallies:
        for name, amount in sums[row.connection_id, row.entity, row.day].items():
            setattr(row, name, getattr(row, name) + amount)
    DailyTally.objects.bulk_update(tallies, TALLY_FIELDS)


def _lock_tallies(keys: Iterable[TallyKey]) -> "QuerySet[DailyTally, DailyTally]":
    """Return the tallies of these connections and days, locked in one order so that two processes can't deadlock."""
    connections, _, days = zip(*keys, strict=True)
    found = DailyTally.objects.filter(connection__in=set(connections), day__in=set(days))
    return found.order_by("pk").select_for_update()
