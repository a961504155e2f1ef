"""“Why is this stale?”, and requests to an admin for a sync."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from integrations.bill_access import may_view_bills, visible_entities
from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.formatting import named
from packr.workspaces.models import TRIGGER_SYNC
from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from .. import sync_requests
from ..diagnosis.checklist import steps
from ..diagnosis.diagnose import diagnose
from ..models import SyncRequest


@signed_in
@require_GET
def why(request: HttpRequest, entity: str) -> HttpResponse:
    """Show why data is stale: the main reason, other reasons, and the result of each step of the help page."""
    here = request_context(request)
    wanted = _entity(entity, bills=here.may_view_bills)
    if wanted is None:
        raise Http404("There is no such data type.")
    diagnosis = diagnose(here, wanted, thorough=True)
    return render(
        request,
        "syncs/why.html",
        {"entity": wanted, "diagnosis": diagnosis, "steps": steps(here, wanted, diagnosis)},
    )


@signed_in
@require_POST
def ask_admin(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the workspace's admins for a sync; open to everyone in the workspace."""
    connection = access.get(request.user, Connection.objects.select_related("workspace"), pk)
    bills = may_view_bills(request.user, connection)
    entity = _entity(request.POST.get("entity", ""), bills=bills)
    if entity is None:
        messages.error(request, "Choose the data that looks out of date.")
        return _back(request)
    try:
        asked, is_new = sync_requests.request_sync(
            connection, entity, person=request.user, note=request.POST.get("note", "")
        )
    except Refused as refused:
        messages.error(request, str(refused))
        return _back(request)
    what = asked.get_entity_display().lower()
    if is_new:
        messages.success(request, f"The admins now see your request to sync {what}.")
    else:
        messages.info(
            request, f"{named(asked.asked_by)} already asked for a sync of {what}. The admins see the request."
        )
    return _back(request)


@signed_in
@require_POST
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Start the requested sync and show its progress."""
    return _decide(request, pk, sync_requests.approve)


@signed_in
@require_POST
def decline(request: HttpRequest, pk: int) -> HttpResponse:
    """Decline a request."""
    return _decide(request, pk, sync_requests.decline)


def _decide(request: HttpRequest, pk: int, decision: Callable[..., SyncRequest]) -> HttpResponse:
    asked = access.get(
        request.user, SyncRequest.objects.select_related("connection__workspace", "asked_by"), pk, TRIGGER_SYNC
    )
    what = asked.get_entity_display().lower()
    try:
        decided = decision(asked, person=request.user)
    except Refused as refused:
        messages.error(request, str(refused))
        return _back(request)
    if decided.run_id:
        address = f"{reverse('sync_window', args=[decided.connection_id])}?run={decided.run_id}"
        return HttpResponseRedirect(address, status=303)
    messages.success(request, f"Declined the request to sync {what}.")
    return _back(request)


def _entity(name: str, *, bills: bool) -> Entity | None:
    """Return the entity of this name; None if there is none that the person may see."""
    return {one.value: one for one in visible_entities(Entity, bills=bills)}.get(name)


def _back(request: HttpRequest) -> HttpResponse:
    """Redirect to the page that the form was on."""
    there: Any = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(there, {request.get_host()}, require_https=request.is_secure()):
        there = reverse("integrations")
    return HttpResponseRedirect(there, status=303)
