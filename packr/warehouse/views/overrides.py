"""Overrides: creating one, ending one, and the list of them."""

from datetime import date, datetime, time, timedelta
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
from packr.workspaces.errors import Refused
from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import sent, signed_in

from .. import overrides
from ..models import Mirrored, Override
from ..models.overrides import ROWS, OverrideState
from ..record_urls import record_url
from ..visibility import seen_by

PER_PAGE = 50


class OverrideForm(forms.Form):
    """The overridden field, the value to show, the reason and the last day."""

    field = forms.ChoiceField(label="Value to override")
    value = forms.CharField(label="Show", max_length=200, error_messages={"required": "Enter the value to show."})
    reason = forms.CharField(
        label="Reason",
        max_length=500,
        help_text="Shown to everyone who sees the value.",
        error_messages={"required": overrides.NO_REASON},
    )
    expires_on = forms.DateField(
        label="Until the end of",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="It ends earlier if the WMS sends a newer version of the record.",
        error_messages={"required": "Choose the last day."},
    )

    def __init__(self, choices: dict[str, str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["field"].choices = list(choices.items())  # type: ignore[attr-defined]


@signed_in
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, entity: str, pk: int) -> HttpResponse:
    """Override a value of a record, for people who may act."""
    context = request_context(request)
    if entity not in ROWS:
        raise Http404("There is no such data type.")
    kind = Entity(entity)
    rows: Any = ROWS[kind]._default_manager.select_related("connection__workspace")
    row: Mirrored = get_object_or_404(seen_by(rows, context), pk=pk)
    if not context.may_act:
        raise PermissionDenied("Only an admin of this workspace may do this.")
    choices = overrides.choices(row.connection, kind)
    zone = ZoneInfo(context.workspace.timezone)
    form = OverrideForm(choices, sent(request), initial={"expires_on": now().astimezone(zone).date() + timedelta(1)})
    if request.method == "POST" and form.is_valid() and _create(form, row, kind, zone, request.user):
        messages.success(request, f"{row} shows this value until the WMS sends a newer version.")
        return HttpResponseRedirect(record_url(row), status=303)
    shown = {"row": row, "form": form, "choices": choices, "back_url": record_url(row)}
    return render(request, "warehouse/override.html", shown)


def _create(form: OverrideForm, row: Mirrored, entity: Entity, zone: ZoneInfo, person: Any) -> bool:
    """Create the override. Return False, with the error on the form, if it is refused."""
    data = form.cleaned_data
    last_day: date = data["expires_on"]
    try:
        overrides.create(
            row,
            entity,
            data["field"],
            value=data["value"],
            reason=data["reason"],
            expires_at=datetime.combine(last_day + timedelta(days=1), time(), zone),
            person=person,
        )
    except Refused as refused:
        form.add_error(refused.field or None, str(refused))
        return False
    return True


@signed_in
@require_POST
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """End an override, for people who may act."""
    found = get_object_or_404(_visible(request_context(request)).select_related("connection__workspace"), pk=pk)
    if overrides.end(found, request.user):
        messages.success(request, f"{found.name} shows the WMS’s value again.")
    else:
        messages.info(request, "This override has already ended.")
    return HttpResponseRedirect(reverse("overrides"), status=303)


@signed_in
@require_safe
def list_page(request: HttpRequest) -> HttpResponse:
    """List the overrides of the workspace, newest first, filtered by `?state=` and `?entity=`, paged by `?before=`."""
    state, entity, before = (request.GET.get(name, "") for name in ("state", "entity", "before"))
    rows = _visible(request_context(request)).select_related("author", "ended_by", "connection")
    if state in OverrideState.values:
        rows = rows.in_state(OverrideState(state))
    if entity in ROWS:
        rows = rows.filter(entity=entity)
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows.order_by("-pk")[: PER_PAGE + 1])
    shown = {
        "entries": [overrides.entry_of(override) for override in found[:PER_PAGE]],
        "next": found[PER_PAGE - 1].pk if len(found) > PER_PAGE else None,
        "states": OverrideState.choices,
        "entities": [(one.value, one.label) for one in ROWS],
        "state": state,
        "entity": entity,
        "is_filtered": bool(state or entity),
    }
    return render(request, "warehouse/overrides.html", shown)


def _visible(context: RequestContext) -> Any:
    """Return the overrides of visible records; those of removed records only if no brand is chosen."""
    found = Override.objects.with_rows().filter(connection__workspace=context.workspace)
    if context.brand is None:
        return found
    visible = Q(pk__in=())
    for entity, model in ROWS.items():
        rows: Any = model._default_manager.all()
        visible |= Q(entity=entity, row_id__in=seen_by(rows, context).values("pk"))
    return found.filter(visible)
