"""What earlier runs tell: the last twenty of each entity, and what another one is likely to cost."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median_low
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from packr.warehouse.lists.keyset import ids

from ..models import EntitySchedule, Mode, State, SyncRun
from ..runs.cadence import DEFAULT_INTERVALS
from .freshness import EntityState

RUNS_SHOWN = 20
RUNS_FOR_ESTIMATE = 5  # runs of a kind by which the next one is judged
MIN_RUNS_FOR_ESTIMATE = 3  # so many of them must be known before anything is said about the time that is left

# So many lists are read by one statement: SQLite takes no more than 500 of them together.
MAX_UNION_TERMS = 400

Runs = QuerySet[SyncRun, SyncRun]
Kept = tuple[int, Entity]  # an entity of a connection, by its key


def started_runs(runs: Runs) -> Runs:
    """Without those that are only planned for a moment to come."""
    return runs.exclude(Q(state=State.QUEUED, due_at__gt=now()))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of “latest run per table”: the entity's state, and its last runs, the newest first."""

    state: EntityState
    recent: list[SyncRun]


def state_rows(states: Mapping[int, Sequence[EntityState]]) -> dict[int, list[Row]]:
    """A row for each of the states, by their connection's key, in as few statements however many there are."""
    runs = recent_runs({(key, state.read_with or state.entity) for key, each in states.items() for state in each})
    return {key: [Row(one, runs[key, one.read_with or one.entity]) for one in each] for key, each in states.items()}


def recent_runs(wanted: Collection[Kept]) -> dict[Kept, list[SyncRun]]:
    """The last runs of each entity of a connection, the newest first, in one statement that reads no others."""
    found: dict[Kept, list[SyncRun]] = defaultdict(list)
    for some in batched(sorted(wanted), MAX_UNION_TERMS):
        each = [SyncRun.objects.filter(connection=connection, entity=entity) for connection, entity in some]
        newest = [started_runs(runs).order_by("-pk").values("pk")[:RUNS_SHOWN] for runs in each]
        for run in _found(newest).select_related("lane").defer("message", "detail"):
            found[run.connection_id, Entity(run.entity)].append(run)
    return found


def batched(items: Sequence[Kept], size: int) -> Iterator[Sequence[Kept]]:
    """The items, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


@dataclass(frozen=True, slots=True)
class Estimate:
    """What runs of one kind took lately: the middle one of them. `steady`: they took about the same.

    `requests` is 0 where nobody counted them; then the pages have to do.
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
    """What a run of each entity in each mode is likely to cost, as far as earlier ones tell, in one statement."""
    wanted = connection.connector.entities() if entities is None else set(entities)
    done = SyncRun.objects.filter(connection=connection, state__in=(State.SUCCEEDED, State.PARTIAL))
    pieces = [
        done.filter(entity=entity, mode=mode, started_at__isnull=False).order_by("-pk").values("pk")[:RUNS_FOR_ESTIMATE]
        for entity in wanted
        for mode in (Mode.INCREMENTAL, Mode.FULL)
    ]
    groups: dict[tuple[Entity, Mode], list[SyncRun]] = defaultdict(list)
    for run in _found(pieces).defer("message", "detail"):
        groups[Entity(run.entity), Mode(run.mode)].append(run)
    return {kind: _estimate(runs) for kind, runs in groups.items()}


def estimate_of(run: SyncRun) -> Estimate | None:
    """What a run of this kind usually costs."""
    entity = Entity(run.entity)
    return estimates(run.connection, [entity]).get((entity, Mode(run.mode)))


def likely_mode(schedule: EntitySchedule, mode: Mode) -> Mode:
    """The mode in which a request is met: what was never read, or is read daily, is read in full."""
    never = schedule.watermark is None or schedule.entity not in DEFAULT_INTERVALS
    return Mode.FULL if mode == Mode.INCREMENTAL and never else mode


def total_of(found: Sequence[Estimate | None]) -> Estimate | None:
    """What several cost one after the other; None when one of them is not known."""
    total: Estimate | None = None
    for one in found:
        if one is None:
            return None
        total = total + one if total else one
    return total


def _estimate(runs: list[SyncRun]) -> Estimate:
    took = [run.completed_at - run.started_at for run in runs if run.completed_at and run.started_at]
    counted = [run.requests for run in runs if run.requests]
    return Estimate(
        took=median_low(took) if took else timedelta(),
        requests=median_low(counted) if counted else 0,
        pages=median_low([run.pages for run in runs]),
        steady=len(took) >= MIN_RUNS_FOR_ESTIMATE and max(took) <= 2 * min(took),
    )


def _found(pieces: "list[QuerySet[Any, Any]]") -> Runs:
    return SyncRun.objects.filter(pk__in=ids(pieces)).order_by("-pk")
