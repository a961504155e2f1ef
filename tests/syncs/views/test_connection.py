"""The page of a connection and its tabs: entity states, runs, and for admins the actions."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Status
from syncs.models import EntitySchedule, RejectedRecord, State, SyncRun
from tests.kit import factories as make

from ...kit.html import main, page


@pytest.fixture
def here(connection: Any) -> str:
    return f"/settings/integrations/{connection.pk}/"


def test_admins_see_a_sync_button_per_data_type(admin: Client, member: Client, connection: Any, here: str) -> None:
    """A connection, a button for each type of data; none for members."""
    text = main(admin, here)
    for entity in connection.connector.resources:
        assert f"Run {entity.label.lower()} sync" in text
    assert "Run order shipments sync" not in text, "they come with orders"
    response = admin.post(f"{here}sync/", {"entity": "products"})
    assert response.status_code == 303
    assert SyncRun.objects.get().entity == "products"
    theirs = main(member, here)
    assert "sync now" not in theirs.lower()
    assert "Run products sync" not in theirs
    assert "Workspace sync state — latest run per table" in theirs


def test_connection_page_has_a_tab_per_entity(admin: Client, member: Client, connection: Any, here: str) -> None:
    """Plain links; the current one is marked."""
    tabs = page(member, f"{here}data/inventory/").split('class="tabs"')[1].split("</nav>")[0]
    assert "bills" not in tabs
    tabs = page(admin, f"{here}data/inventory/").split('class="tabs"')[1].split("</nav>")[0]
    for entity in connection.connector.entities():
        assert f'href="{here}data/{entity}/"' in tabs
    assert tabs.split('aria-current="page"')[1].lstrip().startswith(">Inventory<")
    assert tabs.count("aria-current") == 1


def test_inventory_offers_update_and_confirmed_full_update(admin: Client, member: Client, here: str) -> None:
    """The full update reads everything, after a confirmation. Update reads only changes, immediately."""
    html = page(admin, f"{here}data/inventory/")
    panel = html.split('id="control-panel"')[1].split("</section>")[0]
    assert "Actions" in panel
    assert ">Update inventory</button>" in panel
    assert f'href="{here}sync/confirm/?entity=inventory&amp;mode=full">Full inventory update</a>' in panel
    assert "Actions" not in main(member, f"{here}data/inventory/")
    assert ">Full orders update</a>" in page(admin, f"{here}data/orders/")
    assert ">Update orders</button>" in page(admin, f"{here}data/orders/")


def test_daily_data_is_always_synced_in_full(admin: Client, here: str) -> None:
    assert "Every update reads all records" in main(admin, f"{here}data/warehouses/")
    assert "Every update reads all records" not in main(admin, f"{here}data/inventory/")


def test_disconnected_wms_offers_no_actions(admin: Client, connection: Any, here: str) -> None:
    type(connection).objects.update(status=Status.DISCONNECTED, disconnected_at=now())
    assert "Nothing can be updated while Sandbox is disconnected." in main(admin, f"{here}data/inventory/")
    assert "Run products sync" not in main(admin, here)


def test_runs_are_paginated_without_gaps_or_repeats(member: Client, connection: Any, here: str) -> None:
    """Each page starts where the previous one ended, even if rows were added meanwhile."""
    for number in range(45):
        make.run(connection, seen=1000 + number, unchanged=1000 + number)
    make.run(connection, Entity.PRODUCTS, seen=77)
    first = page(member, f"{here}data/orders/")
    older = first.split('rel="next"')[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    make.run(connection, seen=9999)
    second = page(member, f"{here}data/orders/{older}")
    for number in range(45):
        seen = f">{1000 + number:,}</td>"
        assert (seen in first, seen in second) == (number >= 25, 5 <= number < 25), number
    assert "9,999" not in second
    assert "Newest" in second
    assert ">77</td>" not in first


def test_entity_read_with_another_shows_the_runs_of_that_one(member: Client, connection: Any, here: str) -> None:
    run = make.synced(connection)
    text = main(member, f"{here}data/order-shipments/")
    assert "Order shipments arrive with orders" in text
    assert f"Run {run.pk}" in text


def test_entity_page_lists_its_rejected_records(member: Client, connection: Any, here: str) -> None:
    made = [
        RejectedRecord(
            connection=connection,
            entity="inventory",
            external_id=f"i-{n}",
            reason="no SKU",
            excerpt="{}",
            last_seen_at=now(),
        )
        for n in range(60)
    ]
    RejectedRecord.objects.bulk_create(made)
    html = page(member, f"{here}data/inventory/")
    assert html.count("no SKU") == 50
    older = html.split("rejected_before=")[1].split("#")[0]
    assert page(member, f"{here}data/inventory/?rejected_before={older}").count("no SKU") == 10
    assert "No rejected records." in main(member, f"{here}data/orders/")


@pytest.mark.parametrize("entity", ["suppliers", "unicorns"])
def test_entity_not_offered_is_not_found(admin: Client, here: str, entity: str, no_suppliers: None) -> None:
    assert admin.get(f"{here}data/{entity}/").status_code == 404


@pytest.mark.parametrize("query", ["before=x", "before=99999999999999999999", "rejected_before=-1"])
def test_invalid_page_parameters_show_the_first_page(member: Client, here: str, query: str) -> None:
    assert member.get(f"{here}data/orders/?{query}").status_code == 200


# --- The chart of the last twenty runs ------------------------------------------------------------------------------


def test_run_chart_has_an_equivalent_text(member: Client, connection: Any, here: str) -> None:
    """Failures hang below the line, so that colour is not the only sign."""
    began = now() - timedelta(hours=1)
    for number in range(25):
        make.run(connection, started_at=began, state=State.FAILED if number in (3, 20) else State.SUCCEEDED)
    table = page(member, here).split('class="rows wide states"')[1]
    picture = table.split('<svg class="picture"')[1].split("</svg>")[0]
    assert 'aria-label="Last 20 runs: 19 succeeded, 1 failed. The longest took 4 s."' in picture
    assert picture.count("<rect") == 20
    below = [bar for bar in picture.split("<rect")[1:] if 'y="19"' in bar]
    assert len(below) == 1
    assert 'class="critical"' in below[0]


def test_state_table_queries_do_not_grow_with_runs(
    member: Client, connection: Any, here: str, django_assert_num_queries: Any
) -> None:
    from django.db import connection as database
    from django.test.utils import CaptureQueriesContext

    make.synced(connection)
    page(member, here)
    with CaptureQueriesContext(database) as few:
        page(member, here)
    for entity in connection.connector.entities():
        for _ in range(30):
            make.synced(connection, entity)
    with django_assert_num_queries(len(few)):
        page(member, here)


def test_planned_run_is_not_in_the_chart(member: Client, connection: Any, here: str) -> None:
    make.run(connection, state=State.QUEUED, started_at=None)
    SyncRun.objects.update(due_at=now() + timedelta(minutes=1))
    assert '<svg class="picture"' not in page(member, here)


def test_pending_removals_are_shown_with_a_link(admin: Client, member: Client, connection: Any, here: str) -> None:
    run = make.run(connection, Entity.CUSTOMERS, state=State.NEEDS_REVIEW, held=30)
    make.run(connection, Entity.CUSTOMERS)
    link = f'href="{here}runs/{run.pk}/held/"'
    for address in (here, f"{here}data/customers/"):
        assert link in page(admin, address), address
        assert link not in page(member, address), address
        assert "pending removals" in main(member, address), address


def test_connection_page_links_to_integrations_and_back(member: Client, connection: Any, here: str) -> None:
    make.synced(connection)
    html = page(member, here)
    assert f'href="{here}data/orders/"' in html
    assert f'href="{here}history/"' in html
    run = SyncRun.objects.get()
    assert f'href="{here}runs/{run.pk}/"' in html
    EntitySchedule.objects.filter(connection=connection).update(off_reason="Not needed.", enabled=False)
    assert "Not needed." in main(member, f"{here}data/orders/")
