"""The sync widget of every page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from packr.workspaces.request_context import place
from packr.workspaces.views import by_htmx, signed_in


@signed_in
@require_GET
def widget(request: HttpRequest) -> HttpResponse:
    """The sync widget anew: how fresh the data is that the person's pages show."""
    place(request)  # 404 for a person without a workspace
    if not by_htmx(request):
        return redirect("integrations")
    return render(request, "syncs/_widget_parts.html")
