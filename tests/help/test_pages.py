"""The pages of the help: true to the product, with no dead link, for everybody."""

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
    """What a page says beside its frame."""
    assert response.status_code == 200
    return unescape(response.content.decode().split("<main")[1])


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def cadences(client: Client) -> dict[str, str]:
    body = main(client.get("/help/syncing/")).split("<tbody>")[1].split("</tbody>")[0]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in body.split("</tr>") if "<th" in row]
    return {plain(row[0]): plain(row[1]) for row in rows}


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_link_leads_somewhere(admin: Client, member: Client, connection: Any, address: str) -> None:
    """P59: links to connecting, brand mapping, troubleshooting and getting help, none dead."""
    for client in (admin, member):
        html = main(client.get(address))
        for link in re.findall(r'href="([^"]+)"', html):
            path, _, fragment = link.partition("#")
            target = client.get(path, follow=True) if path else client.get(address)
            assert target.status_code == 200, link
            assert not fragment or f'id="{fragment}"' in target.content.decode(), link
        for picture in re.findall(r'<img src="/static/([^"]+)"', html):
            assert finders.find(picture), picture


def test_the_syncing_page_links_to_the_others(member: Client, connection: Any) -> None:
    """P59"""
    html = main(member.get("/help/syncing/"))
    for name in ("connecting", "mapping", "troubleshooting", "getting-help"):
        assert f'href="/help/{name}/"' in html


def test_help_is_in_reach_from_every_page(member: Client, connection: Any) -> None:
    for address in ("/orders/", "/settings/integrations/", "/help/"):
        assert 'href="/help/"' in member.get(address).content.decode()


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_label_it_names_is_on_the_pages(admin: Client, member: Client, connection: Any, address: str) -> None:
    """P61: what the help calls a control is what stands on it, letter for letter."""
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


def test_the_seeds_labels_are_named(admin: Client, connection: Any) -> None:
    """P61"""
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


def test_the_cadence_table_shows_the_defaults(member: Client, workspace: Any) -> None:
    """P4 to P11, P61: before anything is connected, what a connection will get."""
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


def test_the_cadence_table_is_the_workspaces_own(member: Client, connection: Any) -> None:
    """P12, P61: live rows, so that it cannot go out of date; another workspace's don't show."""
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


def test_configuration_data_is_called_so(member: Client, connection: Any) -> None:
    """P14"""
    html = main(member.get("/help/syncing/"))
    marked = [plain(row) for row in html.split("<tr>") if "Configuration data" in row and "scope" in row]
    assert [one.split(" ")[0] for one in marked] == ["Products", "Customers", "Shipping", "Warehouses"]


def test_bills_are_named_to_those_who_may_see_them(admin: Client, member: Client, connection: Any) -> None:
    """L15"""
    assert "Bills" in cadences(admin)
    assert "Bills" not in cadences(member)


def test_each_person_reads_what_they_can_do(admin: Client, member: Client, connection: Any) -> None:
    """D2: nobody is told to do what they may not."""
    step = plain(main(admin.get("/help/syncing/")))
    assert "Trigger a manual sync for the data type that looks behind (see above )" in step
    assert "Ask an admin of your workspace" in plain(main(member.get("/help/syncing/")))


@pytest.mark.parametrize("address", ADDRESSES)
def test_pages_ask_no_more_when_there_is_more(
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


def test_a_stranger_signs_in_first_and_who_is_in_no_workspace_finds_nothing(
    client: Client, support: Client, connection: Any
) -> None:
    for address in ADDRESSES:
        assert client.get(address).headers["Location"].startswith("/accounts/login/?next=/help/")
        assert client.post(address, {"message": "x"}).headers["Location"].startswith("/accounts/login/")
        assert support.get(address).status_code == 404


def test_words_for_cadences() -> None:
    for seconds, expected in ((60, "1 minute"), (10, "10 seconds"), (90, "90 seconds"), (43_200, "12 hours")):
        assert words(timedelta(seconds=seconds)) == expected


def test_a_brand_may_be_called_anything(connection: Any, workspace: Any) -> None:
    from .conftest import signed_in

    workspace.name = "<script>alert(1)</script>"
    workspace.save()
    client = signed_in(make.person("eve", in_=workspace, role=Role.ADMIN))
    for address in ADDRESSES:
        assert "<script>alert" not in client.get(address).content.decode()
