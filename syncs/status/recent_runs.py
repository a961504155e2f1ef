"""The latest runs of each entity, and estimates of the next run based on them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import add
from statistics import median_low
from typing import Any

from django.db.models import QuerySet
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from packr.warehouse.lists.keyset import union_all

from ..models import EntitySchedule, Mode, State, SyncRun
from ..runs.cadence import DEFAULT_INTERVALS
from .entity_state import EntityState
from .run_states import is_planned

RUNS_SHOWN = 20
RUNS_FOR_ESTIMATE = 5
MIN_RUNS_FOR_ESTIMATE = 3  # before the remaining time of a run is estimated

# SQLite allows at most 500 terms in a compound SELECT.
MAX_UNION_TERMS = 400

Runs = QuerySet[SyncRun, SyncRun]
EntityKey = tuple[int, Entity]  # a connection's primary key, and one of its entities


def started_runs(runs: Runs) -> Runs:
    """Return `runs` without those that are planned for later."""
    return runs.exclude(is_planned(now()))


@dataclass(frozen=True, slots=True)
class EntityRow:
    """A row of the table “latest run per table”: an entity's state and its latest runs, newest first."""

    state: EntityState
    recent: list[SyncRun]


def state_rows(states: Mapping[int, Sequence[EntityState]]) -> dict[int, list[EntityRow]]:
    """Return a row for each state, by the connection's primary key, in one statement for up to 400 entities."""
    runs = recent_runs({(key, state.read_with or state.entity) for key, each in states.items() for state in each})
    return {
        key: [EntityRow(state, runs[key, state.read_with or state.entity]) for state in each]
        for key, each in states.items()
    }


def recent_runs(wanted: Collection[EntityKey]) -> dict[EntityKey, list[SyncRun]]:
    """Return the latest `RUNS_SHOWN` runs of each entity, newest first, reading no other runs."""
    found: dict[EntityKey, list[SyncRun]] = defaultdict(list)
    keys = sorted(wanted)
    for start in range(0, len(keys), MAX_UNION_TERMS):
        batch = keys[start : start + MAX_UNION_TERMS]
        each = [SyncRun.objects.filter(connection=connection, entity=entity) for connection, entity in batch]
        newest = [started_runs(runs).order_by("-pk").values("pk")[:RUNS_SHOWN] for runs in each]
        for run in _runs_in(newest).select_related("lane").defer("message", "detail"):
            found[run.connection_id, Entity(run.entity)].append(run)
    return found


@dataclass(frozen=True, slots=True)
class Estimate:
    """The median cost of recent runs of one kind. `steady`: they took about the same time.

    `requests` is 0 if they were not counted; `pages` always are.
    """

    took: timedelta
    requests: int
    pages: int
    steady: bool = False

    def __add__(self, other: "Estimate") -> "Estimate":
        counted = self.requests and other.requests
        requests = self.requests + other.requests if counted else 0
        return Estimate(self.took + other.took, requests, self.pages + other.pages)


Estimates = dict[tuple[Entity, Mode], Estimate]


def estimates(connection: Connection, entities: Iterable[Entity] | None = None) -> Estimates:
    """Return the estimates by entity and mode, for those with recent successful runs, in one statement."""
    wanted = connection.connector.entities() if entities is None else set(entities)
    done = SyncRun.objects.filter(connection=connection, state__in=(State.SUCCEEDED, State.PARTIAL))
    newest = [
        done.filter(entity=entity, mode=mode, started_at__isnull=False).order_by("-pk").values("pk")[:RUNS_FOR_ESTIMATE]
        for entity in wanted
        for mode in (Mode.INCREMENTAL, Mode.FULL)
    ]
    groups: dict[tuple[Entity, Mode], list[SyncRun]] = defaultdict(list)
    for run in _runs_in(newest).defer("message", "detail"):
        groups[Entity(run.entity), Mode(run.mode)].append(run)
    return {kind: _estimate(runs) for kind, runs in groups.items()}


def estimate_of(run: SyncRun) -> Estimate | None:
    """Return the estimate for a run of the same entity and mode as `run`."""
    entity = Entity(run.entity)
    return estimates(run.connection, [entity]).get((entity, Mode(run.mode)))


def likely_mode(schedule: EntitySchedule, mode: Mode) -> Mode:
    """Return the mode a requested run will use: full for an entity that was never read or is read daily."""
    needs_full = schedule.watermark is None or schedule.entity not in DEFAULT_INTERVALS
    return Mode.FULL if mode == Mode.INCREMENTAL and needs_full else mode


def total_of(found: Sequence[Estimate | None]) -> Estimate | None:
    """Return the cost of runs that follow each other, or None if one of them has no estimate."""
    known = [estimate for estimate in found if estimate]
    return reduce(add, known) if known and len(known) == len(found) else None


def _estimate(runs: list[SyncRun]) -> Estimate:
    took = [run.completed_at - run.started_at for run in runs if run.completed_at and run.started_at]
    counted = [run.requests for run in runs if run.requests]
    return Estimate(
        took=median_low(took) if took else timedelta(),
        requests=median_low(counted) if counted else 0,
        pages=median_low([run.pages for run in runs]),
        steady=len(took) >= MIN_RUNS_FOR_ESTIMATE and max(took) <= 2 * min(took),
    )


def _runs_in(keys: "list[QuerySet[Any, Any]]") -> Runs:
    return SyncRun.objects.filter(pk__in=union_all(keys)).order_by("-pk")
