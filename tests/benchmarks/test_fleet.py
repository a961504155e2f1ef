"""The fleet simulator at a small scale, and the statements that planning a fleet takes."""

from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest
from django.utils.timezone import now

from benchmarks import fleet_measure, fleet_world
from benchmarks.fleet_report import percentile, table
from benchmarks.statements import counted
from integrations.entities import Entity
from packr.workspaces.models import Workspace
from syncs import tasks
from syncs.models import ACTIVE, EntitySchedule, SyncRun
from syncs.monitoring import watchdog
from syncs.runs import planner
from syncs.runs.cadence import default_schedule
from tests.kit.fleet import fleet

from .conftest import ON_POSTGRES

URL = "http://127.0.0.1:1"


def plan_all() -> list[str]:
    """Let every schedule fall due and plan it. Return the start of each statement of that tick.

    SQLite limits the values of a statement, so it inserts the runs in batches; they count as one.
    """
    SyncRun.objects.all().delete()
    EntitySchedule.objects.exclude(next_due_at=None).update(next_due_at=now() - timedelta(seconds=1))
    with counted() as statements:
        tasks.tick()
    assert SyncRun.objects.filter(state__in=ACTIVE).count() == EntitySchedule.objects.exclude(next_due_at=None).count()
    beginnings = [one[:60] for one in statements]
    return beginnings if ON_POSTGRES else [one for one, _ in groupby(beginnings)]


@pytest.mark.django_db
def test_statements_of_a_tick_do_not_grow_with_connections(home: Workspace) -> None:
    tasks.tick()  # the first tick also prunes
    fleet_world.add(home, URL, range(1, 3), now())
    few = plan_all()
    fleet_world.add(home, URL, range(3, 101), now())
    many = plan_all()
    assert many == few


@pytest.mark.django_db
def test_runs_are_planned_in_batches_after_a_pause(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for a run waits for the transaction that plans it, so each transaction plans a limited number."""
    fleet_world.add(home, URL, range(1, 4), now())
    monkeypatch.setattr(planner, "MAX_RUNS_PER_TRANSACTION", 5)
    inserts = sum('INTO "syncs_syncrun"' in one for one in plan_all())
    assert inserts == -(-SyncRun.objects.count() // 5)


@pytest.mark.django_db
def test_fleet_has_default_schedules_and_no_first_syncs(home: Workspace) -> None:
    moment = now()
    fleet_world.add(home, URL, range(1, 4), moment)
    for schedule in EntitySchedule.objects.select_related("connection__workspace"):
        usual = default_schedule(schedule.connection, Entity(schedule.entity), moment)
        assert (schedule.every_seconds, schedule.daily_at) == (usual.every_seconds, usual.daily_at)
        assert schedule.watermark == moment
        assert schedule.next_due_at is None or schedule.next_due_at >= moment
    assert watchdog.check() == []


@pytest.mark.skipif(not ON_POSTGRES, reason="fleets are measured on PostgreSQL alone")
@pytest.mark.django_db
def test_disabled_schedules_do_not_fall_due(home: Workspace) -> None:
    fleet_world.add(home, URL, range(1, 2), now() - timedelta(hours=1))
    EntitySchedule.objects.update(next_due_at=now() + timedelta(hours=1))
    runs = EntitySchedule.objects.exclude(every_seconds=None).filter(enabled=True)
    count = runs.count()
    fleet_measure.fall_due(count)
    runs.update(enabled=False, next_due_at=now() + timedelta(hours=1))
    with pytest.raises(ValueError, match="only 0 entities rest"):
        fleet_measure.fall_due(count)


@pytest.mark.parametrize(("share", "value"), [(0.5, 3.0), (0.99, 4.0), (1, 4.0)])
def test_percentiles_are_computed(share: float, value: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == value
    assert percentile([], share) == 0


@pytest.mark.real
@pytest.mark.parametrize("broker", ["redis", "orm"])
def test_every_due_run_is_done_and_figures_add_up(tmp_path: Path, broker: str) -> None:
    size = ("--connections", "20", "--minutes", "0.2", "--warm-up", "5", "--latency-ms", "20", "--person-every", "1")
    asked = ("--broker", broker, "--first-syncs", "1", "--due-at-once", "60")
    steady, first, at_once = phases = fleet(tmp_path, *size, *asked)
    assert {phase["not well"] for phase in phases} == {0}
    assert {phase["starved"] for phase in phases} == {0}
    assert len(steady["waits"]) > 0
    assert steady["cpu"]["Packr's workers"] > 0
    assert first["first syncs ended"] > 0
    assert (at_once["left of them"], at_once["doubled"]) == (0, 0)
    assert at_once["due"] > 30  # runs that are active at that moment or requested are counted elsewhere
    for phase in phases:
        assert phase["lateness"] == sorted(phase["lateness"])
        assert sum(phase["cpu per run"].values()) > 0
    assert len({line.count("|") for line in table(phases, "a title").splitlines()[2:]}) == 1
