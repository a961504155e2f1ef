"""The one gate to objects: what a person may see, and what they may do there.

Objects of other workspaces do not exist for a person (404); what is there but not allowed is refused (403).
"""

from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Value
from django.http import Http404

from .models import Workspace, WorkspaceGroupObjectPermission, WorkspaceUserObjectPermission

Found = TypeVar("Found", bound=Model)


def workspaces(user: Any) -> QuerySet[Workspace]:
    """The workspaces a person belongs to."""
    if not getattr(user, "is_active", False):
        return Workspace.objects.none()
    return Workspace.objects.filter(memberships__user=user)


def visible(user: Any, queryset: QuerySet[Found]) -> QuerySet[Found]:
    """The rows of a queryset that lie in the person's workspaces. The model names its way there: `workspace_path`."""
    return queryset.filter(**{f"{_path(queryset.model)}__in": workspaces(user)})


def get(user: Any, model: type[Found] | QuerySet[Found], pk: Any, permission: str = "") -> Found:
    """One object by its key. Http404 when it is not the person's; PermissionDenied without the permission."""
    queryset = model if isinstance(model, QuerySet) else model._default_manager.all()
    found = visible(user, queryset).filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no such {queryset.model._meta.verbose_name}.")
    if permission and not allows(user, permission, workspace_of(found)):
        raise PermissionDenied("Only an admin of this workspace may do this.")
    return found


def allows(user: Any, permission: str, workspace: Workspace) -> bool:
    """Whether the person holds an object permission on the workspace."""
    if not getattr(user, "is_active", False):
        return False
    if user.is_superuser:
        return bool(workspaces(user).filter(pk=workspace.pk).exists())
    here = {"content_object": workspace, "content_object__memberships__user": user, "permission__codename": permission}
    # Nearly all have it by a group; then the other question is not asked.
    return bool(
        WorkspaceGroupObjectPermission.objects.filter(group__user=user, **here).exists()
        or WorkspaceUserObjectPermission.objects.filter(user=user, **here).exists()
    )


def holds(user: Any, permission: str) -> Q | Value:
    """For a query of the person's workspaces: whether they hold an object permission there."""
    if user.is_superuser:
        return Value(True)
    here = {"content_object": OuterRef("pk"), "permission__codename": permission}
    own = WorkspaceUserObjectPermission.objects.filter(user=user, **here)
    return Exists(own) | Exists(WorkspaceGroupObjectPermission.objects.filter(group__user=user, **here))


def workspace_of(found: Model) -> Workspace:
    """The workspace an object lies in."""
    here: Any = found
    path = _path(type(found))
    for step in path.split("__") if path != "pk" else ():
        here = getattr(here, step)
    assert isinstance(here, Workspace)
    return here


def _path(model: type[Model]) -> str:
    return "pk" if model is Workspace else getattr(model, "workspace_path", "workspace")
