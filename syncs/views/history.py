"""The history of a connection, and of all of a workspace's."""

from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from integrations.entities import Entity
from packr.workspaces.current import place
from packr.workspaces.views import signed_in

from .. import bills, timeline
from ..models import State, Trigger
from .common import connection_of


@signed_in
@require_GET
def history(request: HttpRequest, pk: int) -> HttpResponse:
    """What happened to one connection, for everybody in its workspace. The filters are in the address."""
    connection = connection_of(request, pk)
    zone = ZoneInfo(connection.workspace.timezone)
    context = {"connection": connection, "entities": bills.offered(request.user, connection)}
    return _history(request, [connection], zone, context)


@signed_in
@require_GET
def workspace_history(request: HttpRequest) -> HttpResponse:
    """What happened to all connections of the workspace."""
    here = place(request)
    workspace = here.workspace
    connections = list(workspace.connections.order_by("name"))
    offered = {entity for one in connections for entity in one.connector.entities()}
    if not here.may_view_bills:
        offered.discard(Entity.BILLS)
    entities = [entity for entity in Entity if entity in offered]
    return _history(request, connections, ZoneInfo(workspace.timezone), {"entities": entities})


def _history(request: HttpRequest, connections: Any, zone: ZoneInfo, context: dict[str, Any]) -> HttpResponse:
    asked = timeline.asked(request.GET, bills=Entity.BILLS in context["entities"])
    start = timeline.position(request.GET.get("at", ""))
    page = timeline.page(connections, asked, start, zone)
    choices = {"states": State.choices, "triggers": Trigger.choices, "kinds": timeline.KINDS.items()}
    return render(
        request, "syncs/history.html", {**context, **choices, "asked": asked, "page": page, "is_first": start is None}
    )
