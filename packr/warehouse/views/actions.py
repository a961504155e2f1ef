"""Creating and changing something at the WMS: one form a kind of action, made from what the connector describes."""

from collections.abc import Mapping
from dataclasses import dataclass
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
from ..mirror.schema import TABLES
from ..models import Mirrored
from ..record_urls import list_page, page_of
from ..stock import precheck
from ..visibility import known_connections, seen_by

NOTHING_CHANGED = "Nothing was changed. Change what should be different, or go back."
NOT_EMPTY = "This can’t be emptied in the WMS. Enter what it should be."
SENT_BEFORE = (
    "This form was sent before, with something else in it. To send this as well, look it over and send it again."
)
TOO_OLD = "This form is too old. Look it over and send it again."


@dataclass(frozen=True)
class Task:
    """What is being done: an action of a kind at a connection, to a row unless it creates one."""

    kind: ActionKind
    connection: Connection
    here: RequestContext
    row: Mirrored | None = None

    @property
    def words(self) -> ActionTexts:
        return ACTION_TEXTS[self.kind]

    @property
    def edits(self) -> bool:
        """Whether its form shows what the record has, to be changed."""
        return self.kind in (ActionKind.UPDATE_INBOUND_SHIPMENT, ActionKind.UPDATE_PRODUCT)

    @property
    def list_page(self) -> str:
        return list_page(self.kind.entity)

    @property
    def back(self) -> str:
        """The page people come from."""
        return page_of(self.row) if self.row else self.list_page

    @property
    def refusal(self) -> str:
        """What did not happen."""
        return self.words.refused.format(self.row)

    def begin(self, fields: tuple[Field, ...], choices: Mapping[str, Any]) -> Typed:
        """What its inputs start with."""
        if self.row and self.edits:
            return forms.started(fields, self.row.record)
        only = {one.name: choices.get(one.kind, ()) for one in fields if one.required or self._is_brands_own(one)}
        return {name: known[0].value for name, known in only.items() if len(known) == 1}

    def _is_brands_own(self, one: Field) -> bool:
        return one.kind == "customer" and self.here.brand is not None


@signed_in
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, kind: ActionKind) -> HttpResponse:
    """Create something: in which account first, where there are several."""
    here = _place(request)
    accounts = [(one, actions.available_actions(one)[kind]) for one in known_connections(here) if one.is_live]
    able = [one for one, reason in accounts if not reason]
    chosen = [one for one in able if str(one.pk) == request.GET.get("connection")] or able
    if len(chosen) != 1:
        context = {"words": ACTION_TEXTS[kind], "kind": kind, "accounts": accounts, "back": list_page(kind.entity)}
        return render(request, "actions/choose.html", context)
    return _answer(request, Task(kind, chosen[0], here), others=len(able) > 1)


@signed_in
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: int, kind: ActionKind) -> HttpResponse:
    """Do something with a record."""
    here = request_context(request)
    model = TABLES[kind.entity].model
    rows = seen_by(model._default_manager.select_related("connection__workspace"), here)
    row = get_object_or_404(rows, pk=pk)
    _place(request)
    task = Task(kind, row.connection, here, row)
    reason = actions.available_actions(row.connection)[kind]
    if reason:
        return render(request, "actions/unable.html", {"task": task, "reason": reason})
    return _answer(request, task)


def _place(request: HttpRequest) -> RequestContext:
    """The request's place; PermissionDenied for who may not send changes there."""
    here = request_context(request)
    access.get(request.user, Workspace, here.workspace.pk, ACT)
    return here


def _answer(request: HttpRequest, task: Task, *, others: bool = False) -> HttpResponse:
    fields = actions.fields(task.connection, task.kind, task.row)
    choices = field_choices.choices(task.connection, task.here, fields)
    form = ActionForm(fields, choices=choices, fixed=task.edits)
    context: dict[str, Any] = {"task": task, "form": form, "others": others, "key": uuid4().hex}
    if request.method == "GET":
        form.typed = task.begin(fields, choices)
    elif {"add", "remove"} & set(request.POST):
        _rearrange(request, form)
        context["key"] = request.POST.get("key", "")
    else:
        return _submit(request, task, form, context)
    return render(request, "actions/form.html", context)


