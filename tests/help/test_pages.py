"""Help pages: links, labels, cadences and permissions match the product."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Status
from packr.help.cadences import STANDARD_ENTITIES, words
from packr.help.views import PAGES
from packr.workspaces.models import Role
from syncs.models import EntitySchedule
from syncs.runs.cadence import DEFAULT_INTERVALS
from tests.kit import factories as make

ADDRESSES = ["/help/", "/help/contact/", *(f"/help/{page.path}/" for page in PAGES)]


def main(response: Any) -> str:
    """Return the main part of a page, with HTML entities decoded."""
    assert response.status_code == 200
    return unescape(response.content.decode().split("<main")[1])


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def cadences(client: Client) -> dict[str, str]:
    body = main(client.get("/help/syncing/")).split("<tbody>")[1].split("</tbody>")[0]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in body.split("</tr>") if "<th" in row]
    return {plain(row[0]): plain(row[1]) for row in rows}


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_link_and_picture_exists(admin: Client, member: Client, connection: Any, address: str) -> None:
    for client in (admin, member):
        html = main(client.get(address))
        for link in re.findall(r'href="([^"]+)"', html):
            path, _, fragment = link.partition("#")
            target = client.get(path, follow=True) if path else client.get(address)
            assert target.status_code == 200, link
            assert not fragment or f'id="{fragment}"' in target.content.decode(), link
        for picture in re.findall(r'<img src="/static/([^"]+)"', html):
            assert finders.find(picture), picture


def test_syncing_page_links_to_the_related_pages(member: Client, connection: Any) -> None:
    html = main(member.get("/help/syncing/"))
    for name in ("connecting", "mapping", "troubleshooting", "getting-help"):
        assert f'href="/help/{name}/"' in html


def test_every_page_links_to_the_help(member: Client, connection: Any) -> None:
    for address in ("/orders/", "/settings/integrations/", "/help/"):
        assert 'href="/help/"' in member.get(address).content.decode()


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_label_named_in_the_help_is_on_the_pages(
    admin: Client, member: Client, connection: Any, address: str
) -> None:
    """The help names each control exactly as the control's label reads."""
    make.synced(connection)
    shown = plain(
        "".join(
            main(reader.get(page))
            for reader, page in (
                (admin, "/settings/integrations/"),
                (member, "/settings/integrations/"),
                (admin, f"/settings/integrations/{connection.pk}/sync/"),
                (admin, "/settings/integrations/connect/trackstar/"),
            )
        )
    )
    for reader in (admin, member):
        labels = {plain(label) for label in re.findall(r"<b>(.*?)</b>", main(reader.get(address)), re.S)}
        assert [label for label in labels if label not in shown] == []


def test_syncing_page_names_the_sync_labels(admin: Client, connection: Any) -> None:
    html = main(admin.get("/help/syncing/"))
    for label in (
        "WMS Connected",
        "Refresh",
        "Trigger incremental",
        "Target entity",
        "Run",
        "Workspace sync state — latest run per table",
        "Started",
        "Completed",
    ):
        assert f"<b>{label}</b>" in html, label
    assert "“Connected: 2 days ago”" in html


def test_cadence_table_shows_defaults_without_a_connection(member: Client, workspace: Any) -> None:
    assert cadences(member) == {
        "Orders": "5 minutes",
        "Inventory": "5 minutes",
        "Inbound shipments": "15 minutes",
        "Products": "1 hour",
        "Customers": "1 hour",
        "Shipping methods": "24 hours",
        "Warehouses": "24 hours",
    }
    assert [words(timedelta(seconds=DEFAULT_INTERVALS.get(entity, 86400))) for entity in STANDARD_ENTITIES] == list(
        cadences(member).values()
    )


def test_cadence_table_shows_the_workspaces_schedules(member: Client, connection: Any) -> None:
    """The table reads the current schedules, of this workspace only."""
    other = make.connection(make.workspace("fernhill"), "Theirs")
    EntitySchedule.objects.filter(connection=other).update(every_seconds=77, daily_at=None)
    assert cadences(member)["Orders"] == "5 minutes"
    EntitySchedule.objects.filter(connection=connection, entity="orders").update(every_seconds=600)
    EntitySchedule.objects.filter(connection=connection, entity="products").update(enabled=False)
    assert cadences(member)["Orders"] == "10 minutes The default is 5 minutes"
    assert cadences(member)["Products"] == "switched off The default is 1 hour"
    assert cadences(member)["Order shipments"] == cadences(member)["Orders"], "they are read with the orders"
    make.connection(connection.workspace, "West")
    assert cadences(member)["Orders"] == "10 minutes (Sandbox), 5 minutes (West) The default is 5 minutes"
    connection.status = Status.DISCONNECTED
    connection.save()
    assert cadences(member)["Orders"] == "5 minutes"


def test_cadence_table_marks_configuration_data(member: Client, connection: Any) -> None:
    html = main(member.get("/help/syncing/"))
    marked = [plain(row) for row in html.split("<tr>") if "Configuration data" in row and "scope" in row]
    assert [row.split(" ")[0] for row in marked] == ["Products", "Customers", "Shipping", "Warehouses"]


def test_cadence_table_shows_bills_only_with_the_permission(admin: Client, member: Client, connection: Any) -> None:
    assert "Bills" in cadences(admin)
    assert "Bills" not in cadences(member)


def test_troubleshooting_steps_depend_on_the_role(admin: Client, member: Client, connection: Any) -> None:
    """Members are told to ask an admin for a manual sync."""
    step = plain(main(admin.get("/help/syncing/")))
    assert "Trigger a manual sync for the data type that looks behind (see above )" in step
    assert "Ask an admin of your workspace" in plain(main(member.get("/help/syncing/")))


@pytest.mark.parametrize("address", ADDRESSES)
def test_help_pages_use_a_constant_number_of_queries(
    member: Client, connection: Any, workspace: Any, address: str, django_assert_num_queries: Any
) -> None:
    from django.db import connection as database
    from django.test.utils import CaptureQueriesContext

    make.synced(connection)
    member.get(address)
    with CaptureQueriesContext(database) as few:
        member.get(address)
    for number in range(4):
        more = make.connection(workspace, f"More {number}")
        make.synced(more, Entity.ORDERS, at=now() - timedelta(minutes=number))
    with django_assert_num_queries(len(few)):
        member.get(address)


def test_help_needs_a_workspace(client: Client, support: Client, connection: Any) -> None:
    for address in ADDRESSES:
        assert client.get(address).headers["Location"].startswith("/accounts/login/?next=/help/")
        assert client.post(address, {"message": "x"}).headers["Location"].startswith("/accounts/login/")
        assert support.get(address).status_code == 404


def test_cadences_are_written_in_the_largest_whole_unit() -> None:
    for seconds, expected in ((60, "1 minute"), (10, "10 seconds"), (90, "90 seconds"), (43_200, "12 hours")):
        assert words(timedelta(seconds=seconds)) == expected


def test_workspace_name_is_escaped(connection: Any, workspace: Any) -> None:
    from .conftest import signed_in

    workspace.name = "<script>alert(1)</script>"
    workspace.save()
    client = signed_in(make.person("eve", in_=workspace, role=Role.ADMIN))
    for address in ADDRESSES:
        assert "<script>alert" not in client.get(address).content.decode()
