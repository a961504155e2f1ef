"""The history of a connection and of a workspace: events, filters and pages."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import events
from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.models import Event, EventKind
from syncs.models import Incident, Problem, State, SyncRun, Trigger
from tests.kit import factories as make

from ...kit.html import main, page


@pytest.fixture
def here(connection: Any) -> str:
    return f"/settings/integrations/{connection.pk}/history/"


@pytest.fixture
def eventful(connection: Any, admin_user: Any) -> dict[str, Any]:
    """Create one run of each type, a change by a person, and an incident."""
    found = {
        "failed": make.run(connection, state=State.FAILED, message="The WMS did not answer."),
        "changed": make.run(connection, Entity.PRODUCTS, created=3, seen=3),
        "by_hand": make.run(connection, trigger=Trigger.MANUAL, requested_by=admin_user),
        "idle": make.run(connection, seen=5, unchanged=5),
    }
    events.record_event(connection, EventKind.CREDENTIALS, "The credentials were replaced.", person=admin_user)
    Incident.objects.create(
        problem=Problem.STALE, connection=connection, entity="orders", message="Orders are old.", opened_at=now()
    )
    return found


def listed(html: str) -> set[str]:
    """Return the anchors of the entries of a page."""
    return set(re.findall(r'<tr id="(\w+-\d+)"', html))


def test_history_lists_runs_events_and_incidents(member: Client, eventful: dict[str, SyncRun], here: str) -> None:
    html = page(member, here)
    wanted = {f"run-{eventful[name].pk}" for name in ("failed", "changed", "by_hand")}
    assert listed(html) == wanted | {f"event-{Event.objects.get().pk}", f"incident-{Incident.objects.get().pk}"}
    text = main(member, here)
    assert "The credentials were replaced." in text
    assert "Orders are old." in text
    assert "The WMS did not answer." in text
    assert "Scheduled syncs with no changes are hidden." in text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("idle=1&kind=run", {"failed", "changed", "by_hand", "idle"}),
        ("state=failed", {"failed"}),
        ("trigger=manual", {"by_hand"}),
        ("entity=products", {"changed"}),
        ("kind=run", {"failed", "changed", "by_hand"}),
        ("state=failed&kind=event", set()),
        ("kind=run&from=2031-01-01", set()),
        ("kind=run&to=2001-01-01", set()),
        ("kind=run&from=nonsense&to=0001-01-01&state=odd&entity=x&at=1.2", {"failed", "changed", "by_hand"}),
    ],
)
def test_history_filters_are_in_the_address(
    member: Client, eventful: dict[str, SyncRun], here: str, query: str, expected: set[str]
) -> None:
    assert listed(page(member, f"{here}?{query}")) == {f"run-{eventful[name].pk}" for name in expected}


def test_date_filter_uses_the_workspace_zone(member: Client, connection: Any, here: str) -> None:
    """Berlin's 5 March begins at 23:00 UTC of the 4th."""
    run = make.run(connection, created=1, seen=1)
    SyncRun.objects.update(created_at="2026-03-04T23:30:00Z")
    assert listed(page(member, f"{here}?from=2026-03-05&to=2026-03-05")) == {f"run-{run.pk}"}
    assert listed(page(member, f"{here}?from=2026-03-04&to=2026-03-04")) == set()


