"""The connections of a workspace and their status."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from packr.workspaces import access
from packr.workspaces.models import Membership, Role, Workspace
from packr.workspaces.request_context import request_context
from packr.workspaces.views import by_htmx, signed_in

from .. import services
from ..models import Connection


@signed_in
@require_safe
def integrations(request: HttpRequest) -> HttpResponse:
    """Every connection of the workspace: for those that live the WMS Connected card, for the others what they were."""
    workspace = request_context(request).workspace
    connections = list(workspace.connections.select_related("workspace", "connected_by").order_by("name"))
    return render(
        request,
        "integrations/integrations.html",
        {
            "live": [connection for connection in connections if connection.is_live],
            "ended": [connection for connection in connections if not connection.is_live],
            "admins": admins_of(workspace),
        },
    )


@signed_in
@require_POST
def refresh(request: HttpRequest, pk: int) -> HttpResponse:
    """Check the connection now. Open to everybody in its workspace; reads no data and starts no run."""
    connection = access.get(request.user, Connection.objects.select_related("workspace", "connected_by"), pk)
    connection = services.refresh(connection)
    if not by_htmx(request):
        return redirect("integrations")
    if not connection.is_live:  # somebody ended it meanwhile: the card gives way to another panel
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(
        request,
        "integrations/_integration.html",
        {"connection": connection, "admins": admins_of(connection.workspace), "refreshed": True},
    )


def admins_of(workspace: Workspace) -> list[str]:
    """The names of the people who may manage the workspace's connections."""
    people = Membership.objects.filter(workspace=workspace, role=Role.ADMIN, user__is_active=True)
    return [
        membership.user.get_full_name() or membership.user.get_username()
        for membership in people.select_related("user").order_by("user__first_name", "user__username")
    ]
