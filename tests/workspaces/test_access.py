"""The one gate to objects: who sees what, and who may do what there."""

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
    """One of each: admin, member, admin elsewhere, nobody, support, one who left, a switched-off one."""
    save_workspace("other", admins=["other_admin"])
    save_workspace("northbay", admins=["inactive"], members=["left"])
    remove_member(Membership.objects.get(user__username="left"))
    User.objects.filter(username="inactive").update(is_active=False)
    User.objects.create_user("nobody")
    User.objects.create_user("support", is_staff=True)
    User.objects.create_superuser("root")
    return {user.username: user for user in User.objects.all()} | {"stranger": AnonymousUser()}


SEES = {"ada", "mel"}


@pytest.mark.parametrize(
    "who", ["ada", "mel", "other_admin", "nobody", "support", "left", "inactive", "root", "stranger"]
)
def test_who_sees_and_who_may(people, connection, home, who):
    """P39, DESIGN, people and doors: a member sees, an admin acts, for everybody else it does not exist."""
    user = people[who]
    assert access.visible(user, Connection.objects.all()).exists() == (who in SEES)
    assert access.visible(user, EntitySchedule.objects.all()).exists() == (who in SEES)
    assert (home in access.workspaces(user)) == (who in SEES)
    for permission in ADMIN_PERMISSIONS:
        assert access.allows(user, permission, home) == (who == "ada")
    if who not in SEES:
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


def test_what_is_not_there(people, connection):
    with pytest.raises(Http404, match="no such connection"):
        access.get(people["ada"], Connection, connection.pk + 1)


def test_roles_change_with_their_groups(home):
    """A demoted admin has no right left; a promoted member has them all; a person may be both in two places."""
    ada, mel = (User.objects.get(username=name) for name in ("ada", "mel"))
    set_role(home, ada, Role.MEMBER)
    set_role(home, mel, Role.ADMIN)
    other = save_workspace("other", members=["mel"])
    assert not access.allows(ada, "trigger_sync", home)
    assert access.allows(mel, "trigger_sync", home)
    assert not access.allows(mel, "trigger_sync", other)
    assert Membership.objects.filter(workspace=home).count() == 2


def test_amending_keeps_what_is_not_named(home):
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
def test_bad_input_makes_nothing(db, fields):
    """Nothing half made: no workspace, no group, no person."""
    from django.contrib.auth.models import Group

    with pytest.raises(ValidationError):
        save_workspace("fresh", **{"admins": ["ada"], **fields})
    assert not Workspace.objects.exists()
    assert not Group.objects.filter(name__startswith="fresh").exists()
    assert not User.objects.exists()


@pytest.mark.parametrize("slug", ["", "has space", "x" * 51, "a/b"])
def test_a_bad_slug(db, slug):
    with pytest.raises(ValidationError):
        save_workspace(slug)
