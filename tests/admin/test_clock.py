"""Changing a workspace's time zone moves its daily syncs."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.db import connection as database
from django.db.models import Q
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.models import Workspace
from packr.workspaces.services import save_workspace
from syncs.models import EntitySchedule, State, SyncRun
from syncs.runs.planner import queue_due
from tests.kit import factories

from .test_workspaces import change

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
IN_BERLIN = datetime(2026, 3, 2, 13, 30, tzinfo=UTC)
IN_NEW_YORK = datetime(2026, 3, 2, 19, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _frozen_time() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def daily(connection: Connection) -> EntitySchedule:
    """Return the warehouses' schedule, daily at 14:30 in Berlin."""
    schedule = connection.schedules.get(entity=Entity.WAREHOUSES)
    schedule.daily_at, schedule.next_due_at = time(14, 30), IN_BERLIN
    schedule.save()
    return schedule


def next_due_at(schedule: EntitySchedule) -> datetime | None:
    schedule.refresh_from_db()
    return schedule.next_due_at


def test_daily_syncs_use_the_new_zone_immediately(desk: Client, daily: EntitySchedule) -> None:
    due_times = dict(EntitySchedule.objects.filter(daily_at=None).values_list("pk", "next_due_at"))
    assert change(desk, daily.connection.workspace, timezone="America/New_York").status_code == 302
    assert next_due_at(daily) == IN_NEW_YORK
    assert dict(EntitySchedule.objects.filter(daily_at=None).values_list("pk", "next_due_at")) == due_times


def test_run_planned_in_the_old_zone_leaves_the_queue(daily: EntitySchedule) -> None:
    with time_machine.travel(IN_BERLIN - timedelta(seconds=60), tick=False):
        queue_due(datetime.now(UTC), only=Q(pk=daily.pk))
        assert SyncRun.objects.get().due_at == IN_BERLIN
        save_workspace("northbay", timezone="America/New_York")
    assert not SyncRun.objects.exists()
    assert next_due_at(daily) == IN_NEW_YORK


def test_overdue_run_stays_due(daily: EntitySchedule) -> None:
    EntitySchedule.objects.filter(pk=daily.pk).update(next_due_at=NOON - timedelta(hours=1))
    save_workspace("northbay", timezone="America/New_York")
    assert SyncRun.objects.get().due_at == NOON - timedelta(hours=1)
    assert next_due_at(daily) == IN_NEW_YORK


def test_other_workspaces_keep_their_due_times(daily: EntitySchedule) -> None:
    other = factories.connection(factories.workspace("southbay", timezone="Europe/Berlin"))
    before = set(other.schedules.values_list("pk", "next_due_at"))
    save_workspace("northbay", timezone="America/New_York")
    assert set(other.schedules.values_list("pk", "next_due_at")) == before


def test_saving_other_fields_keeps_planned_runs(daily: EntitySchedule) -> None:
    workspace = Workspace.objects.get()
    with time_machine.travel(IN_BERLIN - timedelta(seconds=60), tick=False):
        queue_due(datetime.now(UTC), only=Q(pk=daily.pk))
        planned = SyncRun.objects.get()
        workspace.name = "North"
        workspace.save()
        # The zone differs in memory only: it is not among the saved fields.
        workspace.timezone = "America/New_York"
        with CaptureQueriesContext(database) as seen:
            workspace.save(update_fields=["name"])
    assert len(seen) == 1
    assert SyncRun.objects.get() == planned
    assert planned.state == State.QUEUED


def test_same_object_can_change_its_zone_twice(daily: EntitySchedule) -> None:
    workspace = Workspace.objects.get()
    for zone, expected in (("America/New_York", IN_NEW_YORK), ("Europe/Berlin", IN_BERLIN)):
        workspace.timezone = zone
        workspace.save(update_fields=["timezone"])
        assert next_due_at(daily) == expected
