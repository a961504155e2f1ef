"""Groups, full updates and date windows of the manual sync window, with their estimates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations.entities import GROUPS, Entity
from syncs.models import EntitySchedule, Mode, State, SyncRun, Trigger
from tests.kit import factories as make

from ...kit.html import main, page, words

PART = {"HX-Request": "true", "HX-Current-URL": "http://testserver/settings/integrations/"}


@pytest.fixture
def window(connection: Any) -> str:
    return f"/settings/integrations/{connection.pk}/sync/"


@pytest.fixture
def synced(connection: Any) -> Any:
    """Return a connection whose entities were all synced once."""
    EntitySchedule.objects.filter(connection=connection).update(watermark=now(), as_of=now())
    return connection


def section(html: str, legend: str) -> str:
    return html.split(f"<legend>{legend}</legend>")[1].split("</fieldset>")[0]


def test_group_buttons_describe_their_scope(admin: Client, synced: Any, window: str) -> None:
    """A label per type, and what it reads."""
    groups = section(page(admin, window), "Sync a group")
    for label in ("Run full sync", "Run variants sync", "Run purchase orders sync"):
        assert f">{label}<" in groups
    text = words(groups)
    assert "Syncs inventory and products: changes since the last full or variants sync." in text
    assert "Syncs inbound shipments and suppliers (purchase, transfer and assembly orders): changes" in text
    assert "since the last full or purchase orders sync." in text
    assert "Syncs every data type, changes only. Same as the nightly sync." in text


@pytest.mark.parametrize("group", ["variants", "purchase-orders"])
def test_group_syncs_incrementally_and_only_its_members(admin: Client, synced: Any, window: str, group: str) -> None:
    admin.post(window, {"group": group})
    # Daily data is always read in full.
    modes = {one: Mode.FULL if one == Entity.SUPPLIERS else Mode.INCREMENTAL for one in GROUPS[group]}
    assert {(run.entity, run.mode) for run in SyncRun.objects.all()} == set(modes.items())


def test_full_sync_covers_everything_incrementally_after_confirmation(admin: Client, synced: Any, window: str) -> None:
    """It covers every entity but reads only changes. It shows an estimate and asks for confirmation."""
    for entity in synced.connector.resources:
        mode = Mode(synced.schedules.get(entity=entity).mode)
        make.run(synced, entity, mode=mode, requests=3)
    count = SyncRun.objects.count()
    text = main(admin, f"{window}confirm/?group=everything")
    assert "Run full sync?" in text
    assert f"In total, usually {4 * count} s and {3 * count} requests, based on recent runs." in text
    assert "Nothing has started yet." in text
    assert SyncRun.objects.count() == count
    admin.post(window, {"group": "everything"})
    asked = SyncRun.objects.filter(trigger=Trigger.MANUAL)
    assert {run.entity for run in asked if run.mode == Mode.INCREMENTAL} == {
        "orders",
        "inventory",
        "inbound-shipments",
        "products",
        "customers",
        "returns",
        "warehouse-locations",
    }


def test_full_update_is_estimated_from_full_runs(admin: Client, synced: Any, window: str) -> None:
    """The estimate comes from runs of the same mode. If there are none, it is shown as unknown."""
    make.run(synced, Entity.INVENTORY, requests=2)
    address = f"{window}confirm/?entity=inventory&mode=full"
    assert "No full run yet, so no estimate." in main(admin, address)
    make.run(synced, Entity.INVENTORY, mode=Mode.FULL, requests=40)
    text = main(admin, address)
    assert "Run a full update of inventory?" in text
    assert "Usually 4 s and 40 requests, based on recent runs." in text
    form = page(admin, address).split('class="actions"')[1].split("</form>")[0]
    assert '<input type="hidden" name="entity" value="inventory">' in form
    assert '<input type="hidden" name="mode" value="full">' in form
    admin.post(window, {"entity": "inventory", "mode": "full"})
    assert SyncRun.objects.latest("pk").mode == Mode.FULL


def test_date_window_uses_days_of_the_workspace_zone(admin: Client, synced: Any, window: str) -> None:
    """The last day is included, and days are those of Berlin."""
    asked = {"entity": "orders", "mode": "window", "from": "2026-03-01", "to": "2026-03-02"}
    text = main(admin, f"{window}confirm/?entity=orders&mode=window&from=2026-03-01&to=2026-03-02")
    assert (
        "From 1 Mar 2026, 00:00:00 CET (28 Feb, 23:00 UTC) up to 3 Mar 2026, 00:00:00 CET (2 Mar, 23:00 UTC)." in text
    )
    assert admin.post(window, asked).status_code == 303
    run = SyncRun.objects.get()
    assert run.mode == Mode.WINDOW
    assert (run.border, run.until) == (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 2, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ({}, "Enter the start date."),
        ({"from": "2026-03-01"}, "Enter the end date."),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "The end date is before the start date."),
        ({"from": "soon", "to": "2026-03-01"}, "“soon” is not a date. Use the format 2026-02-28."),
        ({"from": "0001-01-01", "to": "2026-03-01"}, "is out of range"),
        ({"from": "2030-01-01", "to": "9999-12-31"}, "is out of range"),
        ({"from": "2900-01-01", "to": "2900-01-02"}, "The start date is in the future."),
    ],
)
def test_invalid_dates_keep_the_input_and_show_the_error(
    admin: Client, synced: Any, window: str, days: dict[str, str], message: str
) -> None:
    asked = {"entity": "orders", "mode": "window", **days}
    for response in (admin.get(f"{window}confirm/", asked), admin.post(window, asked)):
        assert response.status_code == 400
        part = section(response.content.decode(), "Date window")
        assert message in part
        assert 'aria-invalid="true"' in part
        assert f'value="{days.get("from", "")}"' in part
    assert SyncRun.objects.count() == 0


def test_date_window_offers_history_entities_only(admin: Client, synced: Any, window: str) -> None:
    part = section(page(admin, window), "Date window")
    assert 'value="orders"' in part
    assert 'value="inventory"' not in part
    asked = {"entity": "inventory", "mode": "window", "from": "2026-03-01", "to": "2026-03-02"}
    response = admin.post(window, asked)
    assert response.status_code == 400
    assert "Inventory can’t be read by date." in response.content.decode()


def test_confirmation_and_window_mention_the_active_run(
    admin: Client, admin_user: Any, synced: Any, window: str
) -> None:
    run = make.run(synced, Entity.INVENTORY, state=State.RUNNING, requested_by=admin_user, trigger=Trigger.MANUAL)
    assert "Dana started a sync 1 min" in main(admin, f"{window}confirm/?entity=inventory&mode=full")
    assert "The full update starts when it ends." in main(admin, f"{window}confirm/?entity=inventory&mode=full")
    assert "Already running: Dana started it at" in page(admin, f"{window}?entity=inventory")
    # The window that shows the run does not need the note.
    assert "Already running" not in page(admin, f"{window}?entity=inventory&run={run.pk}")


def test_target_in_the_address_is_preselected_and_not_started(admin: Client, synced: Any, window: str) -> None:
    """`?entity=` selects the entity of the previous page, and the text below is about it."""
    make.run(synced, Entity.PRODUCTS, requests=9)
    html = page(admin, f"{window}?entity=products")
    part = section(html, "Trigger incremental")
    assert words(part.split("selected>")[1].split("</option>")[0]).strip() == "Products"
    assert "Usually 4 s and 9 requests." in words(part.split("data-effort-of")[1])
    assert page(admin, f"{window}?entity=unicorns").count("selected") == 0
    assert SyncRun.objects.count() == 1


def test_never_synced_entity_is_announced_as_full(admin: Client, window: str) -> None:
    assert "Never synced, so all records are read." in section(page(admin, window), "Trigger incremental")


def test_window_shows_last_and_next_run_times(admin: Client, synced: Any, window: str) -> None:
    ended = now() - timedelta(minutes=3)
    make.run(synced, started_at=ended - timedelta(seconds=5), completed_at=ended)
    EntitySchedule.objects.filter(entity="orders").update(next_due_at=now() + timedelta(minutes=2))
    part = words(section(page(admin, window), "Trigger incremental"))
    assert "Usually 5 s" in part
    assert "Last run: " in part
    assert "Next scheduled run: about " in part


def test_confirmation_opens_in_the_dialog_too(admin: Client, synced: Any, window: str) -> None:
    part = page(admin, f"{window}confirm/?entity=orders&mode=full", headers=PART)
    assert part.lstrip().startswith('<div class="sync-window">')
    assert 'id="window-title"' in part
    alone = page(admin, f"{window}confirm/?entity=orders&mode=full")
    assert "<h1>Run a full update of orders?</h1>" in alone


def test_entity_not_offered_has_no_estimate(admin: Client, synced: Any, window: str, no_suppliers: None) -> None:
    response = admin.get(f"{window}confirm/?entity=suppliers&mode=full")
    assert response.status_code == 400
    assert "Trackstar does not offer suppliers." in response.content.decode()


def test_members_may_not_see_estimates(member: Client, window: str) -> None:
    assert member.get(f"{window}confirm/?entity=orders&mode=full").status_code == 403


def test_window_queries_do_not_grow_with_runs(
    admin: Client, synced: Any, window: str, django_assert_num_queries: Any
) -> None:
    make.run(synced)
    page(admin, window)
    with CaptureQueriesContext(database) as few:
        page(admin, window)
    for entity in synced.connector.entities():
        for mode in (Mode.INCREMENTAL, Mode.FULL):
            for _ in range(8):
                make.run(synced, entity, mode=mode)
    with django_assert_num_queries(len(few)):
        page(admin, window)
