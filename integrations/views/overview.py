"""The connections of a workspace and their status."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from packr.workspaces import access
from packr.workspaces.models import Membership, Role, Workspace
from packr.workspaces.request_context import request_context
from packr.workspaces.views import by_htmx, signed_in

from ..connection_status import refresh as refresh_status
from ..models import Connection


@signed_in
@require_safe
def integrations(request: HttpRequest) -> HttpResponse:
    """Show every connection of the workspace; the live ones have the WMS Connected card."""
    workspace = request_context(request).workspace
    connections = list(workspace.connections.select_related("workspace", "connected_by").order_by("name"))
    context = {
        "live": [connection for connection in connections if connection.is_live],
        "ended": [connection for connection in connections if not connection.is_live],
        "admins": admin_names(workspace),
    }
    return render(request, "integrations/integrations.html", context)


@signed_in
@require_POST
def refresh(request: HttpRequest, pk: int) -> HttpResponse:
    """Check the connection now, for every member of its workspace; reads no data and starts no run."""
    connection = access.get(request.user, Connection.objects.select_related("workspace", "connected_by"), pk)
    connection = refresh_status(connection)
    if not by_htmx(request):
        return redirect("integrations")
    if not connection.is_live:  # disconnected in the meantime, so the page looks different
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    context = {"connection": connection, "admins": admin_names(connection.workspace), "refreshed": True}
    return render(request, "integrations/_integration.html", context)


def admin_names(workspace: Workspace) -> list[str]:
    """Return the names of the people who may manage the workspace's connections."""
    memberships = Membership.objects.filter(workspace=workspace, role=Role.ADMIN, user__is_active=True)
    return [
        membership.user.get_full_name() or membership.user.get_username()
        for membership in memberships.select_related("user").order_by("user__first_name", "user__username")
    ]


def redirect_to_card(connection: Connection) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('integrations')}#connection-{connection.pk}", status=303)
