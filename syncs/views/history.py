"""The history of one connection, and of all connections of a workspace."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from integrations.bill_access import may_view_bills, visible_entities
from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from ..models import State, Trigger
from ..status import timeline
from .shortcuts import connection_of


@signed_in
@require_GET
def history(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the events of one connection to everybody in its workspace. The filters are in the address."""
    connection = connection_of(request, pk)
    zone = ZoneInfo(connection.workspace.timezone)
    return _history(request, [connection], zone, {"connection": connection})


@signed_in
@require_GET
def workspace_history(request: HttpRequest) -> HttpResponse:
    """Show the events of all connections of the workspace."""
    workspace = request_context(request).workspace
    connections = list(workspace.connections.select_related("workspace").order_by("name"))
    return _history(request, connections, ZoneInfo(workspace.timezone), {})


def _history(
    request: HttpRequest, connections: Sequence[Connection], zone: ZoneInfo, context: dict[str, Any]
) -> HttpResponse:
    asked = timeline.parse_filter(request.GET)
    start = timeline.parse_position(request.GET.get("at", ""))
    with_bills = {one.pk for one in connections if may_view_bills(request.user, one)}
    offered = {entity for one in connections for entity in one.connector.entities()}
    choices = {
        "entities": [
            (one.value, one.label) for one in visible_entities(Entity, bills=bool(with_bills)) if one in offered
        ],
        "states": State.choices,
        "triggers": Trigger.choices,
        "kinds": timeline.KINDS.items(),
    }
    page = timeline.load_page(connections, asked, start, zone, with_bills)
    return render(
        request, "syncs/history.html", {**context, **choices, "asked": asked, "page": page, "is_first": start is None}
    )
