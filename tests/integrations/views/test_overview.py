"""Settings → Integrations: the WMS Connected card, Refresh, and the page without a connection."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils.timezone import now

from integrations.connectors.base import ConnectionHealth
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Status
from syncs.models import EntitySchedule, State, SyncRun
from tests.kit import factories as make

ADDRESS = "/settings/integrations/"


def page(client: Client, address: str = ADDRESS) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def words(html: str) -> str:
    """Return the visible text of HTML: without tags, popovers and screen-reader text."""
    html = re.sub(r'<span class="(exact|visually-hidden)".*?</span>', "", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def test_card_shows_when_the_connection_was_made(member: Client, workspace: Any) -> None:
    """The label is the product page's, and the popover shows the exact time in the workspace's zone."""
    made = datetime(2026, 2, 3, 13, 5, 9, tzinfo=UTC)
    make.connection(workspace, connected_at=made)
    with time_machine.travel(made + timedelta(days=2, hours=3), tick=False):
        html = page(member)
    assert "WMS Connected" in html
    assert "Connected: 2 days ago" in words(html)
    moment = html.split("Connected: ")[1].split("</p>")[0]
    assert 'role="tooltip">3 Feb 2026, 14:05:09 CET (13:05 UTC)' in moment
    described = re.search(r'<button type="button" class="when" aria-describedby="(\w+)">', moment)
    assert described
    assert f'id="{described.group(1)}"' in moment


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(seconds=20), "Connected: just now"),
        (timedelta(hours=1), "Connected: 1 hour ago"),
        (timedelta(days=1), "Connected: 1 day ago"),
        (timedelta(days=45), "Connected: 3 Feb 2026"),
    ],
)
def test_connection_age_in_words(member: Client, workspace: Any, age: timedelta, expected: str) -> None:
    made = datetime(2026, 2, 3, 13, 5, 9, tzinfo=UTC)
    make.connection(workspace, connected_at=made)
    with time_machine.travel(made + age, tick=False):
        assert expected in words(page(member))


def test_sync_does_not_change_the_connection_age(admin: Client, connection: Any) -> None:
    """The page says that the age is the connection's."""
    type(connection).objects.update(connected_at=now() - timedelta(days=2))
    make.synced(connection, at=now())
    html = words(page(admin))
    assert "Connected: 2 days ago" in html
    assert "The age of the connection" in html


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.CONNECTED, "Connected"),
        (Status.NEEDS_ATTENTION, "Needs attention"),
        (Status.UNREACHABLE, "Unreachable"),
    ],
)
def test_card_shows_status_reason_and_last_check(member: Client, connection: Any, status: Status, word: str) -> None:
    type(connection).objects.update(
        status=status, status_message="The reason.", checked_at=now() - timedelta(minutes=3)
    )
    html = page(member)
    card = html.split("card connection")[1].split("</section>")[0]
    assert re.search(rf'class="badge \w+">.*?{word}</span>', card, re.S)
    assert "The reason." in card
    assert "Checked: 3 min ago" in words(card)


def test_refresh_button_checks_once_and_starts_no_run(member: Client, connection: Any, wms: Any) -> None:
    """Any member may refresh; the WMS gets one request and no run appears."""
    asked = wms(ConnectionHealth(clock=None))
    response = member.post(f"{ADDRESS}{connection.pk}/refresh/")
    assert (response.status_code, response.headers["Location"]) == (302, ADDRESS)
    assert asked == ["check"]
    assert SyncRun.objects.count() == 0
    assert "Checked: just now" in words(page(member))
    assert member.get(f"{ADDRESS}{connection.pk}/refresh/").status_code == 405


def test_refresh_shows_a_rejected_login_and_its_recovery(member: Client, connection: Any, wms: Any) -> None:
    """Only the card is replaced, not the page."""
    wms(ConnectorError(Kind.CREDENTIALS, "Trackstar refused the key. Reconnect with a new one."))
    part = {"HX-Request": "true"}
    response = member.post(f"{ADDRESS}{connection.pk}/refresh/", headers=part)
    card = response.content.decode()
    assert response.status_code == 200
    assert card.lstrip().startswith('<div class="integration"')
    assert "<html" not in card
    assert "Needs attention" in card
    assert "Trackstar refused the key." in card
    wms(ConnectionHealth(clock=None))
    assert "Needs attention" not in member.post(f"{ADDRESS}{connection.pk}/refresh/", headers=part).content.decode()


def test_refresh_and_manual_sync_are_side_by_side(admin: Client, member: Client, connection: Any) -> None:
    """Refresh comes first, then Manual sync; a member sees who can sync instead."""
    actions = page(admin).split('class="actions"')[1].split("</section>")[0]
    assert actions.index("Refresh") < actions.index("Manual sync")
    assert "Refresh checks the connection only; it doesn’t pull data." in words(actions)
    theirs = page(member).split('class="actions"')[1].split("</section>")[0]
    assert "Refresh" in theirs
    assert "Manual sync" not in theirs
    assert "Admins can sync manually: Dana." in words(theirs)