def _rearrange(request: HttpRequest, form: ActionForm) -> None:
    """A line more, or one less, and everything that was typed as it was."""
    add, remove = request.POST.get("add", ""), request.POST.get("remove", "")
    form.typed = forms.rearranged(forms.typed(form.fields, request.POST), add=add, remove=remove)
    form.fresh = f"{add}.{len(form.typed[add]) - 1}" if add in form.typed else remove.rpartition(".")[0]


def _submit(request: HttpRequest, task: Task, form: ActionForm, context: dict[str, Any]) -> HttpResponse:
    """Send what was typed. The form comes back with everything in it when it can't be, or when the WMS refuses."""
    form.typed = forms.without_blanks(form.fields, forms.typed(form.fields, request.POST))
    values = forms.values(form.fields, form.typed)
    if task.row and task.edits:
        values, form.errors = _changed(form, values, task.row)
    key = request.POST.get("key", "")
    if not key:
        form.errors = {"": [TOO_OLD]}
    if form.errors:
        return render(request, "actions/form.html", {**context, "key": key or context["key"]}, status=400)
    try:
        found = precheck.of(task.connection, task.kind, form.fields, values, key)
        if found and not found.is_fine and "anyway" not in request.POST:
            return render(request, "actions/form.html", {**context, "key": key, "stock": found.check}, status=400)
        action = actions.act(
            task.connection, task.kind, values=values, person=request.user, key=key, row=task.row, through="page"
        )
    except actions.Invalid as error:
        form.errors = forms.pinned(form.fields, form.typed, error.fields)
        return render(request, "actions/form.html", {**context, "key": key}, status=400)
    except actions.KeyTaken:
        form.errors = {"": [SENT_BEFORE]}
        return render(request, "actions/form.html", context, status=400)
    except Refused as error:
        form.errors = {"": [str(error)]}
        return render(request, "actions/form.html", {**context, "key": key}, status=400)
    precheck.keep(found, action)
    if action.state == ActionState.REFUSED:
        return _refused(request, action, form, context)
    return _sent(request, task, action)


def _changed(form: ActionForm, values: dict[str, Any], row: Mirrored) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The values that differ from what the record has, and what is wrong with them."""
    before = forms.started(form.fields, row.record)
    had = forms.values(form.fields, before)
    changed = {name: value for name, value in values.items() if value != had.get(name)}
    errors = {name: [NOT_EMPTY] for name in had if name not in values}
    if not changed and not errors:
        errors = {"": [NOTHING_CHANGED]}
    return changed, errors


def _refused(request: HttpRequest, action: Action, form: ActionForm, context: dict[str, Any]) -> HttpResponse:
    form.theirs = bool(action.origin)
    form.errors = action.errors or (forms.meant(form.fields, form.typed, action.message) if form.theirs else {})
    return render(request, "actions/form.html", {**context, "action": action}, status=400)


def _sent(request: HttpRequest, task: Task, action: Action) -> HttpResponse:
    """To the record when the WMS accepted it; to the page of the change while nobody knows."""
    if action.state != ActionState.ACCEPTED:
        return HttpResponseRedirect(reverse("action", args=[action.pk]), status=303)
    model = TABLES[task.kind.entity].model
    rows = model._default_manager.filter(connection=task.connection, external_id=action.external_id)
    row = task.row or seen_by(rows, task.here).first()
    name = str(row or action.values.get("order_number") or action.external_id)
    messages.success(request, task.words.done.format(name))
    if action.warning:
        messages.warning(request, action.warning)
    return HttpResponseRedirect(page_of(row) if row else reverse("action", args=[action.pk]), status=303)
