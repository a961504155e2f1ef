"""Access to the admin, and the permissions of the Support group."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.models import TRIGGER_SYNC, Role
from syncs.models import EntitySchedule
from tests.kit import factories


@pytest.mark.parametrize("role", list(Role))
def test_workspace_members_cannot_open_the_admin(client: Client, orders: EntitySchedule, role: Role) -> None:
    workspace = orders.connection.workspace
    client.force_login(factories.person("dana", in_=workspace, role=role))
    before = orders.every_seconds
    for method in (client.get, client.post):
        answer = method(f"/admin/syncs/entityschedule/{orders.pk}/change/", {"every_seconds": 600, "reason": "mine"})
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/?next=")
        assert client.get(answer["Location"]).status_code == 403
    orders.refresh_from_db()
    assert orders.every_seconds == before


def test_admin_login_redirects_to_the_rate_limited_login(client: Client, db: None) -> None:
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    for answer in (
        client.get("/admin/login/?next=/admin/"),
        client.post("/admin/login/?next=/admin/", {"username": "x"}),
    ):
        assert answer.status_code == 302
        assert answer["Location"] == "/accounts/login/?next=/admin/"


def test_sign_in_returns_support_to_the_requested_page(client: Client, support: User) -> None:
    signed_in = {"username": "sam", "password": factories.PASSWORD}
    assert client.post("/accounts/login/?next=/admin/syncs/", signed_in)["Location"] == "/admin/syncs/"
    assert client.get("/admin/login/")["Location"] == "/admin/"


def test_staff_outside_the_support_group_sees_nothing(client: Client, connection: Connection) -> None:
    client.force_login(factories.person("temp", is_staff=True))
    page = client.get("/admin/")
    assert page.status_code == 200
    assert b"You don\xe2\x80\x99t have permission" in page.content
    assert b'id="now"' not in page.content
    assert client.get("/admin/syncs/syncrun/").status_code == 403


def test_support_group_is_restored_after_tables_were_flushed(db: None, request: pytest.FixtureRequest) -> None:
    """A test with real transactions deletes the rows that migrations created."""
    original = set(Group.objects.filter(name="Support").values_list("permissions__codename", flat=True))
    Group.objects.filter(name="Support").delete()
    restored = request.getfixturevalue("support_group")
    codenames = set(restored.permissions.values_list("codename", flat=True))
    assert "change_supportrequest" in codenames
    assert codenames == original or not original


def test_support_group_views_every_model_and_edits_only_some(support_group: Group) -> None:
    granted = {f"{p.content_type.app_label}.{p.codename}" for p in support_group.permissions.all()}
    editing = {name for name in granted if ".view_" not in name}
    assert editing == {
        "workspaces.add_workspace",
        "workspaces.change_workspace",
        "workspaces.add_brand",
        "workspaces.change_brand",
        "workspaces.delete_brand",
        "workspaces.add_membership",
        "workspaces.change_membership",
        "workspaces.delete_membership",
        "workspaces.trigger_sync",
        "workspaces.manage_connections",
        "integrations.add_brandmapping",
        "integrations.change_brandmapping",
        "integrations.delete_brandmapping",
        "syncs.change_entityschedule",
        "workspaces.change_token",
        "help.change_supportrequest",
    }
    shown = {f"{m._meta.app_label}.view_{m._meta.model_name}" for m in admin.site._registry if m is not Group}
    assert shown <= granted


def test_support_group_permissions_give_no_rights_in_a_workspace(
    support: User, connection: Connection, client: Client
) -> None:
    assert support.has_perm("workspaces.trigger_sync")
    assert not access.allows(support, TRIGGER_SYNC, connection.workspace)
    factories.set_role(connection.workspace, support, Role.MEMBER)
    assert not access.allows(support, TRIGGER_SYNC, connection.workspace)


def test_django_q_models_are_not_in_the_admin(root: Client) -> None:
    models = list(apps.get_app_config("django_q").get_models())
    assert models
    for model in models:
        assert not admin.site.is_registered(model)
    assert root.get("/admin/django_q/schedule/add/").status_code == 404


def test_only_superusers_edit_accounts(desk: Client, root: Client, db: None) -> None:
    dana = factories.person("dana", email="dana@example.com")
    address = f"/admin/auth/user/{dana.pk}/"
    page = desk.get(f"{address}change/")
    assert b"dana@example.com" in page.content
    words = page.content.decode().lower()
    assert "password" not in words.replace("/admin/password_change/", "").replace("change password", "")
    assert dana.password.split("$")[2][:6] not in page.content.decode()
    assert desk.post(f"{address}change/", {"username": "mine"}).status_code == 403
    assert desk.get(f"{address}password/").status_code == 403
    assert desk.get("/admin/auth/user/add/").status_code == 403
    assert desk.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    assert desk.get("/admin/auth/group/").status_code == 403
    assert b"password" in root.get(f"{address}change/").content
    assert Permission.objects.filter(user=dana).count() == 0
