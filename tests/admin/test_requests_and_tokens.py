"""Support requests, API tokens and the bills permission in the admin."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from integrations.models import Connection
from packr.help.models import SupportRequest, SupportRequestStatus
from packr.workspaces import access, tokens
from packr.workspaces.models import VIEW_BILLS, Membership, Role, Token
from packr.workspaces.services import remove_member, set_role
from tests.kit import factories

from .test_workspaces import change

REQUESTS = "/admin/help/supportrequest/"
TOKENS = "/admin/workspaces/token/"


def test_support_request_is_marked_as_answered(desk: Client, connection: Connection) -> None:
    support_request = SupportRequest.objects.create(
        workspace=connection.workspace, message="SKU-1 says <4>.", diagnosis="Orders: <b>stale</b>"
    )
    assert "1 waiting for an answer" in desk.get("/admin/").content.decode()
    page = desk.get(f"{REQUESTS}{support_request.pk}/change/").content.decode()
    assert "SKU-1 says &lt;4&gt;." in page
    assert "<pre>Orders: &lt;b&gt;stale&lt;/b&gt;</pre>" in page
    assert "Not mailed; it is only in this list" in page
    sent = {"action": "mark_answered", "_selected_action": [support_request.pk]}
    for words in ("1 marked as answered", "0 marked as answered"):
        assert words in desk.post(REQUESTS, sent, follow=True).content.decode()
    support_request.refresh_from_db()
    assert (support_request.status, support_request.answered_by) == (
        SupportRequestStatus.ANSWERED,
        User.objects.get(username="sam"),
    )
    assert LogEntry.objects.filter(object_id=str(support_request.pk)).count() == 1
    assert "All answered" in desk.get("/admin/").content.decode()


def test_token_is_revoked_and_never_shown(desk: Client, connection: Connection) -> None:
    secret = tokens.create(factories.person("dana", in_=connection.workspace))
    token = Token.objects.get()
    for address in (TOKENS, f"{TOKENS}{token.pk}/change/"):
        page = desk.get(address).content.decode()
        assert f"…{secret[-4:]}" in page
        assert secret not in page
        assert token.digest not in page
    assert (
        "1 revoked"
        in desk.post(TOKENS, {"action": "revoke", "_selected_action": [token.pk]}, follow=True).content.decode()
    )
    assert tokens.find(secret) is None
    assert LogEntry.objects.get(object_id=str(token.pk)).get_change_message() == "Revoked."


def test_view_permission_allows_no_actions(connection: Connection, client: Client) -> None:
    from django.contrib.auth.models import Permission

    viewer = factories.person("viewer", is_staff=True)
    viewer.user_permissions.add(*Permission.objects.filter(codename__in=("view_token", "view_supportrequest")))
    client.force_login(viewer)
    secret = tokens.create(viewer)
    support_request = SupportRequest.objects.create(workspace=connection.workspace, message="x", diagnosis="y")
    client.post(TOKENS, {"action": "revoke", "_selected_action": [Token.objects.get().pk]})
    client.post(REQUESTS, {"action": "mark_answered", "_selected_action": [support_request.pk]})
    support_request.refresh_from_db()
    assert tokens.find(secret)
    assert support_request.status == SupportRequestStatus.NEW


def test_support_grants_and_withdraws_the_bills_permission(desk: Client, connection: Connection) -> None:
    """The grant ends when the person leaves the workspace."""
    workspace = connection.workspace
    lee = factories.person("lee", in_=workspace)
    membership = Membership.objects.get()

    def sees_bills() -> bool:
        return access.allows(User.objects.get(pk=lee.pk), VIEW_BILLS, workspace)

    def save_membership(role: Role = Role.MEMBER, **fields: Any) -> None:
        assert change(desk, workspace, (membership, lee, role, False), **fields).status_code == 302

    assert not sees_bills()
    save_membership(**{"memberships-0-bills": "on"})
    assert sees_bills()
    page = desk.get(f"/admin/workspaces/workspace/{workspace.pk}/change/").content.decode()
    assert 'name="memberships-0-bills" ' in page
    assert "checked" in page.split('name="memberships-0-bills"')[1].split(">")[0]
    save_membership()
    assert not sees_bills()
    save_membership(**{"memberships-0-bills": "on"})
    remove_member(Membership.objects.get())
    set_role(workspace, lee, Role.MEMBER)
    assert not sees_bills()


def test_admins_see_bills_without_a_grant(desk: Client, connection: Connection) -> None:
    dana = factories.person("dana", in_=connection.workspace, role=Role.ADMIN)
    assert access.allows(dana, VIEW_BILLS, connection.workspace)
    assert not access.allows(dana, VIEW_BILLS, factories.workspace("southbay"))


def test_command_grants_the_bills_permission(connection: Connection) -> None:
    slug = connection.workspace.slug
    call_command("workspace", slug, "--member", "lee", "--bills", "lee", verbosity=0)
    assert access.allows(User.objects.get(username="lee"), VIEW_BILLS, connection.workspace)
    with pytest.raises(CommandError, match="“kim” is not in this workspace"):
        call_command("workspace", slug, "--bills", "kim")
