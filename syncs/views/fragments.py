"""Fragments that pages poll: the table of the sync state, and the sync widget."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from packr.workspaces.request_context import request_context
from packr.workspaces.views import by_htmx, signed_in

from .shortcuts import connection_of, may_sync, rows_of

TABLE_PAGES = ("page", "window", "connection")


@signed_in
@require_GET
def state_table(request: HttpRequest, pk: int) -> HttpResponse:
    """Render the latest run of every entity, for everybody in the workspace."""
    connection = connection_of(request, pk)
    if not by_htmx(request):
        return redirect("integrations")
    shown_on = request.GET.get("in")
    context = {
        "connection": connection,
        "rows": rows_of(request, connection),
        "where": shown_on if shown_on in TABLE_PAGES else "page",
        "may_sync": may_sync(request, connection),
    }
    return render(request, "syncs/_state_table.html", context)


@signed_in
@require_GET
def widget(request: HttpRequest) -> HttpResponse:
    """Render the sync widget: the freshness of the data on the person's pages."""
    request_context(request)  # 404 for a person without a workspace
    if not by_htmx(request):
        return redirect("integrations")
    return render(request, "syncs/_widget_parts.html")
