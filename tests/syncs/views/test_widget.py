"""The sync widget at the lower left of every page, and its panel."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Status
from syncs.models import EntitySchedule, State, SyncRun
from tests.kit import factories as make

PART = {"HX-Request": "true"}
WITHOUT = ("admin/", "accounts/", "api/", "healthz", "readyz", "metrics", "static", "webhooks/")
PARTS = ("sync-widget/", "actions/marks/", "actions/skus/")


def addresses(patterns: Any, before: str = "") -> list[str]:
    """Return every address pattern of the URL table."""
    found = []
    for one in patterns:
        path = before + str(one.pattern)
        if isinstance(one, URLResolver):
            found += addresses(one.url_patterns, path)
        elif isinstance(one, URLPattern):
            found.append(path)
    return found


def filled(path: str, connection: Any) -> str:
    values = {"entity": "orders", "wms": "trackstar", "run_id": SyncRun.objects.latest("pk").pk}
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values.get(found[1], connection.pk)), path)


@pytest.fixture
def synced(connection: Any) -> Any:
    for entity in connection.connector.entities():
        make.synced(connection, entity, at=now() - timedelta(minutes=2))
    return connection


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def summary(page: str) -> str:
    return words(page.split('class="widget-summary"')[1].split("</summary>")[0].split(">", 1)[1])


def panel(client: Client) -> str:
    page = client.get("/sync-widget/", headers=PART).content.decode()
    return words(page.split('id="widget-panel"')[1].split(">", 1)[1])


@pytest.mark.one_database
def test_every_page_has_the_same_widget(admin: Client, synced: Any) -> None:
    """Crawled over the URL table; pages of errors too."""
    paths = [path for path in addresses(get_resolver().url_patterns) if not path.startswith((*WITHOUT, *PARTS))]
    seen = {}
    for path in [*paths, "nothing/like/this/"]:
        response = admin.get(filled(path, synced), follow=True)
        if response.headers["Content-Type"].startswith("text/html") and response.content:
            assert 'class="widget-summary"' in response.content.decode(), (path, response.status_code)
            seen[path] = summary(response.content.decode())
    assert {"orders/", "settings/brands/", "settings/integrations/why/<slug:entity>/", "nothing/like/this/"} <= set(
        seen
    )
    assert {path: said for path, said in seen.items() if said != "Sync state: Fresh Updated 2 min ago"} == {}


def test_error_pages_have_the_widget(member: Client, synced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not allowed, a form that is too old, and a fault of Packr's own."""
    forbidden = member.get(f"/settings/integrations/{synced.pk}/sync/")
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    strict.cookies = member.cookies
    too_old = strict.post(f"/settings/integrations/{synced.pk}/ask/", {"entity": "orders"})
    monkeypatch.setattr("packr.warehouse.lists.listing.get_page", lambda *args: 1 / 0)
    broken = strict.get("/orders/")
    for response, status in ((forbidden, 403), (too_old, 403), (broken, 500)):
        assert response.status_code == status
        assert summary(response.content.decode()) == "Sync state: Fresh Updated 2 min ago"


def test_error_page_that_fails_falls_back_to_plain_text(member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packr.warehouse.lists.listing.get_page", lambda *args: 1 / 0)
    monkeypatch.setattr("packr.workspaces.context_processors.request_context", lambda *args: 1 / 0)
    member.raise_request_exception = False
    response = member.get("/orders/")
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.content.decode()


def test_anonymous_pages_have_no_widget(client: Client, db: None) -> None:
    assert "widget" not in client.get("/accounts/login/").content.decode()
    assert "widget" not in client.get("/nothing/like/this/").content.decode()


def test_widget_lists_running_upcoming_and_needs_attention(member: Client, workspace: Any, synced: Any) -> None:
    """Exact date and time with its zone; the next ones are only ever about a time."""
    EntitySchedule.objects.update(next_due_at=now() + timedelta(hours=3))
    EntitySchedule.objects.filter(entity="products").update(next_due_at=now() + timedelta(minutes=4))
    found = panel(member)
    assert re.search(r"Last update \d+ \w{3} \d{4}, \d\d:\d\d:\d\d CES?T \(.*UTC\)", found)
    assert "Running (0) None" in found
    assert re.search(r"Upcoming Products about \d\d:\d\d", found)
    assert "Needs attention (0) None" in found
    make.run(synced, state=State.RUNNING, seen=1240)
    make.synced(synced, Entity.INVENTORY, at=now() - timedelta(minutes=30))
    make.run(synced, Entity.PRODUCTS, state=State.NEEDS_REVIEW, mode="full", held=40)
    other = make.connection(workspace, "Other", status=Status.NEEDS_ATTENTION)
    found = panel(member)
    assert "Running (1) Orders in Sandbox: running, 1,240 records read" in found
    assert "Needs attention (3) Other Needs attention Inventory in Sandbox: as of 30 min ago" in found
    assert "Products : 40 pending removals" in found
    assert other.name in found


def test_late_data_links_to_its_diagnosis(member: Client, synced: Any) -> None:
    make.synced(synced, Entity.INVENTORY, at=now() - timedelta(minutes=30))
    assert 'href="/settings/integrations/why/inventory/"' in member.get("/orders/").content.decode()


def test_admins_start_group_syncs_from_the_widget(admin: Client, member: Client, synced: Any) -> None:
    """Each button starts what it says."""
    found = panel(admin)
    for label in ("Run full sync", "Run variants sync", "Run purchase orders sync"):
        assert label in found
        assert label not in panel(member)
    address = f"/settings/integrations/{synced.pk}/sync/"
    assert f'action="{address}"' in admin.get("/orders/").content.decode()
    response = admin.post(address, {"group": "variants"})
    assert response.status_code == 303
    assert set(SyncRun.objects.filter(trigger="manual").values_list("entity", flat=True)) == {"products", "inventory"}


def test_widget_polls_faster_while_a_sync_runs(member: Client, synced: Any) -> None:
    assert 'hx-trigger="every 60s"' in member.get("/sync-widget/", headers=PART).content.decode()
    make.run(synced, state=State.RUNNING)
    assert 'hx-trigger="every 5s"' in member.get("/sync-widget/", headers=PART).content.decode()


def test_widget_shows_missing_connection_or_mapping(member: Client, workspace: Any) -> None:
    assert "Not connected" in summary(member.get("/orders/").content.decode())
    make.connection(workspace)
    make.brand(workspace, "Acme")
    assert "No account linked" in summary(member.get("/orders/?brand=acme").content.decode())
    assert "Open mapping" in panel(member)


def test_widget_queries_do_not_grow_with_data(admin: Client, workspace: Any, synced: Any) -> None:
    def cost() -> int:
        with CaptureQueriesContext(database) as asked:
            admin.get("/sync-widget/", headers=PART)
        return len(asked)

    few = cost()
    for number in range(4):
        other = make.connection(workspace, f"Other {number}")
        make.run(other, state=State.RUNNING)
        make.run(other, Entity.PRODUCTS, state=State.NEEDS_REVIEW, mode="full", held=40)
    assert cost() == few
