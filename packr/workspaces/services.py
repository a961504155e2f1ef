"""Creates and changes workspaces, their people and their roles."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm

from .models import ADMIN_PERMISSIONS, VIEW_BILLS, Membership, Role, Workspace, WorkspaceUserObjectPermission


@transaction.atomic
def save_workspace(
    slug: str,
    *,
    name: str | None = None,
    timezone: str | None = None,
    admins: Iterable[str] = (),
    members: Iterable[str] = (),
    bills: Iterable[str] = (),
) -> Workspace:
    """Create or update the workspace and return it. None leaves a value unchanged; missing users are created.

    `bills`: members who may see the WMS's bills, besides the admins. Raises ValidationError for an invalid slug,
    name or time zone, and for a bills viewer who is not in the workspace.
    """
    workspace = Workspace.objects.filter(slug=slug).first() or Workspace(slug=slug, name=slug)
    workspace.name = name or workspace.name
    workspace.timezone = timezone or workspace.timezone
    workspace.full_clean(exclude=["admins", "members"])
    if workspace.pk is None:
        workspace.admins = Group.objects.create(name=f"{slug}: admins")
        workspace.members = Group.objects.create(name=f"{slug}: members")
    workspace.save()
    for permission in ADMIN_PERMISSIONS:
        assign_perm(permission, workspace.admins, workspace)
    for role, people in ((Role.MEMBER, members), (Role.ADMIN, admins)):
        for username in people:
            set_role(workspace, _person(username), role)
    for username in bills:
        show_bills(_member(workspace, username), True)
    return workspace


@transaction.atomic
def set_role(workspace: Workspace, user: Any, role: Role) -> Membership:
    """Add a person to the workspace with this role, or change their role, and update their groups."""
    membership, _ = Membership.objects.update_or_create(workspace=workspace, user=user, defaults={"role": role})
    groups = {Role.ADMIN: workspace.admins, Role.MEMBER: workspace.members}
    user.groups.remove(*(group for other, group in groups.items() if other != role))
    user.groups.add(groups[role])
    return membership


@transaction.atomic
def show_bills(membership: Membership, shown: bool) -> None:
    """Grant or withdraw the permission to see the WMS's bills. Admins have it anyway."""
    change = assign_perm if shown else remove_perm
    change(VIEW_BILLS, membership.user, membership.workspace)


def views_bills(membership: Membership) -> bool:
    """Return whether the person was granted the bills permission themselves, regardless of an admin's right."""
    granted = WorkspaceUserObjectPermission.objects.filter(
        user=membership.user_id, content_object=membership.workspace_id, permission__codename=VIEW_BILLS
    )
    return bool(granted.exists())


@transaction.atomic
def remove_member(membership: Membership) -> None:
    """Remove a person from the workspace, with all their permissions there."""
    workspace = membership.workspace
    membership.user.groups.remove(workspace.admins, workspace.members)
    WorkspaceUserObjectPermission.objects.filter(user=membership.user, content_object=workspace).delete()
    membership.delete()


def _member(workspace: Workspace, username: str) -> Membership:
    found = Membership.objects.filter(workspace=workspace, user__username=username).select_related("user").first()
    if found is None:
        raise ValidationError(f"“{username}” is not in this workspace. Add them first: --member {username}")
    return found


def _person(username: str) -> Any:
    model = get_user_model()
    found = model.objects.filter(username=username).first()
    if found is None:
        found = model(username=username)
        found.set_unusable_password()
        found.clean_fields()
        found.save()
    return found
