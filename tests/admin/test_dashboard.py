"""The panel “Now” on the front page of the admin."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from syncs.models import Beat, EntitySchedule, Incident, Mode, Problem, Review, State, SyncRun
from tests.kit import factories


def panel(desk: Client) -> dict[str, tuple[str, str]]:
    return {fact.label: (fact.value, fact.tone) for fact in desk.get("/admin/").context["now"]}


def listed(desk: Client, label: str) -> list[Any]:
    """Return the rows of the list that a line of the panel links to."""
    (fact,) = [one for one in desk.get("/admin/").context["now"] if one.label == label]
    return list(desk.get(fact.url).context["cl"].result_list)


def test_panel_without_problems(desk: Client, connection: Connection) -> None:
    assert panel(desk) == {
        "Connections": ("No connection needs attention", "positive"),
        "Incidents": ("None open", "positive"),
        "Freshness": ("Nothing is late", "positive"),
        "Reviews": ("No run needs a review", "positive"),
        "Active runs": ("None", "neutral"),
        "Workers": ("No worker has run yet", "neutral"),
        "Support requests": ("All answered", "positive"),
        "Changes sent to a WMS": ("All outcomes known", "positive"),
        "Stock and sales figures": ("None calculated yet", "neutral"),
    }


def test_late_and_stale_data_links_to_the_list(desk: Client, connection: Connection) -> None:
    factories.synced(connection, at=now() - timedelta(minutes=8))
    assert panel(desk)["Freshness"] == ("1 entity is late, 0 of them stale", "warning")
    factories.synced(connection, Entity.INVENTORY, at=now() - timedelta(minutes=30))
    assert panel(desk)["Freshness"] == ("2 entities are late, 1 of them stale", "critical")
    assert {one.entity for one in listed(desk, "Freshness")} == {"orders", "inventory"}


def test_connections_with_problems_are_counted(desk: Client, connection: Connection) -> None:
    Connection.objects.update(status="unreachable")
    assert panel(desk)["Connections"] == ("1 unreachable", "warning")
    factories.connection(connection.workspace, name="Two", status="needs_attention")
    assert panel(desk)["Connections"] == ("1 needs attention, 1 unreachable", "critical")


@pytest.mark.parametrize(
    ("mode", "state", "still_waits"),
    [(Mode.FULL, State.FAILED, True), (Mode.INCREMENTAL, State.SUCCEEDED, True), (Mode.FULL, State.PARTIAL, False)],
)
def test_review_is_closed_by_a_newer_full_run(
    desk: Client, connection: Connection, mode: Mode, state: State, still_waits: bool
) -> None:
    run = factories.run(connection, state=State.NEEDS_REVIEW, mode=Mode.FULL)
    assert panel(desk)["Reviews"] == ("1 run needs a review", "warning")
    assert listed(desk, "Reviews") == [run]
    factories.run(connection, mode=mode, state=state)
    if still_waits:
        assert panel(desk)["Reviews"] == ("1 run needs a review", "warning")
    else:
        assert panel(desk)["Reviews"] == ("No run needs a review", "positive")
        assert listed(desk, "Reviews") == []


def test_review_is_closed_by_a_decision(desk: Client, connection: Connection) -> None:
    factories.run(connection, state=State.NEEDS_REVIEW, mode=Mode.FULL, review=Review.REJECTED)
    assert panel(desk)["Reviews"] == ("No run needs a review", "positive")
    assert listed(desk, "Reviews") == []


def incident(problem: Problem, minutes: int, connection: Connection | None = None, **fields: Any) -> Incident:
    opened = now() - timedelta(minutes=minutes)
    return Incident.objects.create(problem=problem, connection=connection, opened_at=opened, message="So.", **fields)


def test_open_incidents_are_counted_by_problem(desk: Client, connection: Connection) -> None:
    incident(Problem.NO_WORKER, 900, closed_at=now())
    assert panel(desk)["Incidents"] == ("None open", "positive")
    review = incident(Problem.REVIEW, 30, connection, entity=Entity.PRODUCTS)
    expected = "1 open, the oldest since 30 min ago: removals wait for a decision (1)"
    assert panel(desk)["Incidents"] == (expected, "warning")
    stale = [incident(Problem.STALE, 12, connection, entity=one) for one in (Entity.ORDERS, Entity.INVENTORY)]
    expected = (
        "3 open, the oldest since 30 min ago: data is out of date (2), removals wait for a decision (1)",
        "critical",
    )
    assert panel(desk)["Incidents"] == expected
    assert set(listed(desk, "Incidents")) == {review, *stale}


def test_idle_worker_counts_as_alive(desk: Client, orders: EntitySchedule) -> None:
    SyncRun.objects.update(beat_at=now() - timedelta(hours=3))
    Beat.objects.create(name="worker host:1", at=now() - timedelta(minutes=4))
    Beat.objects.create(name="watchdog", at=now())
    value, tone = panel(desk)["Workers"]
    assert "4 min ago" in value
    assert tone == "positive"


def test_planned_runs_are_not_counted_as_active(desk: Client, connection: Connection) -> None:
    factories.run(connection, state=State.RUNNING)
    factories.run(connection, Entity.PRODUCTS, state=State.QUEUED)
    planned = factories.run(connection, Entity.INVENTORY, state=State.QUEUED)
    SyncRun.objects.filter(pk=planned.pk).update(due_at=now() + timedelta(minutes=1))
    assert panel(desk)["Active runs"] == ("1 queued, 1 running", "info")


def test_unclaimed_due_run_is_a_worker_problem(desk: Client, orders: EntitySchedule) -> None:
    beat = now() - timedelta(minutes=10)
    SyncRun.objects.update(beat_at=beat)
    value, tone = panel(desk)["Workers"]
    assert "10 min ago" in value
    assert tone == "positive"
    waiting = factories.run(orders.connection, Entity.PRODUCTS, state=State.QUEUED)
    due = now() - timedelta(minutes=3)
    SyncRun.objects.filter(pk=waiting.pk).update(ready_at=due, urgency=due)
    value, tone = panel(desk)["Workers"]
    assert "1 due run waits for a worker" in value
    assert tone == "critical"
