"""“Check this record in the WMS now”: what the WMS says beside what Packr shows, and taking it over."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from integrations.entities import Entity
from integrations.permissions import is_visible
from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from .. import live_lookup, record_diff
from ..lists import screens
from ..lists.screens import Screen
from ..live_lookup import Outcome
from ..mirror.schema import TABLES
from ..models import Mirrored
from ..visibility import seen_by

SAID = {
    Outcome.TAKEN: "Taken over: this is what the WMS says now.",
    Outcome.SAME: "There was nothing to take over: it already is what the WMS says.",
    Outcome.REMOVED: "Taken over: the WMS no longer has this record, so it is hidden here. It comes back if the WMS "
    "shows it again.",
    Outcome.OVERTAKEN: "Nothing was taken over: the record has changed here since the WMS was asked. Check it again.",
    Outcome.EXPIRED: "Nothing was taken over: the answer is older than 10 minutes, or was taken over already. Check it "
    "again.",
}


@signed_in
@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    """What this person last heard of a record; POST asks the WMS, with one call. For everybody who sees the record."""
    kind, row = _row(request, entity, pk)
    here = reverse("check_record", args=[kind, row.pk])
    if request.method == "POST":
        live_lookup.look_up(row.connection, kind, row.external_id, person=request.user)
        return HttpResponseRedirect(here, status=303)
    found = live_lookup.latest(row.connection, kind, row.external_id, request.user)
    compared = record_diff.diff(row, found.answer) if found and found.answer else []
    context = {
        "row": row,
        "entity": kind,
        "back": address(row, kind),
        "look": found,
        "why_not": live_lookup.why_not(row.connection, kind),
        "fields": compared,
        "differing": [field for field in compared if field.differs],
    }
    return render(request, "warehouse/check.html", context)


@signed_in
@require_POST
def take(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    """Take over what the WMS said when this person last checked the record."""
    kind, row = _row(request, entity, pk)
    found = live_lookup.latest(row.connection, kind, row.external_id, request.user)
    outcome = live_lookup.take(found, row) if found else Outcome.EXPIRED
    say = messages.success if outcome in (Outcome.TAKEN, Outcome.SAME, Outcome.REMOVED) else messages.warning
    say(request, SAID[outcome])
    return HttpResponseRedirect(address(row, kind, gone=outcome == Outcome.REMOVED), status=303)


def _row(request: HttpRequest, entity: str, pk: int) -> tuple[Entity, Mirrored]:
    """The record of the address; Http404 unless the person's place sees it, PermissionDenied for bills they may not."""
    here = request_context(request)
    if entity not in TABLES:
        raise Http404("There is no such type of data.")
    kind = Entity(entity)
    rows: Any = TABLES[kind].model._default_manager.select_related("connection__workspace")
    row: Mirrored = get_object_or_404(seen_by(rows, here), pk=pk)
    if not is_visible(kind, bills=here.may_view_bills):
        raise PermissionDenied("Only people who may see the WMS’s bills may do this.")
    return kind, row


def screen(entity: Entity) -> Screen | None:
    """The list that shows an entity."""
    return next((one for one in screens.SCREENS if one.entity == entity), None)


def address(row: Mirrored, entity: Entity, *, gone: bool = False) -> str:
    """The page of a record; where it has none, or is gone, the list that it was in."""
    shown = screen(entity)
    if shown is None:
        return reverse("home") if gone else reverse("check_record", args=[entity, row.pk])
    return reverse(shown.detail, args=[row.pk]) if shown.detail and not gone else reverse(shown.name)
