"""Forms that create or change something in the WMS, one for each kind of action."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from integrations.connectors.actions import ActionKind, Field
from integrations.models import Action, ActionState, Connection
from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.models import ACT, Workspace
from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import signed_in

from .. import actions
from ..actions import field_choices, forms
from ..actions.forms import ActionForm, Typed
from ..actions.texts import ACTION_TEXTS, ActionTexts
from ..actions.validation import FieldErrors
from ..mirror.schema import TABLES
from ..models import InventoryItem, Mirrored
from ..record_urls import list_url, record_url
from ..stock import precheck
from ..visibility import known_connections, seen_by

NOTHING_CHANGED = "Nothing was changed. Edit a value, or go back."
NOT_EMPTY = "This can’t be emptied in the WMS. Enter a value."
KEY_USED = "This form was sent before with other values. To send this as well, check it and send it again."
FORM_EXPIRED = "This form has expired. Check it and send it again."


@dataclass(frozen=True)
class ActionTask:
    """An action that a person is about to send: its kind, connection and, unless it creates one, its record."""

    kind: ActionKind
    connection: Connection
    context: RequestContext
    row: Mirrored | None = None

    @property
    def texts(self) -> ActionTexts:
        return ACTION_TEXTS[self.kind]

    @property
    def is_edit(self) -> bool:
        """Whether the form starts with the record's values."""
        return self.kind in (ActionKind.UPDATE_INBOUND_SHIPMENT, ActionKind.UPDATE_PRODUCT)

    @property
    def list_url(self) -> str:
        return list_url(self.kind.entity)

    @property
    def back_url(self) -> str:
        """The page that people came from."""
        return record_url(self.row) if self.row else self.list_url

    @property
    def refused_title(self) -> str:
        return self.texts.refused.format(self.row)

    def initial(self, fields: tuple[Field, ...], choices: Mapping[str, Any]) -> Typed:
        """Return the texts that the inputs start with: the record's, or the only choice there is."""
        if self.row and self.is_edit:
            return forms.typed_record(fields, self.row.record)
        has_brand = self.context.brand is not None
        offered = {
            one.name: choices.get(one.kind, ())
            for one in fields
            if one.required or (one.kind == "customer" and has_brand)
        }
        return {name: known[0].value for name, known in offered.items() if len(known) == 1}


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, kind: ActionKind) -> HttpResponse:
    """Create something; with several accounts, choose one first."""
    context = _context_to_act(request)
    accounts = [(one, actions.available_actions(one)[kind]) for one in known_connections(context) if one.is_live]
    able = [one for one, reason in accounts if not reason]
    chosen = [one for one in able if str(one.pk) == request.GET.get("connection")] or able
    if len(chosen) != 1:
        shown = {"texts": ACTION_TEXTS[kind], "kind": kind, "accounts": accounts, "back_url": list_url(kind.entity)}
        return render(request, "actions/choose.html", shown)
    return _form_page(request, ActionTask(kind, chosen[0], context), has_other_accounts=len(able) > 1)


@signed_in
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: int, kind: ActionKind) -> HttpResponse:
    """Change a record."""
    model = TABLES[kind.entity].model
    rows = seen_by(model._default_manager.select_related("connection__workspace"), request_context(request))
    row = get_object_or_404(rows, pk=pk)
    task = ActionTask(kind, row.connection, _context_to_act(request), row)
    reason = actions.available_actions(row.connection)[kind]
    if reason:
        return render(request, "actions/unable.html", {"task": task, "reason": reason})
    return _form_page(request, task)


def _context_to_act(request: HttpRequest) -> RequestContext:
    """Return the request's context. Raises PermissionDenied if the person may not send changes."""
    context = request_context(request)
    access.get(request.user, Workspace, context.workspace.pk, ACT)
    return context


def _form_page(request: HttpRequest, task: ActionTask, *, has_other_accounts: bool = False) -> HttpResponse:
    fields = actions.fields(task.connection, task.kind, task.row)
    choices = field_choices.choices(task.connection, task.context, fields)
    form = ActionForm(fields, choices=choices, is_edit=task.is_edit)
    shown: dict[str, Any] = {
        "task": task,
        "form": form,
        "has_other_accounts": has_other_accounts,
        "levels": _levels(task.row, form),
        "key": uuid4().hex,
    }
    if request.method == "GET":
        form.typed = task.initial(fields, choices)
    elif {"add", "remove"} & set(request.POST):
        _change_lines(request, form)
        shown["key"] = request.POST.get("key", "")
    else:
        return _submit(request, task, form, shown)
    return render(request, "actions/form.html", shown)


