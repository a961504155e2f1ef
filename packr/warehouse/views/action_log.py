"""Every change that was sent to a WMS: who asked for it, what was sent, what came back."""

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
from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import by_htmx, signed_in

from ..actions.status_labels import STATUS_LABELS, ActionStatus, status_of, with_status
from ..lists.csv_export import BYTE_ORDER_MARK, Lines, cell
from ..lists.screens import PER_PAGE
from ..mirror.schema import TABLES
from ..models import Mirrored
from ..record_urls import page_of
from ..visibility import known_connections, seen_by

LARGEST_KEY = 2**63 - 1
CHUNK = 500
COLUMNS = (
    "Asked",
    "Change",
    "Record",
    "Connection",
    "Person",
    "Through",
    "State",
    "Answered",
    "Milliseconds",
    "What the WMS said",
    "Our reference",
)


@dataclass(frozen=True, slots=True)
class ActionLogFilter:
    """Which changes the address asks for; what makes no sense counts as not asked."""

    kind: str = ""
    standing: str = ""
    person: int = 0
    connection: int = 0
    record: str = ""
    before: int = 0

    @property
    def is_narrowed(self) -> bool:
        return bool(self.kind or self.standing or self.person or self.connection or self.record)

    def narrow(self, rows: "QuerySet[Action]") -> "QuerySet[Action]":
        conditions = Q(kind=self.kind) if self.kind else Q()
        if self.standing:
            conditions &= with_status(ActionStatus(self.standing), now())
        for name, value in (("person", self.person), ("connection", self.connection), ("external_id", self.record)):
            conditions &= Q(**{name: value}) if value else Q()
        return rows.filter(conditions)


@dataclass(frozen=True, slots=True)
class Told:
    """An action with the row it is about, if the mirror has it."""

    action: Action
    row: Mirrored | None

    @property
    def kind(self) -> ActionKind:
        return ActionKind(self.action.kind)

    @property
    def standing(self) -> ActionStatus:
        return status_of(self.action, now())

    @property
    def page(self) -> str:
        """Where its row is shown."""
        return page_of(self.row) if self.row else ""

    @property
    def name(self) -> str:
        """What the record is called, as far as anybody knows."""
        values = self.action.values
        asked = values.get("order_number") or values.get("purchase_order_number")
        return str(self.row or asked or self.action.external_id or "")


@signed_in
@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """The changes of the place, the newest first. The filters are in the address."""
    here, asked = request_context(request), _asked(request.GET)
    rows = asked.narrow(_seen(here))
    if asked.before:
        rows = rows.filter(pk__lt=asked.before)
    found = list(rows[: PER_PAGE + 1])
    told = with_rows(found[:PER_PAGE], here)
    context = {
        "asked": asked,
        "changes": told,
        "older": told[-1].action.pk if len(found) > PER_PAGE else None,
        "kinds": list(ActionKind),
        "standings": STATUS_LABELS.items(),
        "people": _people(here),
        "connections": known_connections(here),
    }
    return render(request, "actions/list.html", context)


@signed_in
@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a CSV file, all of it."""
    here, asked = request_context(request), _asked(request.GET)
    name = f"{here.workspace.slug}-changes-{now():%Y%m%dT%H%MZ}.csv"
    return StreamingHttpResponse(
        _lines(here, asked),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@signed_in
@require_GET
def action(request: HttpRequest, pk: int) -> HttpResponse:
    """One change: what was asked, sent and answered. Its state alone for the page itself, while it is not settled."""
    here = request_context(request)
    found = get_object_or_404(_seen(here), pk=pk)
    (told,) = with_rows([found], here)
    template = "actions/_state.html" if by_htmx(request) else "actions/action.html"
    return render(request, template, {"told": told})


def with_rows(actions: list[Action], here: RequestContext) -> list[Told]:
    """The actions with the rows they are about, one statement an entity."""
    rows: dict[tuple[str, int, str], Mirrored] = {}
    for entity in {one.entity for one in actions}:
        ids = {one.external_id for one in actions if one.entity == entity and one.external_id}
        model = TABLES[Entity(entity)].model
        found = model._default_manager.defer("record", "digest").filter(
            connection__in={one.connection_id for one in actions}, external_id__in=ids
        )
        rows |= {(entity, row.connection_id, row.external_id): row for row in seen_by(found, here)}
    return [Told(one, rows.get((one.entity, one.connection_id, one.external_id))) for one in actions]


def _seen(here: RequestContext) -> "QuerySet[Action]":
    rows = Action.objects.filter(connection__in=[one.pk for one in known_connections(here)])
    return rows.select_related("connection", "person").order_by("-pk")


def _people(here: RequestContext) -> list[Any]:
    """Who has asked for a change here."""
    asked = Action.objects.filter(connection__workspace=here.workspace).values("person")
    return list(get_user_model().objects.filter(pk__in=asked).order_by("username"))


def _asked(address: QueryDict) -> ActionLogFilter:
    kind, standing = address.get("kind", ""), address.get("state", "")
    return ActionLogFilter(
        kind=kind if kind in set(ActionKind) else "",
        standing=standing if standing in set(ActionStatus) else "",
        person=key(address.get("person", "")),
        connection=key(address.get("connection", "")),
        record=address.get("record", "").replace("\0", "")[:500],
        before=key(address.get("before", "")),
    )


def key(text: str) -> int:
    """A key from an address; 0 for what is none."""
    return int(text) if text.isdecimal() and len(text) < 20 and int(text) <= LARGEST_KEY else 0


def _lines(here: RequestContext, asked: ActionLogFilter) -> Iterator[str]:
    write, zone = csv.writer(Lines()).writerow, ZoneInfo(here.workspace.timezone)
    yield BYTE_ORDER_MARK + write(
        [f"Changes sent from {here.workspace.name} to its WMSes, as of {now().astimezone(zone):%d %b %Y, %H:%M %Z}"]
    )
    yield write(COLUMNS)
    rows, last = asked.narrow(_seen(here)), LARGEST_KEY
    while chunk := list(rows.filter(pk__lt=last)[:CHUNK]):
        last = chunk[-1].pk
        for told in with_rows(chunk, here):
            yield write([cell(value, zone) for value in _values(told)])


def _values(told: Told) -> list[Any]:
    one = told.action
    return [
        one.asked_at,
        told.kind.label,
        told.name,
        one.connection.name,
        one.person.get_username() if one.person else "",
        one.get_through_display(),
        STATUS_LABELS[told.standing].word,
        one.answered_at,
        one.latency_ms,
        one.message,
        one.reference,
    ]
