"""“Check this record in the WMS now”: the WMS's values beside Packr's, and accepting them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from integrations.bill_access import is_visible
from integrations.entities import Entity
from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from .. import live_lookup, record_diff
from ..live_lookup import LookupOutcome
from ..mirror.schema import TABLES
from ..models import Mirrored
from ..record_urls import record_url
from ..visibility import seen_by

MESSAGES = {
    LookupOutcome.ACCEPTED: "Packr now shows the WMS’s values.",
    LookupOutcome.UNCHANGED: "Packr already shows the WMS’s values.",
    LookupOutcome.REMOVED: "The WMS no longer has this record, so Packr hides it. It comes back if the WMS "
    "shows it again.",
    LookupOutcome.SUPERSEDED: "Nothing was changed: the record has changed in Packr since the check. Check it again.",
    LookupOutcome.EXPIRED: "Nothing was changed: the answer is older than 10 minutes, or was accepted before. Check it "
    "again.",
}


@signed_in
@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    """Show this person's last lookup of a record; POST asks the WMS, in one call. For everyone who sees the record."""
    kind, row = _row(request, entity, pk)
    if request.method == "POST":
        live_lookup.look_up(row.connection, kind, row.external_id, person=request.user)
        return HttpResponseRedirect(reverse("check_record", args=[kind, row.pk]), status=303)
    look = live_lookup.latest(row.connection, kind, row.external_id, request.user)
    fields = record_diff.diff(row, look.answer) if look and look.answer else []
    context = {
        "row": row,
        "entity": kind,
        "back_url": record_url(row),
        "look": look,
        "unavailable_reason": live_lookup.unavailable_reason(row.connection, kind),
        "fields": fields,
        "differing": [field for field in fields if field.differs],
    }
    return render(request, "warehouse/check.html", context)


@signed_in
@require_POST
def accept(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    """Accept the answer of this person's last lookup."""
    kind, row = _row(request, entity, pk)
    look = live_lookup.latest(row.connection, kind, row.external_id, request.user)
    outcome = live_lookup.accept(look, row) if look else LookupOutcome.EXPIRED
    is_failure = outcome in (LookupOutcome.SUPERSEDED, LookupOutcome.EXPIRED)
    messages.add_message(request, messages.WARNING if is_failure else messages.SUCCESS, MESSAGES[outcome])
    return HttpResponseRedirect(record_url(row, is_removed=outcome == LookupOutcome.REMOVED), status=303)


def _row(request: HttpRequest, entity: str, pk: int) -> tuple[Entity, Mirrored]:
    """Return the record of the address. Raises Http404 if it is not visible, PermissionDenied for bills."""
    context = request_context(request)
    if entity not in TABLES:
        raise Http404("There is no such data type.")
    kind = Entity(entity)
    rows: Any = TABLES[kind].model._default_manager.select_related("connection__workspace")
    row: Mirrored = get_object_or_404(seen_by(rows, context), pk=pk)
    if not is_visible(kind, bills=context.may_view_bills):
        raise PermissionDenied("Only people who may see the WMS’s bills may do this.")
    return kind, row