def test_history_is_paginated_without_gaps_or_repeats(member: Client, connection: Any, here: str) -> None:
    """Each page starts where the previous one ended, for all types, even if rows were added meanwhile."""
    for number in range(120):
        make.run(connection, Entity.PRODUCTS if number % 3 else Entity.ORDERS, created=1, seen=1)
        if number % 4 == 0:
            events.record_event(connection, EventKind.MAPPING, f"Change {number}.")
    expected = {f"run-{run.pk}" for run in SyncRun.objects.all()} | {f"event-{one.pk}" for one in Event.objects.all()}
    found: list[str] = []
    address = here
    for _ in range(10):
        html = page(member, address)
        found += listed(html)
        make.run(connection, created=1, seen=1)
        older = re.search(r'rel="next"\s+href="([^"]+)"', html)
        if older is None:
            break
        address = f"{here}{older.group(1)}"
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_each_event_has_a_permanent_link(
    member: Client, eventful: dict[str, SyncRun], connection: Any, here: str
) -> None:
    """A run links to its page, any other event to the history page that starts with it."""
    html = page(member, here)
    assert f'href="/settings/integrations/{connection.pk}/runs/{eventful["failed"].pk}/"' in html
    anchor = f"event-{Event.objects.get().pk}"
    link = next(one for one in re.findall(r'href="([^"]+)"', html) if one.endswith(f"#{anchor}")).replace("&amp;", "&")
    for _ in range(60):
        make.run(connection, created=1, seen=1)
    rows = re.findall(r'<tr id="(\w+-\d+)"', page(member, link.split("#")[0]))
    assert rows[0] == anchor


def test_internal_incident_shows_no_operator_instructions(member: Client, connection: Any, here: str) -> None:
    Incident.objects.create(
        problem=Problem.NO_WORKER,
        message="Start manage.py qcluster.",
        opened_at=now() - timedelta(hours=1),
        closed_at=now(),
    )
    text = main(member, here)
    assert "No worker is running. This was on our side; no data was lost." in text
    assert "qcluster" not in text
    assert "Resolved automatically after 1 h." in text


def test_workspace_history_lists_all_connections(
    member: Client, elsewhere: Client, connection: Any, workspace: Any
) -> None:
    other = make.connection(workspace, "Other")
    runs = [make.run(one, created=1, seen=1) for one in (connection, other)]
    address = "/settings/integrations/history/"
    assert listed(page(member, address)) == {f"run-{run.pk}" for run in runs}
    assert "Other" in main(member, address)
    assert listed(page(elsewhere, address)) == set()
    assert elsewhere.get(f"/settings/integrations/{other.pk}/history/").status_code == 404


def test_empty_and_filtered_empty_history_differ(member: Client, here: str) -> None:
    assert "No events yet" in main(member, here)
    assert "No events match these filters" in main(member, f"{here}?state=failed")


def test_foreign_text_is_escaped(member: Client, connection: Any, here: str) -> None:
    make.run(connection, state=State.FAILED, message="<script>alert(1)</script>")
    assert "<script>alert(1)" not in page(member, here)


def test_history_queries_do_not_grow_with_data(
    member: Client, connection: Any, here: str, django_assert_num_queries: Any
) -> None:
    make.run(connection, created=1, seen=1)
    page(member, here)
    with CaptureQueriesContext(database) as few:
        page(member, here)
    for number in range(60):
        make.run(connection, Entity.PRODUCTS, created=1, seen=1)
        events.record_event(connection, EventKind.MAPPING, f"Change {number}.")
    with django_assert_num_queries(len(few)):
        page(member, here)


def test_history_of_bills_needs_their_permission(
    admin: Client, member: Client, connection: Any, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither their runs nor their problems are shown."""
    offers = {**Trackstar.resources, Entity.BILLS: Trackstar.resources[Entity.PRODUCTS]}
    monkeypatch.setattr(Trackstar, "resources", offers)
    run = make.run(connection, Entity.BILLS, state=State.FAILED, message="No bills today.")
    Incident.objects.create(
        problem=Problem.STALE, connection=connection, entity="bills", message="Bills are old.", opened_at=now()
    )
    everywhere = "/settings/integrations/history/"
    for address in (here, everywhere, f"{here}?entity=bills", f"{here}?state=failed"):
        assert listed(page(member, address)) == set(), address
        assert "ills" not in main(member, address), address
    assert f"run-{run.pk}" in listed(page(admin, here))
    assert f"run-{run.pk}" in listed(page(admin, everywhere))
    settings = here.removesuffix("history/")
    for address in (f"{settings}runs/{run.pk}/", f"{settings}data/bills/"):
        assert member.get(address).status_code == 404, address
        assert admin.get(address).status_code == 200, address
    assert "Bills" not in main(member, settings)
    assert "Bills" in main(admin, settings)
