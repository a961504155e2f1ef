"""Parts of pages that are asked for again: the sync state of every table, and the sync widget."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from packr.workspaces.request_context import request_context
from packr.workspaces.views import by_htmx, signed_in

from .shortcuts import connection_of, may_sync, rows_of

PLACES = ("page", "window", "connection")


@signed_in
@require_GET
def state_table(request: HttpRequest, pk: int) -> HttpResponse:
    """The latest run of every entity, for everybody in the workspace. Reading it starts nothing."""
    connection = connection_of(request, pk)
    if not by_htmx(request):
        return redirect("integrations")
    asked = request.GET.get("in")
    context = {
        "connection": connection,
        "rows": rows_of(request, connection),
        "where": asked if asked in PLACES else "page",
        "may_sync": may_sync(request, connection),
    }
    return render(request, "syncs/_state_table.html", context)


@signed_in
@require_GET
def widget(request: HttpRequest) -> HttpResponse:
    """The sync widget anew: how fresh the data is that the person's pages show."""
    request_context(request)  # 404 for a person without a workspace
    if not by_htmx(request):
        return redirect("integrations")
    return render(request, "syncs/_widget_parts.html")
