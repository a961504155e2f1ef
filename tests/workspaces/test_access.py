"""Access to a workspace's objects: visibility and permissions."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404

from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.models import ADMIN_PERMISSIONS, Membership, Role, Workspace
from packr.workspaces.services import remove_member, save_workspace, set_role
from syncs.models import EntitySchedule


@pytest.fixture
def people(connection, home):
    """Return people by name, one of each kind.

    The kinds are admin, member, admin of another workspace, user without workspace, support, former member, inactive
    admin, superuser and anonymous user.
    """
    save_workspace("other", admins=["other_admin"])
    save_workspace("northbay", admins=["inactive"], members=["left"])
    remove_member(Membership.objects.get(user__username="left"))
    User.objects.filter(username="inactive").update(is_active=False)
    User.objects.create_user("nobody")
    User.objects.create_user("support", is_staff=True)
    User.objects.create_superuser("root")
    return {user.username: user for user in User.objects.all()} | {"stranger": AnonymousUser()}


MEMBERS = {"ada", "mel"}


@pytest.mark.parametrize(
    "who", ["ada", "mel", "other_admin", "nobody", "support", "left", "inactive", "root", "stranger"]
)
def test_members_see_and_only_admins_act(people, connection, home, who):
    """Everyone else gets 404."""
    user = people[who]
    assert access.visible(user, Connection.objects.all()).exists() == (who in MEMBERS)
    assert access.visible(user, EntitySchedule.objects.all()).exists() == (who in MEMBERS)
    assert (home in access.workspaces(user)) == (who in MEMBERS)
    for permission in ADMIN_PERMISSIONS:
        assert access.allows(user, permission, home) == (who == "ada")
    if who not in MEMBERS:
        with pytest.raises(Http404):
            access.get(user, Connection, connection.pk, "trigger_sync")
        return
    assert access.get(user, Connection, connection.pk) == connection
    assert access.get(user, Workspace, home.pk) == home
    if who == "ada":
        assert access.get(user, EntitySchedule, connection.schedules.first().pk, "trigger_sync")
    else:
        with pytest.raises(PermissionDenied):
            access.get(user, Connection, connection.pk, "trigger_sync")


def test_unknown_object_returns_404(people, connection):
    with pytest.raises(Http404, match="no such connection"):
        access.get(people["ada"], Connection, connection.pk + 1)


def test_role_change_replaces_the_rights(home):
    """Rights follow the new role, and a person may have another role in another workspace."""
    ada, mel = (User.objects.get(username=name) for name in ("ada", "mel"))
    set_role(home, ada, Role.MEMBER)
    set_role(home, mel, Role.ADMIN)
    other = save_workspace("other", members=["mel"])
    assert not access.allows(ada, "trigger_sync", home)
    assert access.allows(mel, "trigger_sync", home)
    assert not access.allows(mel, "trigger_sync", other)
    assert Membership.objects.filter(workspace=home).count() == 2


def test_saving_a_workspace_keeps_omitted_fields(home):
    save_workspace("northbay", timezone="Europe/Berlin")
    again = save_workspace("northbay", members=["zoe"])
    assert (again.name, again.timezone, again.memberships.count()) == ("Northbay", "Europe/Berlin", 3)
    assert not User.objects.get(username="zoe").has_usable_password()


@pytest.mark.parametrize(
    "fields",
    [
        {"timezone": "Mars/Olympus"},
        {"name": "x" * 201},
        {"admins": [""]},
        {"admins": ["x" * 151]},
        {"members": ["a b"]},
    ],
)
def test_invalid_input_creates_nothing(db, fields):
    """No workspace, group or person is left behind."""
    from django.contrib.auth.models import Group

    with pytest.raises(ValidationError):
        save_workspace("fresh", **{"admins": ["ada"], **fields})
    assert not Workspace.objects.exists()
    assert not Group.objects.filter(name__startswith="fresh").exists()
    assert not User.objects.exists()


@pytest.mark.parametrize("slug", ["", "has space", "x" * 51, "a/b"])
def test_invalid_slug_is_rejected(db, slug):
    with pytest.raises(ValidationError):
        save_workspace(slug)
