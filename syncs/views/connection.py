"""The page of a connection, with a tab for each entity."""

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
from .sync_options import cost_text, estimate

RUNS_SHOWN = 20
REJECTED_SHOWN = 50


@signed_in
@require_GET
def connection(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a connection to everybody in its workspace; admins start syncs here."""
    found = connection_of(request, pk)
    rows = rows_of(request, found)
    states = [row.state for row in rows]
    context = {"rows": rows, "states": states, "where": "connection"}
    return render(request, "syncs/connection.html", {**_frame(request, found, states), **context})


@signed_in
@require_GET
def entity(request: HttpRequest, pk: int, entity: str) -> HttpResponse:
    """Show one entity of a connection: its state, runs and rejected records, and for admins the actions."""
    found = connection_of(request, pk)
    states = states_of(request, found)
    state = next((one for one in states if one.entity == entity), None)
    if state is None:
        raise Http404("There is no such data type.")
    leading = state.read_with or state.entity
    usual = estimates(found, [leading])
    context = {
        "entity": state.entity,
        "state": state,
        "recent": recent_runs([(found.pk, leading)])[found.pk, leading],
        "update_cost": cost_text(estimate(state, usual)),
        "full_cost": cost_text(estimate(state, usual, Mode.FULL)),
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
    }


def _runs(request: HttpRequest, found: Connection, leading: Entity) -> dict[str, Any]:
    """Return a page of the entity's runs, newest first, starting after the address's `before`."""
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
    """Return a page of the entity's rejected records, starting after the address's `rejected_before`."""
    before = parse_key(request.GET.get("rejected_before", ""))
    records = RejectedRecord.objects.filter(connection=found, entity=state.entity).order_by("-pk")
    if before:
        records = records.filter(pk__lt=before)
    shown = list(records[: REJECTED_SHOWN + 1])
    return {
        "rejected": shown[:REJECTED_SHOWN],
        "older_rejected": shown[REJECTED_SHOWN - 1].pk if len(shown) > REJECTED_SHOWN else None,
    }
