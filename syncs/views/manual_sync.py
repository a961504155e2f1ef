"""The manual sync window: what can be asked for, what it will cost, and the runs one watches in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from integrations.entities import GROUPS, Entity
from integrations.models import Connection
from packr.workspaces.api_errors import refusal
from packr.workspaces.errors import Refused
from packr.workspaces.models import TRIGGER_SYNC
from packr.workspaces.views import by_htmx, signed_in

from .. import forms
from ..models import Mode, SyncRun, Trigger
from ..status.entity_state import EntityState
from ..status.recent_runs import Estimate, Estimates, estimates, likely_mode, total_of
from .shortcuts import connection_of, parse_keys, rows_of, runs_of, states_of


@dataclass(frozen=True, slots=True)
class Watched:
    """A run in the window. `attached`: it was already under way when the person asked for it. `usual`: what such runs
    cost, as long as it is active."""

    run: SyncRun
    attached: bool
    usual: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """One entity of what is asked for: how it stands, in which mode it will be read, and what that usually costs."""

    state: EntityState
    mode: Mode
    usual: Estimate | None


@signed_in
@require_http_methods(["GET", "POST"])
def window(request: HttpRequest, pk: int) -> HttpResponse:
    """The manual sync window of a connection, for admins.

    GET shows it: `?entity=` chooses the target beforehand, `?run=` names the runs that are watched.
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
    """What the sync that the address asks for will read and cost; only the button on this page starts it."""
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
        "costs": costs,
        "total": total_of([cost.usual for cost in costs]),
        "active": [cost.state for cost in costs if cost.state.run and cost.state.run.is_active],
        "alone": _alone(request, pk),
    }
    return render(request, "syncs/_confirm.html" if by_htmx(request) else "syncs/confirm.html", context)


def _costs(request: HttpRequest, connection: Connection, form: forms.ManualSyncForm) -> list[Cost]:
    """One per run that would be made: what is read with another costs nothing of its own."""
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
    """The window as a page, as a part of that page, or inside the dialog of another one."""
    alone = _alone(request, connection.pk)
    rows = rows_of(request, connection)
    offered = set(connection.connector.entities())
    context = {
        "connection": connection,
        "rows": rows,
        "states": [row.state for row in rows],
        "where": "window",
        "may_sync": True,
        "groups": [name for name, entities in GROUPS.items() if set(entities) & offered],
        "history": [state for state in (row.state for row in rows) if state.entity.is_history and not state.read_with],
        "estimates": usual,
        "chosen": more.get("given", request.GET).get("entity") or next((one.run.entity for one in watched), ""),
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
    """Whether the window is a page of its own, and not in the dialog of another one."""
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