def test_without_a_connection_the_page_shows_the_next_step(admin: Client, member: Client, workspace: Any) -> None:
    for client, step in ((admin, "Connect your WMS"), (member, "ask an admin of this workspace")):
        html = page(client)
        assert "WMS Connected" not in html
        assert "Your WMS isn’t connected" in html
        assert step in html


def test_disconnected_connection_has_no_card(member: Client, connection: Any) -> None:
    type(connection).objects.update(status=Status.DISCONNECTED, disconnected_at=now() - timedelta(days=3))
    html = page(member)
    assert "WMS Connected" not in html
    assert "Trackstar · Sandbox" in words(html)
    assert "Disconnected 3 days ago" in words(html)
    assert "Your WMS isn’t connected" in html


# --- Workspace sync state — latest run per table ---------------------------------------------------


def rows(html: str) -> dict[str, str]:
    """Return the rows of the sync state table by the text of their first column."""
    table = html.split('class="rows wide states"')[1].split("</table>")[0]
    found = {}
    for row in table.split("<tbody>")[1].split("<tr")[1:]:
        cells = re.findall(r'data-label="([^"]+)".*?>(.*?)</t[hd]>', row, re.S)
        named = {label: words(cell).strip() for label, cell in cells}
        found[named["Data"]] = row
    return found


def cell(row: str, label: str) -> str:
    return words(re.search(rf'data-label="{label}".*?>(.*?)</t[hd]>', row, re.S).group(1)).strip()  # type: ignore[union-attr]


def test_table_has_a_row_for_every_entity(member: Client, connection: Any) -> None:
    """Every member sees the table."""
    html = page(member)
    assert "Workspace sync state — latest run per table" in html
    found = rows(html)
    offered = [entity for entity in connection.connector.entities() if entity != Entity.BILLS]
    assert list(found) == [entity.label for entity in offered]
    assert cell(found["Orders"], "Latest run") == "No run yet"
    assert cell(found["Orders"], "Freshness") == "Never synced"
    assert cell(found["Orders"], "Cadence") == "every 5 min"
    assert cell(found["Products"], "Cadence") == "every hour"
    assert cell(found["Warehouses"], "Cadence").startswith("daily at 0")
    assert cell(found["Order shipments"], "Cadence") == "with orders"


def test_started_and_completed_belong_to_one_run(member: Client, connection: Any) -> None:
    """A running row shows Started and the elapsed time, not when an earlier run completed."""
    make.synced(connection, at=now() - timedelta(minutes=10), seen=7, created=2, updated=3, removed=1)
    row = rows(page(member))["Orders"]
    assert cell(row, "Started") == "10 min ago"
    assert cell(row, "Completed") == "9 min ago"
    assert [cell(row, label) for label in ("Seen", "Created", "Updated", "Removed")] == ["7", "2", "3", "1"]
    make.run(connection, state=State.RUNNING, started_at=now() - timedelta(seconds=80))
    row = rows(page(member))["Orders"]
    assert cell(row, "Latest run") == "Running"
    assert cell(row, "Started") == "1 min ago"
    assert cell(row, "Completed") == "1 min 20 s so far"


def test_rows_become_late_and_stale(member: Client, connection: Any) -> None:
    for minutes, word in ((5, "Fresh"), (8, "Late"), (11, "Stale")):
        make.synced(connection, at=now() - timedelta(minutes=minutes))
        assert cell(rows(page(member))["Orders"], "Freshness") == word


def test_paused_and_disabled_entities_are_marked(member: Client, connection: Any) -> None:
    schedules = EntitySchedule.objects.filter(connection=connection)
    schedules.filter(entity="orders").update(paused_until=now() + timedelta(hours=2, minutes=1))
    schedules.filter(entity="products").update(enabled=False, off_reason="Not needed.", as_of=now())
    found = rows(page(member))
    assert cell(found["Orders"], "Freshness") == "Paused ends in 2 hours"
    assert cell(found["Orders"], "Next run") == "after the pause"
    assert cell(found["Products"], "Freshness") == "Off Not needed."


def test_table_refreshes_separately(member: Client, connection: Any, wms: Any) -> None:
    """Its own Refresh returns only the table and starts nothing."""
    asked = wms(ConnectionHealth(clock=None))
    address = f"{ADDRESS}{connection.pk}/sync-state/"
    part = member.get(address, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<section class="sync-state"')
    assert "WMS Connected" not in part
    assert member.get(address).headers["Location"] == ADDRESS
    assert asked == []
    assert SyncRun.objects.count() == 0


def test_table_polls_only_while_a_run_is_active(member: Client, connection: Any) -> None:
    make.synced(connection)
    assert "every 5s" not in page(member)
    make.run(connection, Entity.INVENTORY, state=State.WAITING)
    assert "every 5s" in page(member)


def test_interrupted_run_is_shown(member: Client, connection: Any) -> None:
    run = make.run(connection, state=State.RUNNING)
    type(run.lane).objects.update(leased_until=now() - timedelta(seconds=1))
    assert cell(rows(page(member))["Orders"], "Latest run") == "Interrupted"
