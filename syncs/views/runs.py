"""One run: its page, its live row in the manual sync window, and its cancellation."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.models import TRIGGER_SYNC
from packr.workspaces.views import by_htmx, signed_in

from ..models import RejectedRecord, SyncRun
from ..runs import lifecycle
from ..status.recent_runs import estimate_of
from ..status.run_states import undecided
from .manual_sync import Watched
from .shortcuts import connection_of, may_sync, runs_of

REJECTED_SHOWN = 50


@signed_in
@require_GET
def run(request: HttpRequest, pk: int, run_id: int) -> HttpResponse:
    """Show one run to everybody in the workspace.

    While the run is active, its page and the manual sync window poll this view for their fragment.
    """
    connection = connection_of(request, pk)
    found = get_object_or_404(runs_of(request, connection), pk=run_id)
    if by_htmx(request) and request.GET.get("in") != "page":
        return render(request, "syncs/_run.html", _row(request, connection, found))
    template = "syncs/_run_page.html" if by_htmx(request) else "syncs/run.html"
    return render(request, template, _page(request, connection, found))


def _row(request: HttpRequest, connection: Connection, found: SyncRun) -> dict[str, Any]:
    return {
        "watched": Watched(found, "attached" in request.GET, estimate_of(found) if found.is_active else None),
        "connection": connection,
        "may_sync": may_sync(request, connection),
    }


def _page(request: HttpRequest, connection: Connection, found: SyncRun) -> dict[str, Any]:
    allowed = may_sync(request, connection)
    return {
        "connection": connection,
        "entity": Entity(found.entity),
        "run": found,
        "usual": estimate_of(found) if found.is_active else None,
        "rejected": list(RejectedRecord.objects.filter(run=found).order_by("-pk")[:REJECTED_SHOWN]),
        "is_undecided": bool(found.held) and undecided().filter(pk=found.pk).exists(),
        "may_sync": allowed,
        "may_change": allowed and connection.is_live,
    }


@signed_in
@require_POST
def cancel(request: HttpRequest, pk: int, run_id: int) -> HttpResponse:
    """Cancel a run. Its changes are kept."""
    connection = connection_of(request, pk, TRIGGER_SYNC)
    found = get_object_or_404(runs_of(request, connection), pk=run_id)
    lifecycle.cancel(found, person=request.user)
    if request.POST.get("in") == "page":
        return HttpResponseRedirect(reverse("run", args=[pk, run_id]), status=303)
    return HttpResponseRedirect(f"{reverse('sync_window', args=[pk])}?run={run_id}", status=303)
