"""What a person decides: removals that were held back, and rejected records that are read once more."""

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

LISTED = 100
MOST_AT_ONCE = 50  # the person waits for the WMS
DECISIONS = ("release", "reject")


@signed_in
@require_http_methods(["GET", "POST"])
def held(request: HttpRequest, pk: int, run_id: int) -> HttpResponse:
    """The records whose removal a run held back, for admins.

    `?decision=` asks whether they are sure; POST decides.
    """
    connection = connection_of(request, pk, TRIGGER_SYNC)
    found = get_object_or_404(runs_of(request, connection), pk=run_id)
    if not found.held:
        raise Http404("This run holds nothing back.")
    if request.method == "POST":
        return _decide(request, connection, found)
    return _list(request, connection, found)


def _list(request: HttpRequest, connection: Connection, found: SyncRun) -> HttpResponse:
    is_open = undecided().filter(pk=found.pk).exists()
    after = parse_key(request.GET.get("after", ""))
    listed = removal_reviews.pending_removals(found, after=after, limit=LISTED + 1) if is_open else []
    decision = request.GET.get("decision")
    context = {
        "connection": connection,
        "entity": Entity(found.entity),
        "run": found,
        "is_open": is_open,
        "held": listed[:LISTED],
        "next": listed[LISTED - 1].row_id if len(listed) > LISTED else None,
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
            said = "Released. This run reads the list once more and removes what is still missing."
            messages.success(request, said)
            return HttpResponseRedirect(reverse("run", args=[connection.pk, follower.pk]), status=303)
        if decision == "reject":
            removal_reviews.reject(found, person=request.user)
            messages.success(request, "Rejected. The records stay; the next full read looks again.")
            return HttpResponseRedirect(reverse("run", args=[connection.pk, found.pk]), status=303)
    except Refused as refused:
        messages.warning(request, str(refused))
    return HttpResponseRedirect(here, status=303)


@signed_in
@require_POST
def retry_rejected(request: HttpRequest, pk: int, entity: str) -> HttpResponse:
    """Ask the WMS once more for records it sent that could not be understood; for admins.

    `record` names some of them, `run` takes those of one run; neither, the latest of the entity.
    """
    connection = connection_of(request, pk, TRIGGER_SYNC)
    found = entity_of(request, connection, entity)
    chosen = RejectedRecord.objects.filter(connection=connection, entity=found).order_by("-pk")
    run_id = parse_key(request.POST.get("run", ""))
    if run_id:
        chosen = chosen.filter(run=run_id)
    if "record" in request.POST:
        chosen = chosen.filter(pk__in=[parse_key(text) for text in request.POST.getlist("record")])
    outcome = rejected_records.retry(chosen.select_related("connection__workspace")[:MOST_AT_ONCE])
    say = messages.warning if outcome.still or outcome.trouble else messages.success
    say(request, _said(outcome))
    if run_id and runs_of(request, connection).filter(pk=run_id).exists():
        return HttpResponseRedirect(reverse("run", args=[pk, run_id]), status=303)
    return HttpResponseRedirect(f"{reverse('entity', args=[pk, entity])}#rejected", status=303)


def _said(outcome: rejected_records.RetryResult) -> str:
    if not (outcome.stored or outcome.gone or outcome.still or outcome.trouble):
        return "There was nothing left to read again."
    counted = f"{outcome.stored} understood and stored, {outcome.gone} no longer in the WMS, {outcome.still} still not "
    return f"{counted}understood. {outcome.trouble}".rstrip()
