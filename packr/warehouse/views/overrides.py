"""Values shown in place of the WMS's own: making one, ending one, and the list of them."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.entities import Entity
from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.models import ACT
from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import sent, signed_in

from .. import overrides
from ..models import Mirrored, Override
from ..models.overrides import ROWS, OverrideState
from ..visibility import seen_by
from .live_lookup import address

LISTED = 50


class OverrideForm(forms.Form):
    """What is shown instead, why and until when."""

    field = forms.ChoiceField(label="Value to override")
    value = forms.CharField(label="Show", max_length=200, error_messages={"required": "Enter what is to be shown."})
    reason = forms.CharField(
        label="Reason",
        max_length=500,
        help_text="Everybody who sees the value can read it.",
        error_messages={"required": "Say why, so that others understand the value."},
    )
    expires_on = forms.DateField(
        label="Until the end of",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="A newer version of the record from the WMS replaces it earlier.",
        error_messages={"required": "Choose the last day on which it holds."},
    )

    def __init__(self, choices: dict[str, str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["field"].choices = list(choices.items())  # type: ignore[attr-defined]


@signed_in
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    """Override a value of a record; for people who may act."""
    here = request_context(request)
    kind, row = _row(here, entity, pk)
    if not access.allows(request.user, ACT, here.workspace):
        raise PermissionDenied("Only an admin of this workspace may do this.")
    possible = overrides.choices(row.connection, kind)
    form = OverrideForm(possible, sent(request), initial={"expires_on": _today(here) + timedelta(days=1)})
    if request.method == "POST" and form.is_valid() and _make(form, row, kind, here, request.user):
        messages.success(request, f"{row} is shown as you say until the WMS sends a newer version of it.")
        return HttpResponseRedirect(address(row, kind), status=303)
    context = {"row": row, "entity": kind, "form": form, "possible": possible, "back": address(row, kind)}
    return render(request, "warehouse/override.html", context)


def _make(form: OverrideForm, row: Mirrored, entity: Entity, here: RequestContext, person: Any) -> bool:
    """Whether the override was made; if not, the form says why."""
    said = form.cleaned_data
    zone = ZoneInfo(here.workspace.timezone)
    until = datetime.combine(said["expires_on"] + timedelta(days=1), time(), zone)
    try:
        overrides.create(
            row,
            entity,
            said["field"],
            value=said["value"],
            reason=said["reason"],
            expires_at=until,
            person=person,
        )
    except Refused as refused:
        form.add_error(refused.field or None, str(refused))
        return False
    return True


@signed_in
@require_POST
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what the WMS says again; for people who may act."""
    found = get_object_or_404(_seen(request_context(request)).select_related("connection__workspace"), pk=pk)
    if overrides.end(found, request.user):
        messages.success(request, f"{found.name} is shown as the WMS says again.")
    else:
        messages.info(request, "It had ended already.")
    return HttpResponseRedirect(reverse("overrides"), status=303)


@signed_in
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The overrides of the place, newest first. `?state=` and `?entity=` narrow it, `?before=` goes on."""
    here = request_context(request)
    state, entity, before = (request.GET.get(name, "") for name in ("state", "entity", "before"))
    rows = _seen(here).select_related("author", "ended_by", "connection")
    if state in OverrideState.values:
        rows = rows.in_state(OverrideState(state))
    if entity in ROWS:
        rows = rows.filter(entity=entity)
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows.order_by("-pk")[: LISTED + 1])
    context = {
        "overrides": found[:LISTED],
        "next": found[LISTED - 1].pk if len(found) > LISTED else None,
        "states": OverrideState.choices,
        "entities": [(one.value, one.label) for one in ROWS],
        "state_asked": state,
        "entity_asked": entity,
        "is_filtered": bool(state or entity),
    }
    return render(request, "warehouse/overrides.html", context)


def _seen(here: RequestContext) -> Any:
    """The overrides of the records that the place sees, those of removed ones only where no brand is looked at."""
    found = Override.objects.with_rows().filter(connection__workspace=here.workspace)
    if here.brand is None:
        return found
    mine = Q(pk__in=())
    for entity, model in ROWS.items():
        rows: Any = model._default_manager.all()
        mine |= Q(entity=entity, row_id__in=seen_by(rows, here).values("pk"))
    return found.filter(mine)


def _row(here: RequestContext, entity: str, pk: int) -> tuple[Entity, Mirrored]:
    if entity not in ROWS:
        raise Http404("There is no such type of data.")
    rows: Any = ROWS[Entity(entity)]._default_manager.select_related("connection__workspace")
    return Entity(entity), get_object_or_404(seen_by(rows, here), pk=pk)


def _today(here: RequestContext) -> Any:
    return now().astimezone(ZoneInfo(here.workspace.timezone)).date()
