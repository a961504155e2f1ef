"""Pages on which a person decides: pending removals, and retries of rejected records."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.errors import Refused
from packr.workspaces.models import TRIGGER_SYNC
from packr.workspaces.views import signed_in

from .. import removal_reviews
from ..models import RejectedRecord, SyncRun
from ..runs import rejected_records
from ..status.run_states import undecided
from .shortcuts import connection_of, entity_of, parse_key, runs_of

REMOVALS_PER_PAGE = 100
MAX_RETRIES = 50  # the person waits for the WMS meanwhile
DECISIONS = ("release", "reject")


@signed_in
@require_http_methods(["GET", "POST"])
def held(request: HttpRequest, pk: int, run_id: int) -> HttpResponse:
    """List the pending removals of a run, for admins. `?decision=` asks for confirmation, POST decides."""
    connection = connection_of(request, pk, TRIGGER_SYNC)
    found = get_object_or_404(runs_of(request, connection), pk=run_id)
    if not found.held:
        raise Http404("This run has no pending removals.")
    if request.method == "POST":
        return _decide(request, connection, found)
    return _list(request, connection, found)


def _list(request: HttpRequest, connection: Connection, found: SyncRun) -> HttpResponse:
    is_open = undecided().filter(pk=found.pk).exists()
    after = parse_key(request.GET.get("after", ""))
    listed = removal_reviews.pending_removals(found, after=after, limit=REMOVALS_PER_PAGE + 1) if is_open else []
    decision = request.GET.get("decision")
    context = {
        "connection": connection,
        "entity": Entity(found.entity),
        "run": found,
        "is_open": is_open,
        "held": listed[:REMOVALS_PER_PAGE],
        "next": listed[REMOVALS_PER_PAGE - 1].row_id if len(listed) > REMOVALS_PER_PAGE else None,
        "is_first": not after,
        "decision": decision if decision in DECISIONS else "",
    }
    return render(request, "syncs/held.html", context)


def _decide(request: HttpRequest, connection: Connection, found: SyncRun) -> HttpResponse:
    decision = request.POST.get("decision")
    here = reverse("held", args=[connection.pk, found.pk])
    try:
        if decision == "release":
            follower = removal_reviews.release(found, person=request.user)
            messages.success(request, "Released. This run reads the list again and removes what is still missing.")
            return HttpResponseRedirect(reverse("run", args=[connection.pk, follower.pk]), status=303)
        if decision == "reject":
            removal_reviews.reject(found, person=request.user)
            messages.success(request, "Rejected. The records stay. The next full run checks again.")
            return HttpResponseRedirect(reverse("run", args=[connection.pk, found.pk]), status=303)
    except Refused as refused:
        messages.warning(request, str(refused))
    return HttpResponseRedirect(here, status=303)


@signed_in
@require_POST
def retry_rejected(request: HttpRequest, pk: int, entity: str) -> HttpResponse:
    """Read rejected records again from the WMS, for admins.

    `record` names some of them, `run` selects those of one run. Without either, the latest of the entity are read.
    """
    connection = connection_of(request, pk, TRIGGER_SYNC)
    found = entity_of(request, connection, entity)
    chosen = RejectedRecord.objects.filter(connection=connection, entity=found).order_by("-pk")
    run_id = parse_key(request.POST.get("run", ""))
    if run_id:
        chosen = chosen.filter(run=run_id)
    if "record" in request.POST:
        chosen = chosen.filter(pk__in=[parse_key(text) for text in request.POST.getlist("record")])
    outcome = rejected_records.retry(chosen.select_related("connection__workspace")[:MAX_RETRIES])
    add_message = messages.warning if outcome.still or outcome.trouble else messages.success
    add_message(request, retry_summary(outcome))
    if run_id and runs_of(request, connection).filter(pk=run_id).exists():
        return HttpResponseRedirect(reverse("run", args=[pk, run_id]), status=303)
    return HttpResponseRedirect(f"{reverse('entity', args=[pk, entity])}#rejected", status=303)


def retry_summary(outcome: rejected_records.RetryResult) -> str:
    """Describe the outcome of a retry to the person who asked for it."""
    if not (outcome.stored or outcome.gone or outcome.still or outcome.trouble):
        return "No rejected records were left to retry."
    counts = f"{outcome.stored} accepted, {outcome.gone} no longer in the WMS, {outcome.still} rejected again."
    return f"{counts} {outcome.trouble}".rstrip()
