"""Disconnecting: what happens to the data is an explicit choice."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import BrandMapping, Connection, Status
from integrations.services import disconnect
from packr.warehouse.models import Order
from syncs.models import EntitySchedule, State, SyncRun
from tests.kit import factories as make

from .test_overview import page, words

HERE = "/settings/integrations/"


@pytest.fixture
def address(connection: Any) -> str:
    """The disconnect page of a connection with two orders and an inventory item."""
    for number in ("#NB-1", "#NB-2"):
        make.order(connection, order_number=number)
    make.inventory(connection, "MUG")
    return f"{HERE}{connection.pk}/disconnect/"


def test_disconnecting_is_for_admins_of_the_workspace(
    member: Client, elsewhere: Client, client: Client, address: str
) -> None:
    """Others don't see the link, and the server refuses them."""
    assert "/disconnect/" not in page(member)
    given = {"outcome": "delete", "name": "Sandbox"}
    assert member.get(address).status_code == member.post(address, given).status_code == 403
    assert elsewhere.get(address).status_code == elsewhere.post(address, given).status_code == 404
    assert client.post(address, given).headers["Location"].startswith("/accounts/login/")
    assert Connection.objects.get().is_live
    assert Order.objects.count() == 2


def test_no_choice_is_preselected_and_each_is_explained(admin: Client, address: str) -> None:
    """Each choice shows the number of records."""
    html = page(admin, address)
    assert html.count('type="radio"') == 2
    assert "checked" not in html.split("<form")[2]
    assert words(html).count("2 orders and 1 inventory item") == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Choose what should happen to the data."),
        ({"outcome": "both"}, "Select a valid choice"),
        ({"outcome": "delete"}, "so nothing was deleted. Type Sandbox to confirm."),
        (
            {"outcome": "delete", "name": "sandbox"},
            "so nothing was deleted. Type Sandbox to confirm.",
        ),
    ],
)
def test_unclear_choice_changes_nothing(admin: Client, address: str, given: dict[str, str], said: str) -> None:
    response = admin.post(address, given)
    assert response.status_code == 400
    assert said in words(response.content.decode())
    assert Connection.objects.get().is_live
    assert Order.objects.count() == 2


def test_disconnect_keeps_the_data(admin: Client, connection: Any, address: str) -> None:
    """Schedules stop, the card disappears, the data stays."""
    run = make.run(connection, Entity.ORDERS, state=State.QUEUED, started_at=None)
    response = admin.post(address, {"outcome": "keep"})
    assert (response.status_code, response.headers["Location"]) == (303, HERE)
    ended = Connection.objects.get()
    assert (ended.status, ended.credentials()) == (Status.DISCONNECTED, {})
    assert Order.objects.count() == 2
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    html = page(admin)
    assert "WMS Connected" not in html
    assert "Sandbox is disconnected. Its data stays visible but won’t update." in html
    assert "Connect again" in html


def test_disconnect_deletes_the_data(admin: Client, workspace: Any, connection: Any, address: str) -> None:
    """Only this connection's data is deleted."""
    other = make.connection(workspace, "Other")
    make.order(other)
    make.brand(workspace, "Acme", (connection, ""))
    make.run(connection)
    response = admin.post(address, {"outcome": "delete", "name": "Sandbox"})
    assert response.status_code == 303
    assert list(Connection.objects.all()) == [other]
    assert Order.objects.get().connection == other
    assert not BrandMapping.objects.exists()
    assert not SyncRun.objects.exists()
    assert not EntitySchedule.objects.filter(connection_id=connection.pk).exists()
    assert "Sandbox and its data are deleted." in page(admin)


def test_kept_data_can_be_deleted_later(admin: Client, connection: Any, address: str) -> None:
    disconnect(connection)
    Connection.objects.update(disconnected_at=now() - timedelta(days=3))
    html = page(admin, address)
    assert "Delete the data of Sandbox" in words(html)
    assert 'type="radio"' not in html
    assert admin.post(address, {"outcome": "delete", "name": ""}).status_code == 400
    assert Order.objects.count() == 2
    assert admin.post(address, {"outcome": "delete", "name": "Sandbox"}).status_code == 303
    assert not Connection.objects.exists()
    assert not Order.objects.exists()


def test_second_disconnect_changes_nothing(admin: Client, connection: Any, address: str) -> None:
    admin.post(address, {"outcome": "keep"})
    before = Connection.objects.get().disconnected_at
    assert admin.post(address, {"outcome": "keep"}).status_code == 303
    assert Connection.objects.get().disconnected_at == before
