"""Pending removals in the admin: the list, the decision and its outcome per run."""

from array import array
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection, Status
from packr.warehouse.models import Product
from syncs.admin import removal_reviews
from syncs.models import Mode, Review, SeenPage, State, SyncRun, Trigger
from tests.kit import factories

from .test_actions import RUNS, act


def pending_removals_run(connection: Connection, entity: Entity = Entity.PRODUCTS, **fields: Any) -> SyncRun:
    """Return a full run that saw none of the records in Packr."""
    run = factories.run(connection, entity, state=State.NEEDS_REVIEW, mode=Mode.FULL, **fields)
    SeenPage.objects.create(run=run, number=1, keys=array("q").tobytes(), cursor_digest="")
    return run


@pytest.fixture
def products(connection: Connection) -> list[Product]:
    """Create three products that are a day old."""
    made = [factories.product(connection, f"SKU-{number}") for number in range(3)]
    Product.objects.update(changed_at=now() - timedelta(days=1))
    return made


@pytest.fixture
def run(connection: Connection, products: list[Product]) -> SyncRun:
    return pending_removals_run(connection, held=3)


def post_action(desk: Client, action: str, *runs: SyncRun) -> str:
    answer = desk.post(RUNS, {"action": action, "_selected_action": [run.pk for run in runs]})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize("action", ["release", "reject"])
def test_pending_removals_are_listed_before_a_decision(
    desk: Client, run: SyncRun, products: list[Product], action: str
) -> None:
    text = post_action(desk, action, run)
    assert "3 pending removals of 1 run." in text
    for product in products:
        assert f"<td>{product.pk}</td> <td>{product.external_id}</td> <td>{product}</td>" in text
    run.refresh_from_db()
    assert run.review == ""
    assert SyncRun.objects.count() == 1
    assert not LogEntry.objects.exists()


def test_long_list_shows_how_many_more_there_are(desk: Client, run: SyncRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal_reviews, "MAX_LISTED", 2)
    text = post_action(desk, "release", run)
    assert text.count("<td>p-SKU-") == 2
    assert "And 1 more." in text


def test_release_starts_a_full_run_that_may_remove_them(desk: Client, support: User, run: SyncRun) -> None:
    (said,) = act(desk, RUNS, "release", run, confirmed="yes")
    run.refresh_from_db()
    assert (run.review, run.reviewed_by) == (Review.RELEASED, support)
    follower = SyncRun.objects.get(releases=run)
    assert (follower.mode, follower.trigger, follower.requested_by) == (Mode.FULL, Trigger.SUPPORT, support)
    assert f"/admin/syncs/syncrun/{follower.pk}/change/" in said
    assert "Removals released (3)" in LogEntry.objects.get().get_change_message()
    page = " ".join(desk.get(f"{RUNS}{run.pk}/change/").content.decode().split())
    assert "Released" in page
    assert f"/admin/auth/user/{support.pk}/change/" in page


def test_rejecting_keeps_the_records(desk: Client, support: User, run: SyncRun) -> None:
    (said,) = act(desk, RUNS, "reject", run, confirmed="yes")
    run.refresh_from_db()
    assert (run.review, run.reviewed_by) == (Review.REJECTED, support)
    assert "The records stay" in said
    assert SyncRun.objects.count() == 1
    assert Product.objects.filter(removed_at=None).count() == 3
    assert LogEntry.objects.get().get_change_message() == "Removals rejected (3)."


def test_decisions_report_the_outcome_per_run(desk: Client, run: SyncRun, connection: Connection) -> None:
    plain = factories.run(connection, Entity.CUSTOMERS)
    gone = factories.connection(factories.workspace("southbay"), status=Status.DISCONNECTED)
    cut_off = pending_removals_run(gone, held=9)
    said = act(desk, RUNS, "release", run, plain, cut_off, confirmed="yes")
    assert len(said) == 3
    assert any(one.startswith(f"{run}: released.") for one in said)
    assert f"{plain}: This sync has no pending removals." in said
    assert any(one.startswith(f"{cut_off}: ") and "disconnected" in one for one in said)
    cut_off.refresh_from_db()
    assert cut_off.review == ""
    assert {entry.object_id for entry in LogEntry.objects.all()} == {str(run.pk)}


def test_decision_made_meanwhile_is_reported(desk: Client, run: SyncRun) -> None:
    SyncRun.objects.filter(pk=run.pk).update(review=Review.REJECTED)
    # The list is filtered by undecided runs, so it no longer contains this run.
    (said,) = act(desk, f"{RUNS}?decision=undecided", "release", run, confirmed="yes")
    assert said == f"{run}: These removals were already rejected."


def test_runs_without_open_decision_are_not_changed(
    desk: Client, run: SyncRun, connection: Connection, products: list[Product]
) -> None:
    act(desk, RUNS, "reject", run, confirmed="yes")
    plain = factories.run(connection, Entity.CUSTOMERS)
    text = post_action(desk, "release", run, plain)
    assert "None of the chosen runs has pending removals." in text
    assert f"{run}: rejected. It is not changed." in text
    assert f"{plain}: no pending removals. It is not changed." in text
    assert 'name="confirmed"' not in text
    # The seen keys are deleted, so every record would seem to be missing.
    assert products[0].external_id not in text


def test_number_of_runs_per_decision_is_limited(desk: Client, connection: Connection) -> None:
    many = [pending_removals_run(connection, held=1) for _ in range(removal_reviews.MAX_RUNS + 1)]
    assert act(desk, RUNS, "release", *many) == ["Choose at most 5 runs."]


def test_runs_are_filtered_by_decision(desk: Client, connection: Connection) -> None:
    old = pending_removals_run(connection, held=30)
    waiting = pending_removals_run(connection, held=40)
    released = pending_removals_run(connection, Entity.CUSTOMERS, held=50, review=Review.RELEASED)
    factories.run(connection)

    def found(decision: str) -> list[SyncRun]:
        return list(desk.get(RUNS, {"decision": decision}).context["cl"].result_list)

    assert found("undecided") == [waiting]
    assert found("released") == [released]
    assert found("rejected") == []
    text = desk.get(RUNS).content.decode()
    for expected in ("30, superseded by a newer full run", "40, undecided", "50, released"):
        assert expected in text
    assert f"?q={waiting.pk}" in desk.get(f"{RUNS}{waiting.pk}/change/").content.decode()
    assert "Superseded by a newer full run" in desk.get(f"{RUNS}{old.pk}/change/").content.decode()
