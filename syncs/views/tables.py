"""“Workspace sync state — latest run per table”, with its own Refresh."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from packr.workspaces.views import by_htmx, signed_in

from .common import connection_of, may_sync, rows_of

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
