"""The manual sync window, the run one watches in it, and the state of every entity."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations.entities import GROUPS, Entity
from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.current import place
from packr.workspaces.models import TRIGGER_SYNC
from packr.workspaces.views import by_htmx, signed_in

from . import bills, services
from .models import Mode, State, SyncRun, Trigger
from .state import EntityState, sync_state


class Unclear(services.Refused):
    """A form that can't be followed: which field, and a sentence for the person who sent it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Watched:
    """A run in the window. `attached`: it was already under way when the person asked for it."""

    run: SyncRun
    attached: bool


@signed_in
@require_http_methods(["GET", "POST"])
def window(request: HttpRequest, pk: int) -> HttpResponse:
    """The manual sync window of a connection, for admins. GET shows it, with `?run=` the runs that are watched."""
    connection = _connection(request, pk, TRIGGER_SYNC)
    if request.method == "POST":
        return _start(request, connection)
    watched = _keys(request, "run")
    attached = set(_keys(request, "attached"))
    runs = _runs(connection).filter(pk__in=watched).order_by("pk")
    return _window(request, connection, watched=[Watched(run, run.pk in attached) for run in runs])


def _start(request: HttpRequest, connection: Connection) -> HttpResponse:
    wants_json = request.get_preferred_type(["text/html", "application/json"]) == "application/json"
    try:
        entities, mode = _asked(request.POST, connection)
        requested = services.request_runs(connection, entities, mode=mode, trigger=Trigger.MANUAL, person=request.user)
    except services.Refused as refused:
        return _refuse(request, connection, refused, wants_json)
    if wants_json:
        return JsonResponse({"runs": [_as_json(one.run, one.attached) for one in requested]}, status=202)
    query = [("run", one.run.pk) for one in requested]
    query += [("attached", one.run.pk) for one in requested if one.attached]
    return HttpResponseRedirect(f"{reverse('sync_window', args=[connection.pk])}?{urlencode(query)}", status=303)


def _refuse(request: HttpRequest, connection: Connection, refused: services.Refused, wants_json: bool) -> HttpResponse:
    field, message = getattr(refused, "field", "entity"), str(refused)
    if wants_json:
        error = {"code": "invalid", "message": message, "origin": "packr", "fields": {field: [message]}}
        return JsonResponse({"error": error}, status=400)
    chosen = request.POST.get("entity", "")
    return _window(request, connection, status=400, field=field, message=message, chosen=chosen)


@signed_in
@require_GET
def run(request: HttpRequest, pk: int, run_id: int) -> HttpResponse:
    """One run's live row, which asks for itself again while the run is active."""
    connection = _connection(request, pk, TRIGGER_SYNC)
    found = get_object_or_404(_runs(connection), pk=run_id)
    if not by_htmx(request):
        return redirect(f"{reverse('sync_window', args=[pk])}?run={run_id}")
    watched = Watched(found, attached="attached" in request.GET)
    return render(request, "syncs/_run.html", {"watched": watched, "connection": connection})


@signed_in
@require_POST
def cancel(request: HttpRequest, pk: int, run_id: int) -> HttpResponse:
    """End a run early; what it has written stays."""
    connection = _connection(request, pk, TRIGGER_SYNC)
    found = get_object_or_404(_runs(connection), pk=run_id)
    services.cancel(found, person=request.user)
    return redirect(f"{reverse('sync_window', args=[pk])}?run={run_id}")


@signed_in
@require_GET
def state_table(request: HttpRequest, pk: int) -> HttpResponse:
    """The latest run of every entity, for everybody in the workspace. Reading it starts nothing."""
    connection = _connection(request, pk)
    if not by_htmx(request):
        return redirect("integrations")
    where = "window" if request.GET.get("in") == "window" else "page"
    return render(
        request,
        "syncs/_state_table.html",
        _table(connection, where, sync_state(connection, bills=bills.shown(request.user, connection))),
    )


@signed_in
@require_GET
def widget(request: HttpRequest) -> HttpResponse:
    """The sync widget anew: how fresh the data is that the person's pages show."""
    place(request)
    if not by_htmx(request):
        return redirect("integrations")
    return render(request, "syncs/_widget_parts.html")


def _window(request: HttpRequest, connection: Connection, *, status: int = 200, **more: Any) -> HttpResponse:
    """The window as a page, as a part of that page, or inside the dialog of another one."""
    alone = urlsplit(request.headers.get("HX-Current-URL", request.path)).path == request.path
    states = sync_state(connection, bills=bills.shown(request.user, connection))
    groups = [name for name, entities in GROUPS.items() if set(entities) & set(connection.connector.entities())]
    context = {
        **_table(connection, "window", states),
        "groups": groups,
        "costs": _costs(connection),
        "alone": alone,
        **more,
    }
    template = "syncs/_window.html" if by_htmx(request) else "syncs/window.html"
    response = render(request, template, context, status=status)
    if alone and by_htmx(request) and request.method == "GET":
        response.headers["HX-Push-Url"] = request.get_full_path()
    return response


def _costs(connection: Connection) -> dict[str, SyncRun]:
    """The last run of each entity that succeeded: what a sync of it costs."""
    done = SyncRun.objects.filter(connection=connection, state=State.SUCCEEDED, started_at__isnull=False)
    newest = done.order_by().values("entity").annotate(newest=Max("pk")).values("newest")
    return {run.entity: run for run in SyncRun.objects.filter(pk__in=newest)}


def _table(connection: Connection, where: str, states: list[EntityState]) -> dict[str, Any]:
    return {"connection": connection, "states": states, "where": where}


def _asked(form: QueryDict, connection: Connection) -> tuple[list[Entity], Mode]:
    """The entities and the mode a form asks for; Unclear with the field when it makes no sense."""
    entity, group, mode = (form.get(name, "") for name in ("entity", "group", "mode"))
    if mode and mode not in (Mode.INCREMENTAL, Mode.FULL):
        raise Unclear("mode", f"There is no mode “{mode}”. Choose incremental or full.")
    if group and group not in GROUPS:
        raise Unclear("group", f"There is no group “{group}”. Choose one of {', '.join(GROUPS)}.")
    if not group and entity not in set(Entity):
        asked = f"There is no entity “{entity}”." if entity else "No entity was chosen."
        raise Unclear("entity", f"{asked} Choose one from the list.")
    wanted = services.group(connection, group, GROUPS[group]) if group else [Entity(entity)]
    return wanted, Mode(mode or Mode.INCREMENTAL)


def _as_json(run: SyncRun, attached: bool) -> dict[str, Any]:
    return {
        "id": run.pk,
        "entity": run.entity,
        "mode": run.mode,
        "state": run.state,
        "url": f"{reverse('sync_window', args=[run.connection_id])}?run={run.pk}",
        "attached": attached,
    }


def _connection(request: HttpRequest, pk: int, permission: str = "") -> Connection:
    return access.get(request.user, Connection.objects.select_related("workspace"), pk, permission)


def _runs(connection: Connection) -> Any:
    return SyncRun.objects.filter(connection=connection).select_related("requested_by", "cancelled_by", "lane")


def _keys(request: HttpRequest, name: str) -> list[int]:
    """The keys in the address, no more than there can be runs to watch."""
    keys = request.GET.getlist(name)[: len(Entity)]
    return [int(key) for key in keys if key.isdecimal() and len(key) < 19]
