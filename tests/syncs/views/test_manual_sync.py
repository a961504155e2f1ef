"""The manual sync window: its form, the response to Run, and the live run."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from integrations.entities import GROUPS
from integrations.models import Status
from syncs.models import Mode, State, SyncRun, Trigger
from syncs.runs.cadence import DEFAULT_INTERVALS
from tests.kit import factories as make

JSON = {"Accept": "application/json"}
PART = {"HX-Request": "true"}


@pytest.fixture
def window(connection: Any) -> str:
    return f"/settings/integrations/{connection.pk}/sync/"


def page(client: Client, address: str, **extra: Any) -> str:
    response = client.get(address, **extra)
    assert response.status_code == 200
    return str(response.content.decode())


def test_window_has_its_labels_and_every_entity(admin: Client, connection: Any, window: str) -> None:
    """The documented labels, and every entity that the connector offers."""
    html = page(admin, window)
    assert "<legend>Trigger incremental</legend>" in html
    assert ">Target entity</label>" in html
    assert ">Run</button>" in html
    assert "Workspace sync state — latest run per table" in html
    for entity in connection.connector.entities():
        assert f'<option value="{entity}"' in html
    assert "(read with orders)" in html


def test_window_opens_as_a_page_and_in_a_dialog(admin: Client, window: str) -> None:
    assert "<h1>Manual sync</h1>" in page(admin, window)
    alone = page(admin, window, headers={**PART, "HX-Current-URL": f"http://testserver{window}?run=1"})
    assert "<h1>Manual sync</h1>" in alone
    part = page(admin, window, headers={**PART, "HX-Current-URL": "http://testserver/settings/integrations/"})
    assert part.lstrip().startswith('<div class="sync-window">')
    assert 'id="window-title"' in part


def test_window_estimates_one_entity_and_everything(admin: Client, connection: Any, window: str) -> None:
    for entity in connection.connector.entities():
        if entity not in connection.connector.read_with:
            make.synced(
                connection, entity, pages=3, mode=Mode.INCREMENTAL if entity in DEFAULT_INTERVALS else Mode.FULL
            )
    html = page(admin, window)
    count = SyncRun.objects.count()
    assert "Usually 4 s and 3 pages." in html
    assert f"Everything together usually takes {4 * count} s and {3 * count} pages." in html
    SyncRun.objects.update(requests=5)
    html = page(admin, window)
    assert "Usually 4 s and 5 requests." in html
    assert f"{4 * count} s and {5 * count} requests." in html


def test_run_starts_a_sync_and_shows_it(admin: Client, admin_user: Any, connection: Any, window: str) -> None:
    response = admin.post(window, {"entity": "orders"})
    run = SyncRun.objects.get()
    assert (response.status_code, response.headers["Location"]) == (303, f"{window}?run={run.pk}")
    assert (run.entity, run.trigger, run.requested_by) == ("orders", Trigger.MANUAL, admin_user)
    html = page(admin, response.headers["Location"])
    assert "Queued" in html
    assert 'hx-trigger="every 2s"' in html
    without_scripts = html.split("<noscript>")[1].split("</noscript>")[0]
    assert f'href="{window}?run={run.pk}">Reload</a>' in without_scripts


def test_live_row_polls_until_the_run_ends(admin: Client, connection: Any, window: str) -> None:
    """The same URL shows a queued, a running and a finished run."""
    run = make.run(connection, state=State.RUNNING, seen=1240, created=12, started_at=now() - timedelta(seconds=80))
    address = f"/settings/integrations/{connection.pk}/runs/{run.pk}/"
    html = page(admin, address, headers=PART)
    for words in (
        "Running",
        "1,240 records read",
        "1 min 20 s",
        'hx-trigger="every 2s"',
        'data-announce="Orders: running"',
    ):
        assert words in html, words
    assert "Completed" not in html
    run.state, run.completed_at = State.SUCCEEDED, now()
    run.save()
    html = page(admin, address, headers=PART)
    assert "Succeeded" in html
    assert "Completed" in html
    assert "every 2s" not in html
    assert 'data-announce="Orders: succeeded, 1,240 records read"' in html


def test_second_trigger_attaches_to_the_run(admin: Client, admin_user: Any, connection: Any, window: str) -> None:
    """No second run starts. The response says who started the first one and when."""
    make.run(connection, state=State.RUNNING, requested_by=admin_user, trigger=Trigger.MANUAL)
    SyncRun.objects.update(started_at=now() - timedelta(seconds=20))
    response = admin.post(window, {"entity": "orders"}, follow=True)
    assert SyncRun.objects.count() == 1
    html = " ".join(response.content.decode().split())
    assert re.search(r"Dana started this sync [2-5]\d s ago\. You are watching the same run\.", html)
    answer = admin.post(window, {"entity": "orders"}, headers=JSON).json()
    assert [one["attached"] for one in answer["runs"]] == [True]


def test_json_clients_get_the_runs_as_json(admin: Client, window: str) -> None:
    response = admin.post(window, {"entity": "orders", "mode": "full"}, headers=JSON)
    run = SyncRun.objects.get()
    assert response.status_code == 202
    assert response.json() == {
        "runs": [
            {
                "id": run.pk,
                "entity": "orders",
                "mode": "full",
                "state": "queued",
                "url": f"{window}?run={run.pk}",
                "attached": False,
            }
        ]
    }


def test_group_runs_each_of_its_entities_once(admin: Client, connection: Any, window: str) -> None:
    answer = admin.post(window, {"group": "everything"}, headers=JSON).json()
    ran = {one["entity"] for one in answer["runs"]}
    assert ran == set(connection.connector.entities()) - set(connection.connector.read_with)
    response = admin.post(window, {"group": "variants", "mode": "full"})
    html = page(admin, response.headers["Location"])
    assert html.count('<article class="run"') == len(GROUPS["variants"])


def test_entity_read_with_another_runs_that_one(admin: Client, window: str) -> None:
    admin.post(window, {"entity": "order-shipments"})
    assert SyncRun.objects.get().entity == "orders"


@pytest.mark.parametrize(
    ("form", "field", "message"),
    [
        ({"entity": "unicorns"}, "entity", "There is no entity “unicorns”. Choose one of orders, "),
        ({}, "entity", "Choose either an entity or a group."),
        ({"entity": "orders", "group": "variants"}, "entity", "Choose either an entity or a group."),
        ({"entity": "suppliers"}, "entity", "Trackstar does not offer suppliers."),
        ({"group": "all"}, "group", "There is no group “all”."),
        ({"entity": "orders", "mode": "deep"}, "mode", "There is no mode “deep”."),
        ({"entity": "<script>"}, "entity", "There is no entity “<script>”."),
    ],
)
def test_invalid_form_is_explained_and_starts_nothing(
    admin: Client, connection: Any, window: str, form: dict[str, str], field: str, message: str, no_suppliers: None
) -> None:
    response = admin.post(window, form)
    assert response.status_code == 400
    html = response.content.decode()
    assert message.replace("<script>", "&lt;script&gt;") in html
    assert 'role="alert"' in html
    answer = admin.post(window, form, headers=JSON)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]
    assert answer.json()["error"]["message"].startswith(message)
    assert SyncRun.objects.count() == 0


def test_disconnected_connection_cannot_sync(admin: Client, connection: Any, window: str) -> None:
    type(connection).objects.update(status=Status.DISCONNECTED)
    assert "Target entity" not in page(admin, window)
    response = admin.post(window, {"entity": "orders"})
    assert response.status_code == 400
    assert "disconnected" in response.content.decode()
    assert SyncRun.objects.count() == 0


def test_cancelled_run_shows_who_cancelled_it(admin: Client, connection: Any, window: str) -> None:
    run = make.run(connection, state=State.QUEUED, started_at=None)
    response = admin.post(f"/settings/integrations/{connection.pk}/runs/{run.pk}/cancel/", follow=True)
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert "Cancelled by Dana." in response.content.decode()


def test_full_update_that_follows_is_announced(admin: Client, connection: Any, window: str) -> None:
    run = make.run(connection, state=State.RUNNING)
    admin.post(window, {"entity": "orders", "mode": Mode.FULL})
    html = page(admin, f"{window}?run={run.pk}")
    assert "A full update follows when this run ends." in html


@pytest.mark.parametrize("query", ["?run=x", "?run=99999999999999999999999", "?run=-1", "?run=", "?run=4&run=4"])
def test_invalid_run_parameters_show_the_window(admin: Client, window: str, query: str) -> None:
    assert "Target entity" in page(admin, window + query)


def test_window_shows_only_runs_of_its_connection(admin: Client, workspace: Any, window: str) -> None:
    other = make.run(make.connection(workspace, "Other"), seen=4242)
    assert "4,242 records" not in page(admin, f"{window}?run={other.pk}")
