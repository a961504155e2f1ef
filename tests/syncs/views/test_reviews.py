"""Pages on which admins decide: pending removals and retries of rejected records."""

from array import array
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Status
from packr.warehouse.models import Customer
from syncs.models import Mode, RejectedRecord, Review, SeenPage, State, SyncRun
from syncs.runs import rejected_records
from tests.kit import factories as make

from ...kit.html import main, page


@pytest.fixture
def held(connection: Any) -> SyncRun:
    """Return a full run that missed 130 of 150 customers."""
    rows = [make.customer(connection, f"c-{number:03}", f"Customer {number:03}") for number in range(150)]
    run = make.run(
        connection, Entity.CUSTOMERS, mode=Mode.FULL, state=State.NEEDS_REVIEW, held=130, started_at=now(), seen=20
    )
    keys = array("q", sorted(row.pk for row in rows[130:]))
    SeenPage.objects.create(run=run, number=1, keys=keys.tobytes(), cursor_digest="")
    return run


def address(run: SyncRun) -> str:
    return f"/settings/integrations/{run.connection_id}/runs/{run.pk}/held/"


def test_pending_removals_are_paginated(admin: Client, held: SyncRun) -> None:
    html = page(admin, address(held))
    assert "c-099" in html
    assert "c-100" not in html
    after = Customer.objects.get(external_id="c-099").pk
    assert f"after={after}" in html
    rest = page(admin, f"{address(held)}?after={after}")
    assert "c-100" in rest
    assert "c-129" in rest
    assert "c-130" not in rest


def test_release_needs_confirmation_and_shows_the_new_run(admin: Client, admin_user: Any, held: SyncRun) -> None:
    sure = main(admin, f"{address(held)}?decision=release")
    assert "Release 130 removals?" in sure
    held.refresh_from_db()
    assert held.review == ""
    response = admin.post(address(held), {"decision": "release"})
    follower = SyncRun.objects.get(releases=held)
    assert (response.status_code, response.headers["Location"]) == (
        303,
        f"/settings/integrations/{held.connection_id}/runs/{follower.pk}/",
    )
    held.refresh_from_db()
    assert (held.review, held.reviewed_by) == (Review.RELEASED, admin_user)
    assert "Released by Dana" in main(admin, address(held))
    assert "Released by Dana" in main(admin, address(held).removesuffix("held/"))


def test_reject_keeps_the_records(admin: Client, held: SyncRun) -> None:
    assert "Keep these 130 records?" in main(admin, f"{address(held)}?decision=reject")
    response = admin.post(address(held), {"decision": "reject"}, follow=True)
    assert "Rejected. The records stay. The next full run checks again." in response.content.decode()
    held.refresh_from_db()
    assert held.review == Review.REJECTED
    assert Customer.objects.filter(removed_at=None).count() == 150


def test_second_decision_is_refused(admin: Client, held: SyncRun) -> None:
    admin.post(address(held), {"decision": "reject"})
    response = admin.post(address(held), {"decision": "release"}, follow=True)
    assert "These removals were already rejected." in response.content.decode()
    assert not SyncRun.objects.filter(releases=held).exists()


def test_newer_full_run_supersedes_the_decision(admin: Client, connection: Any, held: SyncRun) -> None:
    make.run(connection, Entity.CUSTOMERS, mode=Mode.FULL)
    text = main(admin, address(held))
    assert "A newer full run has checked this data since" in text
    assert "c-001" not in text


@pytest.mark.parametrize("form", [{}, {"decision": "delete"}])
def test_invalid_decision_changes_nothing(admin: Client, held: SyncRun, form: dict[str, str]) -> None:
    assert admin.post(address(held), form).status_code == 303
    held.refresh_from_db()
    assert held.review == ""


def test_members_and_strangers_may_not_decide(member: Client, elsewhere: Client, held: SyncRun) -> None:
    assert member.get(address(held)).status_code == 403
    assert member.post(address(held), {"decision": "release"}).status_code == 403
    assert elsewhere.get(address(held)).status_code == 404
    assert elsewhere.post(address(held), {"decision": "release"}).status_code == 404
    held.refresh_from_db()
    assert held.review == ""


def test_run_without_pending_removals_has_no_review_page(admin: Client, connection: Any) -> None:
    assert admin.get(address(make.run(connection))).status_code == 404


# --- Rejected records ------------------------------------------------------------------------------------------------


@pytest.fixture
def two(connection: Any) -> list[RejectedRecord]:
    run = make.run(connection, Entity.INVENTORY, state=State.PARTIAL, seen=2, rejected=2)
    return [
        RejectedRecord.objects.create(
            connection=connection,
            run=run,
            entity="inventory",
            external_id=name,
            reason="no SKU",
            excerpt="{}",
            last_seen_at=now(),
        )
        for name in ("i-1", "i-2")
    ]


@pytest.fixture
def retried(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the ids of each retry; only the first record is accepted."""
    asked: list[list[str]] = []

    def retry(records: Any) -> rejected_records.RetryResult:
        found = sorted(one.external_id for one in records)
        asked.append(found)
        return rejected_records.RetryResult(stored=min(1, len(found)), still=max(0, len(found) - 1))

    monkeypatch.setattr(rejected_records, "retry", retry)
    return asked


def test_one_rejected_record_or_all_of_a_run_are_retried(
    admin: Client, connection: Any, two: list[RejectedRecord], retried: list[list[str]]
) -> None:
    doing = f"/settings/integrations/{connection.pk}/data/inventory/rejected/"
    response = admin.post(doing, {"record": two[1].pk}, follow=True)
    assert "1 accepted, 0 no longer in the WMS, 0 rejected again." in response.content.decode()
    response = admin.post(doing, {"run": two[0].run_id})
    assert response.headers["Location"] == f"/settings/integrations/{connection.pk}/runs/{two[0].run_id}/"
    assert admin.post(doing).headers["Location"].endswith("/data/inventory/#rejected")
    assert admin.post(doing, {"record": "x"}).status_code == 303
    assert retried == [["i-2"], ["i-1", "i-2"], ["i-1", "i-2"], []]


def test_members_and_strangers_may_not_retry(
    member: Client, elsewhere: Client, connection: Any, two: list[RejectedRecord], retried: list[list[str]]
) -> None:
    doing = f"/settings/integrations/{connection.pk}/data/inventory/rejected/"
    assert member.post(doing).status_code == 403
    assert elsewhere.post(doing).status_code == 404
    assert retried == []


def test_retry_leaves_out_records_of_another_connection(
    admin: Client, connection: Any, workspace: Any, two: list[RejectedRecord], retried: list[list[str]]
) -> None:
    other = make.connection(workspace, "Other")
    admin.post(f"/settings/integrations/{other.pk}/data/inventory/rejected/", {"record": two[0].pk})
    assert retried == [[]]


def test_disconnected_wms_is_not_asked(admin: Client, connection: Any, two: list[RejectedRecord]) -> None:
    type(connection).objects.update(status=Status.DISCONNECTED)
    doing = f"/settings/integrations/{connection.pk}/data/inventory/rejected/"
    assert "2 rejected again." in admin.post(doing, follow=True).content.decode()
