"""The page of a run: summary, counts, steps and actions."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from syncs.models import Checkpoint, Mode, Phase, RejectedRecord, State, SyncRun, Trigger
from tests.kit import factories as make

from ...kit.html import main, page, words

PART = {"HX-Request": "true"}


def address(run: SyncRun) -> str:
    return f"/settings/integrations/{run.connection_id}/runs/{run.pk}/"


def rejected(run: SyncRun, external_id: str = "o-7", **fields: Any) -> RejectedRecord:
    made = RejectedRecord(connection=run.connection, run=run, entity=run.entity, external_id=external_id)
    made.reason, made.excerpt, made.last_seen_at = "total_price is no number", '{"id": "o-7"}', now()
    for name, value in fields.items():
        setattr(made, name, value)
    made.save()
    return made


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"created": 12, "updated": 31, "unchanged": 7, "seen": 50},
            "succeeded: 50 records read, 12 new and 31 changed.",
        ),
        ({"seen": 40, "unchanged": 40}, "succeeded: 40 records read, no changes."),
        ({}, "succeeded: 0 records read, no changes."),
        (
            {"state": State.PARTIAL, "seen": 1215, "rejected": 3, "unchanged": 1212},
            "is incomplete: 1,215 records read, 3 rejected.",
        ),
        ({"state": State.NEEDS_REVIEW, "held": 30}, "found 30 records missing at the same time. Nothing is removed"),
        ({"state": State.FAILED}, "failed. Earlier data is unchanged."),
        ({"state": State.CANCELLED, "seen": 1}, "was cancelled after 1 record. Its changes are kept."),
        ({"state": State.WAITING, "seen": 4}, "is waiting for the WMS and continues automatically; 4 records read"),
        ({"state": State.QUEUED, "started_at": None}, "is queued: syncs of one account run one after the other."),
        ({"state": State.RUNNING, "seen": 1240}, "is running: 1,240 records read so far."),
    ],
)
def test_run_page_starts_with_a_summary(member: Client, connection: Any, fields: dict[str, Any], sentence: str) -> None:
    run = make.run(connection, **fields)
    assert f"This sync of orders {sentence}" in main(member, address(run))


def test_interrupted_run_shows_where_it_resumes(member: Client, connection: Any) -> None:
    run = make.run(connection, state=State.RUNNING, pages=3)
    type(run.lane).objects.update(leased_until=now() - timedelta(seconds=1))
    assert "was interrupted: its worker stopped. It resumes automatically at page 4." in main(member, address(run))


def test_counts_that_do_not_add_up_are_reported(member: Client, connection: Any) -> None:
    run = make.run(connection, seen=10, created=1, updated=2, unchanged=3, stale=3, rejected=1, removed=4)
    text = main(member, address(run))
    assert "Seen 10 Created 1 Updated 2 Unchanged 3 Older version 3 Rejected 1 Removed 4" in text
    assert "do not add up" not in text
    SyncRun.objects.update(seen=11)
    assert f"These counts do not add up. Contact support and mention run {run.pk}." in main(member, address(run))


def test_run_page_shows_trigger_scope_and_cost(member: Client, admin_user: Any, connection: Any) -> None:
    since = now() - timedelta(hours=1)
    run = make.run(
        connection,
        requested_by=admin_user,
        trigger=Trigger.MANUAL,
        since=since,
        requests=7,
        waited_seconds=130,
        pages=2,
        seen=9,
        unchanged=9,
    )
    text = main(member, address(run))
    assert "Triggered by Dana, manual" in text
    assert "Records changed since" in text
    assert "Requests 7" in text
    assert "Waited for the WMS 2 min 10 s" in text
    assert "Done Read records: 2 pages, 9 records" in text
    assert "Check for removed records" not in text, "only a full run does"


def test_full_run_shows_its_steps(member: Client, connection: Any) -> None:
    run = make.run(
        connection, mode=Mode.FULL, state=State.RUNNING, pages=3, seen=2500, border=now() - timedelta(days=30)
    )
    Checkpoint.objects.create(run=run, phase=Phase.RECHECK_MISSING)
    text = main(member, address(run))
    assert "All records, back to" in text
    assert "Done Read records: 3 pages, 2,500 records" in text
    assert "Done Recheck records with an older version than Packr’s" in text
    assert "In progress Check for removed records" in text
    assert "Current step Checking for removed records" in text


def test_date_window_run_shows_its_period(member: Client, connection: Any) -> None:
    run = make.run(connection, mode=Mode.WINDOW, border=now() - timedelta(days=9), until=now() - timedelta(days=2))
    assert "Records changed from" in main(member, address(run))


def test_rate_and_time_left_only_when_reliable(member: Client, connection: Any) -> None:
    """No rate after only a few seconds, and no time left unless earlier runs took about the same time."""
    began = now() - timedelta(minutes=9)
    for _ in range(3):
        make.run(connection, started_at=began, completed_at=began + timedelta(seconds=40))
    run = make.run(connection, state=State.RUNNING, seen=300, started_at=now() - timedelta(seconds=5))
    text = main(member, address(run))
    assert "a minute" not in text
    assert "usually takes 40 s, so about 3" in text
    SyncRun.objects.filter(pk=run.pk).update(started_at=now() - timedelta(seconds=60))
    text = main(member, address(run))
    assert "300 records read, about 300 a minute, usually takes 40 s" in text
    assert "left" not in text
    make.run(connection, started_at=began, completed_at=began + timedelta(minutes=30))
    SyncRun.objects.filter(pk=run.pk).update(started_at=now() - timedelta(seconds=5))
    assert "left" not in main(member, address(run)), "they took anything from 40 s to half an hour"


def test_run_page_polls_only_while_active(member: Client, connection: Any) -> None:
    """With JavaScript it polls every two seconds; without it there is a reload link."""
    run = make.run(connection, state=State.RUNNING)
    html = page(member, address(run))
    assert f'hx-get="{address(run)}?in=page"' in html
    assert f'href="{address(run)}">Reload</a>' in html.split("<noscript>")[1]
    part = page(member, f"{address(run)}?in=page", headers=PART)
    assert part.lstrip().startswith('<div class="run-page"')
    SyncRun.objects.update(state=State.SUCCEEDED, completed_at=now())
    assert "every 2s" not in page(member, address(run))


def test_only_admins_may_cancel(admin: Client, member: Client, connection: Any) -> None:
    run = make.run(connection, state=State.QUEUED, started_at=None)
    assert "Cancel this sync" in page(admin, address(run))
    assert "Cancel this sync" not in page(member, address(run))
    assert member.post(f"{address(run)}cancel/").status_code == 403
    response = admin.post(f"{address(run)}cancel/", {"in": "page"})
    assert (response.status_code, response.headers["Location"]) == (303, address(run))
    assert "Cancelled by Dana." in main(admin, address(run))


def test_rejected_records_show_reason_and_escaped_excerpt(admin: Client, member: Client, connection: Any) -> None:
    run = make.run(connection, state=State.PARTIAL, seen=1, rejected=1)
    rejected(run, "<b>7</b>", excerpt="<script>alert(1)</script>")
    html = page(member, address(run))
    assert "total_price is no number" in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>7</b>" not in html
    assert "Retry all" not in html
    assert "Retry all" in page(admin, address(run))


def test_run_of_bills_needs_their_permission(
    admin: Client, member: Client, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = {**Trackstar.resources, Entity.BILLS: Trackstar.resources[Entity.PRODUCTS]}
    monkeypatch.setattr(Trackstar, "resources", offered)
    run = make.run(connection, Entity.BILLS, state=State.PARTIAL, seen=1, rejected=1)
    rejected(run, excerpt="total 99.10")
    assert member.get(address(run)).status_code == 404
    assert "99.10" in page(admin, address(run))


def test_run_is_found_only_under_its_connection(
    admin: Client, elsewhere: Client, connection: Any, workspace: Any
) -> None:
    run = make.run(connection)
    other = make.connection(workspace, "Other")
    assert admin.get(f"/settings/integrations/{other.pk}/runs/{run.pk}/").status_code == 404
    assert elsewhere.get(address(run)).status_code == 404


def test_members_see_no_cancel_in_the_live_row(member: Client, connection: Any) -> None:
    run = make.run(connection, state=State.RUNNING)
    part = page(member, address(run), headers=PART)
    assert part.lstrip().startswith('<article class="run"')
    assert "Cancel" not in words(part)
