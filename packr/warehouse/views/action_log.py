"""Log of changes sent to the WMS: who requested them, what was sent and what the WMS answered."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET

from integrations.connectors.actions import ActionKind
from integrations.entities import Entity
from integrations.models import Action
from packr.workspaces import access
from packr.workspaces.formatting import named
from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import by_htmx, signed_in

from ..actions import ActionStatus, field_choices
from ..actions.status import STATUS_LABELS, with_status
from ..lists.base import PER_PAGE
from ..lists.csv_export import BYTE_ORDER_MARK, LineEcho, cell
from ..mirror.schema import TABLES
from ..visibility import connections, known_connections, seen_by
from .action_parts import RecordedAction, row_marks, with_rows

MAX_KEY = 2**63 - 1
CHUNK_SIZE = 500
CSV_COLUMNS = (
    "Requested",
    "Change",
    "Record",
    "Connection",
    "Person",
    "Through",
    "State",
    "Answered",
    "Milliseconds",
    "WMS message",
    "Packr reference",
)


@dataclass(frozen=True, slots=True)
class ActionLogFilter:
    """Filter of the log, from the address; values that make no sense are ignored."""

    kind: str = ""
    status: str = ""
    person: int = 0
    connection: int = 0
    record: str = ""
    before: int = 0

    @property
    def is_narrowed(self) -> bool:
        return bool(self.kind or self.status or self.person or self.connection or self.record)

    def narrow(self, rows: "QuerySet[Action]") -> "QuerySet[Action]":
        conditions = Q(kind=self.kind) if self.kind else Q()
        if self.status:
            conditions &= with_status(ActionStatus(self.status), now())
        for name, value in (("person", self.person), ("connection", self.connection), ("external_id", self.record)):
            conditions &= Q(**{name: value}) if value else Q()
        return rows.filter(conditions)


@signed_in
@require_GET
def list_page(request: HttpRequest) -> HttpResponse:
    """List the changes of the workspace, newest first. The address holds the filters."""
    context, query = request_context(request), _parse_filter(request.GET)
    rows = query.narrow(_visible_actions(context))
    if query.before:
        rows = rows.filter(pk__lt=query.before)
    found = list(rows[: PER_PAGE + 1])
    shown = with_rows(found[:PER_PAGE], context)
    people = get_user_model().objects.filter(
        pk__in=Action.objects.filter(connection__workspace=context.workspace).values("person")
    )
    return render(
        request,
        "actions/list.html",
        {
            "query": query,
            "changes": shown,
            "older": shown[-1].action.pk if len(found) > PER_PAGE else None,
            "kinds": [(kind, kind.label) for kind in ActionKind],
            "statuses": [(status, label.word) for status, label in STATUS_LABELS.items()],
            "people": [(person.pk, named(person)) for person in people.order_by("username")],
            "connections": [(connection.pk, connection.name) for connection in known_connections(context)],
        },
    )


@signed_in
@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Export all changes that match the filters as a CSV file."""
    context, query = request_context(request), _parse_filter(request.GET)
    name = f"{context.workspace.slug}-changes-{now():%Y%m%dT%H%MZ}.csv"
    return StreamingHttpResponse(
        _csv_lines(context, query),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@signed_in
@require_GET
def action(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one change; to its own page, which polls while it is not settled, only its state."""
    context = request_context(request)
    found = get_object_or_404(_visible_actions(context), pk=pk)
    (recorded,) = with_rows([found], context)
    template = "actions/_state.html" if by_htmx(request) else "actions/action.html"
    return render(request, template, {"recorded": recorded})


@signed_in
@require_GET
def marks(request: HttpRequest) -> HttpResponse:
    """Return the marks of the rows in the address as out-of-band swaps, and the element that polls for them."""
    context, entity = request_context(request), request.GET.get("entity", "")
    model = TABLES[Entity(entity) if entity in TABLES else Entity.ORDERS].model
    keys = {parse_key(text) for text in request.GET.getlist("row")[:PER_PAGE]}
    rows = list(seen_by(model._default_manager.filter(pk__in=keys), context).order_by("pk"))
    return render(request, "actions/marks.html", {"marks": row_marks(rows)})


@signed_in
@require_GET
def skus(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the SKUs of an account that begin with the text of the input, whatever line the input is in."""
    context = request_context(request)
    connection = access.get(request.user, connections(context), pk)
    typed = next((request.GET[name] for name in request.GET if name.endswith("sku")), "")
    choices = field_choices.skus(connection, context, typed.replace("\0", "").strip())
    return render(request, "actions/_options.html", {"choices": choices})


def _visible_actions(context: RequestContext) -> "QuerySet[Action]":
    rows = Action.objects.filter(connection__in=[one.pk for one in known_connections(context)])
    return rows.select_related("connection", "person").order_by("-pk")


def _parse_filter(address: QueryDict) -> ActionLogFilter:
    kind, status = address.get("kind", ""), address.get("state", "")
    return ActionLogFilter(
        kind=kind if kind in set(ActionKind) else "",
        status=status if status in set(ActionStatus) else "",
        person=parse_key(address.get("person", "")),
        connection=parse_key(address.get("connection", "")),
        record=address.get("record", "").replace("\0", "")[:500],
        before=parse_key(address.get("before", "")),
    )


def parse_key(text: str) -> int:
    """Return a row key from an address; 0 if it is invalid."""
    return int(text) if text.isdecimal() and len(text) < 20 and int(text) <= MAX_KEY else 0


def _csv_lines(context: RequestContext, query: ActionLogFilter) -> Iterator[str]:
    write, zone = csv.writer(LineEcho()).writerow, ZoneInfo(context.workspace.timezone)
    yield BYTE_ORDER_MARK + write(
        [f"Changes sent from {context.workspace.name} to its WMSes, as of {now().astimezone(zone):%d %b %Y, %H:%M %Z}"]
    )
    yield write(CSV_COLUMNS)
    rows, last = query.narrow(_visible_actions(context)), MAX_KEY
    while chunk := list(rows.filter(pk__lt=last)[:CHUNK_SIZE]):
        last = chunk[-1].pk
        for recorded in with_rows(chunk, context):
            yield write([cell(value, zone) for value in _csv_values(recorded)])


def _csv_values(recorded: RecordedAction) -> list[Any]:
    action = recorded.action
    return [
        action.asked_at,
        recorded.kind.label,
        recorded.name,
        action.connection.name,
        action.person.get_username() if action.person else "",
        action.get_through_display(),
        recorded.status.label.word,
        action.answered_at,
        action.latency_ms,
        action.message,
        action.reference,
    ]
