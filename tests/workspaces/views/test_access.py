"""Access to every page as each kind of person."""

from typing import Any

import pytest
from django.test import Client

from integrations.connectors.base import ConnectionHealth
from integrations.entities import Entity
from packr.workspaces.models import Role
from syncs.models import State, SyncRun
from tests.kit import factories as make

from ...kit.page_fixtures import signed_in

SCREENS = (
    "/orders/",
    "/inventory/",
    "/inbound-shipments/",
    "/products/",
    "/settings/integrations/",
    "/settings/integrations/history/",
)


@pytest.fixture
def addresses(connection: Any) -> dict[str, str]:
    """Return the workspace's pages, each with the status code that a member gets."""
    run = make.run(connection)
    settings = f"/settings/integrations/{connection.pk}"
    return {
        f"/orders/{make.order(connection).pk}/": "200",
        f"/inbound-shipments/{make.inbound_shipment(connection).pk}/": "200",
        f"{settings}/sync-state/": "302",
        f"{settings}/sync/": "403",
        f"{settings}/sync/confirm/?entity=orders&mode=full": "403",
        f"{settings}/runs/{run.pk}/": "200",
        f"{settings}/runs/{run.pk}/held/": "403",
        f"{settings}/": "200",
        f"{settings}/data/orders/": "200",
        f"{settings}/history/": "200",
    }


@pytest.mark.parametrize("address", [*SCREENS, "/", "/sync-widget/"])
def test_anonymous_user_is_sent_to_sign_in(client: Client, db: None, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/?next=")


def test_anonymous_user_opens_no_workspace_page(client: Client, addresses: dict[str, str], connection: Any) -> None:
    for address in addresses:
        assert client.get(address).headers["Location"].startswith("/accounts/login/"), address
    for operation in ("sync", "refresh"):
        response = client.post(f"/settings/integrations/{connection.pk}/{operation}/", {"entity": "orders"})
        assert response.headers["Location"].startswith("/accounts/login/"), operation
    assert SyncRun.objects.count() == 1


@pytest.mark.parametrize("address", SCREENS)
def test_screens_open_for_members_and_admins(admin: Client, member: Client, address: str) -> None:
    assert admin.get(address).status_code == member.get(address).status_code == 200


def test_member_may_read_and_refresh_but_not_sync(
    member: Client, addresses: dict[str, str], connection: Any, wms: Any
) -> None:
    """The server enforces it, not only the missing button."""
    wms(ConnectionHealth(clock=None))
    for address, expected in addresses.items():
        assert str(member.get(address).status_code) == expected, address
    settings = f"/settings/integrations/{connection.pk}"
    run = make.run(connection, Entity.INVENTORY, state=State.QUEUED, started_at=None)
    assert member.post(f"{settings}/refresh/").status_code == 302
    assert member.post(f"{settings}/sync/", {"entity": "orders"}).status_code == 403
    assert member.post(f"{settings}/runs/{run.pk}/cancel/").status_code == 403
    run.refresh_from_db()
    assert run.state == State.QUEUED
    assert SyncRun.objects.count() == 2


def test_person_of_another_workspace_gets_404(
    elsewhere: Client, addresses: dict[str, str], connection: Any, wms: Any
) -> None:
    calls = wms(ConnectionHealth(clock=None))
    settings = f"/settings/integrations/{connection.pk}"
    run = SyncRun.objects.get()
    for address in addresses:
        assert elsewhere.get(address).status_code == 404, address
    for address in (f"{settings}/refresh/", f"{settings}/sync/", f"{settings}/runs/{run.pk}/cancel/"):
        assert elsewhere.post(address, {"entity": "orders"}).status_code == 404, address
    assert calls == []
    assert SyncRun.objects.count() == 1


def test_support_without_a_workspace_goes_to_the_admin(support: Client) -> None:
    assert support.get("/").headers["Location"] == "/admin/"
    assert support.get("/orders/").status_code == 404


def test_support_with_a_membership_has_member_rights(connection: Any, workspace: Any) -> None:
    client = signed_in(make.person("sam", in_=workspace, is_staff=True))
    assert client.get("/").headers["Location"] == "/orders/"
    assert client.get(f"/settings/integrations/{connection.pk}/sync/").status_code == 403


def test_person_in_two_workspaces_sees_one_at_a_time(connection: Any, admin_user: Any, workspace: Any) -> None:
    other = make.workspace("fernhill")
    make.person("kim", in_=other, role=Role.ADMIN)
    from packr.workspaces.services import set_role

    set_role(other, admin_user, Role.MEMBER)
    make.order(connection, order_number="#NB-1")
    client = signed_in(admin_user)
    assert "#NB-1" not in client.get("/orders/?workspace=fernhill").content.decode()
    assert "#NB-1" not in client.get("/orders/").content.decode()
    assert "#NB-1" in client.get(f"/orders/?workspace={workspace.slug}").content.decode()


def test_fragment_redirects_an_anonymous_user_with_htmx(client: Client, db: None) -> None:
    response = client.get("/sync-widget/", headers={"HX-Request": "true"})
    assert (response.status_code, response.headers["HX-Redirect"]) == (204, "/accounts/login/")


def test_error_pages_have_a_readable_message(admin: Client, member: Client, connection: Any) -> None:
    missing = admin.get("/orders/987654321/").content.decode()
    assert "Page not found" in missing
    assert "WMS" not in missing.split("<main")[1]
    forbidden = member.get(f"/settings/integrations/{connection.pk}/sync/").content.decode()
    assert "Only an admin of this workspace may do this." in forbidden
