"""The manual sync window: the forms, the confirmation with an estimate, and the runs it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.api_errors import refusal
from packr.workspaces.errors import Refused
from packr.workspaces.models import TRIGGER_SYNC
from packr.workspaces.views import by_htmx, signed_in

from .. import forms
from ..models import Mode, SyncRun, Trigger
from ..status.entity_state import EntityState
from ..status.recent_runs import Estimate, Estimates, estimates, likely_mode, total_of
from . import sync_options
from .shortcuts import connection_of, parse_keys, rows_of, runs_of, states_of


@dataclass(frozen=True, slots=True)
class Watched:
    """A run shown in the window. `attached`: it was already active when the person asked for it.

    `usual` is the usual cost of such runs, for an active one.
    """

    run: SyncRun
    attached: bool
    usual: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """One entity of the requested sync: its state, the mode it will run in, and the usual cost."""

    state: EntityState
    mode: Mode
    usual: Estimate | None

    @property
    def text(self) -> str:
        return sync_options.cost_text(self.usual)


@signed_in
@require_http_methods(["GET", "POST"])
def window(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the manual sync window of a connection, and start syncs by POST; for admins.

    `?entity=` preselects the target, `?run=` names the runs to show.
    """
    connection = connection_of(request, pk, TRIGGER_SYNC)
    if request.method == "POST":
        return _start(request, connection)
    attached = set(parse_keys(request, "attached"))
    runs = list(runs_of(request, connection).filter(pk__in=parse_keys(request, "run")).order_by("pk"))
    usual = estimates(connection)
    watched = [Watched(run, run.pk in attached, usual.get((Entity(run.entity), Mode(run.mode)))) for run in runs]
    return _window(request, connection, usual, watched=watched)


@signed_in
@require_GET
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what the sync in the address reads and usually costs. It starts only by the button on this page."""
    connection = connection_of(request, pk, TRIGGER_SYNC)
    if not any(name in request.GET for name in forms.FIELDS):
        return redirect("sync_window", pk)
    try:
        form = forms.parse(request.GET, connection)
    except Refused as refused:
        return _refuse(request, connection, refused)
    costs = _costs(request, connection, form)
    context = {
        "connection": connection,
        "form": form,
        "fields": [(name, value) for name, value in request.GET.items() if name in forms.FIELDS],
        "title": sync_options.confirmation_title(form),
        "explanation": sync_options.EXPLANATIONS[form.mode],
        "costs": costs,
        "total": sync_options.cost_text(total_of([cost.usual for cost in costs])),
        "no_estimate": sync_options.no_estimate_reason([cost.mode for cost in costs]),
        "active": [cost.state for cost in costs if cost.state.run and cost.state.run.is_active],
        "alone": _alone(request, pk),
    }
    return render(request, "syncs/_confirm.html" if by_htmx(request) else "syncs/confirm.html", context)


def _costs(request: HttpRequest, connection: Connection, form: forms.ManualSyncForm) -> list[Cost]:
    """Return one cost per run that would start: entities that arrive with another start no run of their own."""
    read_with = connection.connector.read_with
    entities = {read_with.get(entity, entity) for entity in form.entities}
    usual = estimates(connection, entities)
    found = []
    for state in states_of(request, connection):
        if state.entity in entities:
            mode = likely_mode(state.schedule, form.mode)
            found.append(Cost(state, mode, usual.get((state.entity, mode))))
    return found


def _start(request: HttpRequest, connection: Connection) -> HttpResponse:
    try:
        form = forms.parse(request.POST, connection)
        queued = forms.submit(connection, form, trigger=Trigger.MANUAL, person=request.user)
    except Refused as refused:
        return _refuse(request, connection, refused)
    if _wants_json(request):
        return JsonResponse({"runs": [_as_json(one.run, one.attached) for one in queued]}, status=202)
    query = [("run", one.run.pk) for one in queued]
    query += [("attached", one.run.pk) for one in queued if one.attached]
    return HttpResponseRedirect(f"{reverse('sync_window', args=[connection.pk])}?{urlencode(query)}", status=303)


def _wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def _refuse(request: HttpRequest, connection: Connection, refused: Refused) -> HttpResponse:
    """Show the window again, with the error in the section that was submitted."""
    data = request.POST if request.method == "POST" else request.GET
    if _wants_json(request):
        return JsonResponse(refusal(refused), status=refused.status)
    more: dict[str, Any] = {
        "section": _section(data),
        "field": refused.field,
        "message": str(refused),
        "given": data.dict(),
    }
    return _window(request, connection, estimates(connection), status=400, **more)


def _section(data: QueryDict) -> str:
    """Return the section of the window that sent the form: `incremental`, `group`, `full` or `window`."""
    mode = data.get("mode", "")
    if mode in (Mode.FULL, Mode.WINDOW):
        return mode
    return "group" if data.get("group") else "incremental"


def _window(
    request: HttpRequest,
    connection: Connection,
    usual: Estimates,
    *,
    watched: Sequence[Watched] = (),
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """Render the window as a page, as a part of that page, or for the dialog of another page."""
    alone = _alone(request, connection.pk)
    rows = rows_of(request, connection)
    states = [row.state for row in rows]
    targets = sync_options.targets(connection, states, usual, {one.run.pk for one in watched})
    chosen = more.get("given", request.GET).get("entity") or next((one.run.entity for one in watched), "")
    own = [state.entity for state in states if not state.read_with]
    context = {
        "connection": connection,
        "rows": rows,
        "where": "window",
        "may_sync": True,
        "targets": targets,
        "outlook": next((target.outlook for target in targets if target.entity == chosen), targets[0].outlook),
        "groups": sync_options.group_offers(connection, states, usual),
        "full_choices": [(entity.value, entity.label) for entity in own],
        "window_choices": [(entity.value, entity.label) for entity in own if entity.is_history],
        "chosen": chosen,
        "watched": watched,
        "alone": alone,
        **more,
    }
    template = "syncs/_window.html" if by_htmx(request) else "syncs/window.html"
    response = render(request, template, context, status=status)
    if alone and by_htmx(request) and request.method == "GET":
        response.headers["HX-Push-Url"] = request.get_full_path()
    return response


def _alone(request: HttpRequest, pk: int) -> bool:
    """Return whether the window is a page of its own, not in the dialog of another page."""
    here = urlsplit(request.headers.get("HX-Current-URL", request.path)).path
    return here in (reverse("sync_window", args=[pk]), reverse("confirm_sync", args=[pk]))


def _as_json(run: SyncRun, attached: bool) -> dict[str, Any]:
    return {
        "id": run.pk,
        "entity": run.entity,
        "mode": run.mode,
        "state": run.state,
        "url": f"{reverse('sync_window', args=[run.connection_id])}?run={run.pk}",
        "attached": attached,
    }
