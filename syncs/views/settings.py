"""Sync Settings of a connection: the history start, and which entities are synced."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from integrations.bill_access import may_view_bills
from integrations.entities import Entity
from integrations.forms import lookback_field
from integrations.models import Connection
from integrations.services import change_lookback
from integrations.views.overview import admin_names
from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.models import MANAGE_CONNECTIONS
from packr.workspaces.views import sent, signed_in

from ..entity_switches import set_enabled_entities
from ..status.entity_state import EntityState, sync_state

LOOKBACK_HELP = (
    "Days of orders, shipments and returns to read, counted back from when the WMS was connected; at most 3,650. If "
    "you raise it, the missing history is read automatically. You can’t lower it: data that was read stays."
)


class SettingsForm(forms.Form):
    """The settings that workspace admins may change; only support changes the cadence."""

    lookback_days = lookback_field()
    entities = forms.MultipleChoiceField(required=False)

    def __init__(self, connection: Connection, states: list[EntityState], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = [state for state in states if state.read_with is None]
        lookback = self.fields["lookback_days"]
        lookback.initial = lookback.widget.attrs["min"] = connection.lookback_days
        lookback.help_text = LOOKBACK_HELP
        field = self.fields["entities"]
        assert isinstance(field, forms.MultipleChoiceField)
        self.shown = {one.entity for one in own}
        field.choices = [(one.entity.value, one.entity.label) for one in own]
        field.initial = [one.entity.value for one in own if one.schedule.enabled]

    @property
    def wanted(self) -> set[Entity]:
        return {Entity(value) for value in self.cleaned_data["entities"]}


@signed_in
@require_http_methods(["GET", "POST"])
def sync_settings(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the history start and the cadence of each entity to everybody; admins change the settings by POST."""
    needed = MANAGE_CONNECTIONS if request.method == "POST" else ""
    connection = access.get(request.user, Connection.objects.select_related("workspace"), pk, needed)
    states = sync_state(connection, bills=may_view_bills(request.user, connection))
    form = SettingsForm(connection, states, sent(request))
    status = 200
    if request.method == "POST":
        if form.is_valid() and _save(request, connection, form):
            return HttpResponseRedirect(reverse("sync_settings", args=[pk]), status=303)
        status = 400
    context = {"connection": connection, "states": states, "form": form, "admins": admin_names(connection.workspace)}
    return render(request, "syncs/settings.html", context, status=status)


def _save(request: HttpRequest, connection: Connection, form: SettingsForm) -> bool:
    """Apply the settings. Return False, with an error on the form, if they are refused."""
    days = form.cleaned_data["lookback_days"]
    raised = days != connection.lookback_days
    try:
        change_lookback(connection, days, person=request.user)
        changed = set_enabled_entities(connection, form.wanted, among=form.shown, person=request.user)
    except Refused as refused:
        form.add_error("lookback_days", str(refused))
        return False
    messages.success(request, _summary(raised, changed, form.wanted, connection))
    return True


def _summary(raised: bool, changed: list[Entity], wanted: set[Entity], connection: Connection) -> str:
    """Describe what changed and what follows."""
    sentences = []
    if raised:
        sentences.append("Older history is read next; this may take a while.")
    if on := [one.label.lower() for one in changed if one in wanted]:
        now = ", syncing now" if connection.is_live else ""
        sentences.append(f"On{now}: {', '.join(on)}.")
    if off := [one.label.lower() for one in changed if one not in wanted]:
        sentences.append(f"Off: {', '.join(off)}. Earlier data stays.")
    return " ".join(["Saved.", *sentences]) if sentences else "No changes."