def _levels(row: Mirrored | None, form: ActionForm) -> list[tuple[str, Decimal | None]]:
    """Return the warehouses of an inventory item with the units on hand."""
    if not isinstance(row, InventoryItem):
        return []
    names = {choice.value: choice.label for choice in form.choices.get("warehouse", ())}
    return [(names.get(level.warehouse_id, level.warehouse_id), level.onhand) for level in row.levels.all()]


def _change_lines(request: HttpRequest, form: ActionForm) -> None:
    """Add or remove a line, and keep everything that was typed."""
    add, remove = request.POST.get("add", ""), request.POST.get("remove", "")
    form.typed = forms.with_line_changes(forms.typed_values(form.fields, request.POST), add=add, remove=remove)
    form.focus = f"{add}.{len(form.typed[add]) - 1}" if add in form.typed else remove.rpartition(".")[0]


def _submit(request: HttpRequest, task: ActionTask, form: ActionForm, shown: dict[str, Any]) -> HttpResponse:
    """Send the action, or show the form again with everything typed if it is invalid or the WMS refuses it."""
    form.typed = forms.without_empty_lines(forms.typed_values(form.fields, request.POST))
    values = forms.filled(form.typed)
    if task.row and task.is_edit:
        values, form.errors = _changed_values(form, values, task.row)
    key = request.POST.get("key", "")
    if not key:
        form.errors = {"": [FORM_EXPIRED]}
    if form.errors:
        return _form_again(request, shown, key)
    try:
        prepared = actions.prepare(
            task.connection, task.kind, values=values, person=request.user, key=key, row=task.row
        )
        stock = precheck.check_new_order(prepared)
        if stock and stock.needs_confirmation and "anyway" not in request.POST:
            return _form_again(request, {**shown, "stock": stock}, key)
        action = actions.send(prepared)
    except actions.Invalid as error:
        form.errors = forms.at_inputs(form.fields, form.typed, error.fields)
    except actions.KeyTaken:
        form.errors, key = {"": [KEY_USED]}, ""
    except Refused as error:
        form.errors = {"": [str(error)]}
    else:
        is_refused = action.state == ActionState.REFUSED
        return _refused(request, action, form, shown) if is_refused else _sent(request, task, action)
    return _form_again(request, shown, key)


def _form_again(request: HttpRequest, shown: dict[str, Any], key: str = "") -> HttpResponse:
    """Show the form again, with its key unless that was used."""
    return render(request, "actions/form.html", shown | {"key": key or shown["key"]}, status=400)


def _changed_values(form: ActionForm, values: dict[str, Any], row: Mirrored) -> tuple[dict[str, Any], FieldErrors]:
    """Return the values that differ from the record's, and errors for values that were emptied."""
    before = forms.filled(forms.typed_record(form.fields, row.record))
    changed = {name: value for name, value in values.items() if value != before.get(name)}
    errors: FieldErrors = {name: [NOT_EMPTY] for name in before if name not in values}
    if not changed and not errors:
        errors = {"": [NOTHING_CHANGED]}
    return changed, errors


def _refused(request: HttpRequest, action: Action, form: ActionForm, shown: dict[str, Any]) -> HttpResponse:
    form.errors_are_wms = bool(action.origin)
    form.errors = action.errors
    if form.errors_are_wms and not form.errors:
        form.errors = forms.inputs_in_message(form.fields, form.typed, action.message)
    return _form_again(request, {**shown, "action": action})


def _sent(request: HttpRequest, task: ActionTask, action: Action) -> HttpResponse:
    """Redirect to the record if the WMS accepted the change, and to the change while its outcome is unknown."""
    action_url = reverse("action", args=[action.pk])
    if action.state != ActionState.ACCEPTED:
        return HttpResponseRedirect(action_url, status=303)
    model = TABLES[task.kind.entity].model
    rows = model._default_manager.filter(connection=task.connection, external_id=action.external_id)
    row = task.row or seen_by(rows, task.context).first()
    messages.success(request, task.texts.done.format(row or action.values.get("order_number") or action.external_id))
    if action.warning:
        messages.warning(request, action.warning)
    return HttpResponseRedirect(record_url(row) if row else action_url, status=303)
