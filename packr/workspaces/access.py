"""Access to objects: what a person may see, and what they may do with it.

Another workspace's object does not exist for a person (404). What exists but is not allowed is refused (403).
"""

from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Value
from django.http import Http404

from .models import Workspace, WorkspaceGroupObjectPermission, WorkspaceUserObjectPermission

Found = TypeVar("Found", bound=Model)


def workspaces(user: Any) -> QuerySet[Workspace]:
    """Return the workspaces that `user` belongs to."""
    if not getattr(user, "is_active", False):
        return Workspace.objects.none()
    return Workspace.objects.filter(memberships__user=user)


def visible(user: Any, queryset: QuerySet[Found]) -> QuerySet[Found]:
    """Return the rows of `queryset` in the person's workspaces. The model's `workspace_path` leads to the workspace."""
    return queryset.filter(**{f"{_path(queryset.model)}__in": workspaces(user)})


def get(user: Any, model: type[Found] | QuerySet[Found], pk: Any, permission: str = "") -> Found:
    """Return the object with this key.

    Raises Http404 if it is not in the person's workspaces, PermissionDenied if they lack `permission` there.
    """
    queryset = model if isinstance(model, QuerySet) else model._default_manager.all()
    found = visible(user, queryset).filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no such {queryset.model._meta.verbose_name}.")
    if permission and not allows(user, permission, workspace_of(found)):
        raise PermissionDenied("Only an admin of this workspace may do this.")
    return found


def allows(user: Any, permission: str, workspace: Workspace) -> bool:
    """Return whether `user` holds an object permission on `workspace`."""
    if not getattr(user, "is_active", False):
        return False
    if user.is_superuser:
        return bool(workspaces(user).filter(pk=workspace.pk).exists())
    grants = {
        "content_object": workspace,
        "content_object__memberships__user": user,
        "permission__codename": permission,
    }
    # Most hold it through a group, which saves the second query.
    return bool(
        WorkspaceGroupObjectPermission.objects.filter(group__user=user, **grants).exists()
        or WorkspaceUserObjectPermission.objects.filter(user=user, **grants).exists()
    )


def holds(user: Any, permission: str) -> Q | Value:
    """Return a condition for a query of the person's workspaces: whether they hold an object permission there."""
    if user.is_superuser:
        return Value(True)
    grants = {"content_object": OuterRef("pk"), "permission__codename": permission}
    own = WorkspaceUserObjectPermission.objects.filter(user=user, **grants)
    return Exists(own) | Exists(WorkspaceGroupObjectPermission.objects.filter(group__user=user, **grants))


def workspace_of(found: Model) -> Workspace:
    """Return the workspace that an object belongs to."""
    owner: Any = found
    path = _path(type(found))
    for step in path.split("__") if path != "pk" else ():
        owner = getattr(owner, step)
    assert isinstance(owner, Workspace)
    return owner


def _path(model: type[Model]) -> str:
    return "pk" if model is Workspace else getattr(model, "workspace_path", "workspace")
