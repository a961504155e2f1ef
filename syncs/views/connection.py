"""A connection's page: how it is, what can be synced, and a tab for each type of its data."""

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces.views import signed_in

from ..models import Mode, RejectedRecord, SyncRun
from ..runs.cadence import DEFAULT_INTERVALS
from ..status.entity_state import EntityState
from ..status.recent_runs import estimates, recent_runs, started_runs
from ..status.run_states import undecided
from .shortcuts import connection_of, may_sync, parse_key, rows_of, states_of, with_people

RUNS_SHOWN = 20
REJECTED_SHOWN = 50


@signed_in
@require_GET
def connection(request: HttpRequest, pk: int) -> HttpResponse:
    """A connection, for everybody in its workspace; admins sync from here."""
    found = connection_of(request, pk)
    rows = rows_of(request, found)
    states = [row.state for row in rows]
    context = {"rows": rows, "states": states, "where": "connection"}
    return render(request, "syncs/connection.html", {**_frame(request, found, states), **context})


@signed_in
@require_GET
def entity(request: HttpRequest, pk: int, entity: str) -> HttpResponse:
    """One type of data of a connection: its state, its runs, what was rejected, and for admins the actions."""
    found = connection_of(request, pk)
    states = states_of(request, found)
    state = next((one for one in states if one.entity == entity), None)
    if state is None:
        raise Http404("There is no such type of data.")
    leading = state.read_with or state.entity
    context = {
        "entity": state.entity,
        "state": state,
        "recent": recent_runs([(found.pk, leading)])[found.pk, leading],
        "usual": estimates(found, [leading]),
        "always_full": leading not in DEFAULT_INTERVALS or not found.connector.resources[leading].incremental,
        "undecided": undecided().filter(connection=found, entity=leading).first(),
        **_runs(request, found, leading),
        **_rejected(request, found, state),
    }
    return render(request, "syncs/entity.html", {**_frame(request, found, states), **context})


def _frame(request: HttpRequest, found: Connection, states: Sequence[EntityState]) -> dict[str, Any]:
    allowed = may_sync(request, found)
    return {
        "connection": found,
        "tabs": [state.entity for state in states],
        "may_sync": allowed,
        "may_change": allowed and found.is_live,
        "modes": Mode,
    }


def _runs(request: HttpRequest, found: Connection, leading: Entity) -> dict[str, Any]:
    """A page of the entity's runs, the newest first, from the address's `before` on."""
    before = parse_key(request.GET.get("before", ""))
    runs = started_runs(SyncRun.objects.filter(connection=found, entity=leading)).order_by("-pk")
    if before:
        runs = runs.filter(pk__lt=before)
    shown = list(with_people(runs)[: RUNS_SHOWN + 1])
    more = len(shown) > RUNS_SHOWN
    return {
        "runs": shown[:RUNS_SHOWN],
        "older": shown[RUNS_SHOWN - 1].pk if more else None,
        "is_first": not before,
    }


def _rejected(request: HttpRequest, found: Connection, state: EntityState) -> dict[str, Any]:
    """A page of the records that could not be understood, from the address's `rejected_before` on."""
    before = parse_key(request.GET.get("rejected_before", ""))
    records = RejectedRecord.objects.filter(connection=found, entity=state.entity).order_by("-pk")
    if before:
        records = records.filter(pk__lt=before)
    shown = list(records[: REJECTED_SHOWN + 1])
    return {
        "rejected": shown[:REJECTED_SHOWN],
        "older_rejected": shown[REJECTED_SHOWN - 1].pk if len(shown) > REJECTED_SHOWN else None,
    }
