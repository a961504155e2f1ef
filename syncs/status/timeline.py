"""What happened to connections, the newest first: their runs, what people changed, and incidents, in one line of time.

Each of the three is read by its own index, in its own order; a page begins at a position in all three.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection, Event
from integrations.permissions import hidden_entities
from packr.warehouse.lists.keyset import LARGEST_ID, union_all

from ..models import Incident, State, SyncRun, Trigger
from ..runs.cadence import local_moment
from .run_states import is_idle, is_planned

PAGE_SIZE = 50
KINDS = {"run": "Syncs", "event": "Changes", "incident": "Incidents"}
# So many lists are sorted one by one, each by its index; a database takes no more of them at once.
MAX_UNION_TERMS = 400


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """What an address asks of a history; what makes no sense counts as not asked."""

    entity: str = ""
    state: str = ""
    kind: str = ""
    trigger: str = ""
    first: date | None = None
    last: date | None = None
    idle: bool = False

    @property
    def is_narrowed(self) -> bool:
        return bool(self.entity or self.state or self.kind or self.trigger or self.first or self.last)

    @property
    def kinds(self) -> set[str]:
        """Which of the three may hold what is asked for: only runs have a state, and changes are of no entity."""
        possible = {"run"} if self.state or self.trigger else {"run", "incident"} if self.entity else set(KINDS)
        return possible & {self.kind} if self.kind else possible


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the line: the highest keys that still lie ahead."""

    run: int = LARGEST_ID
    event: int = LARGEST_ID
    incident: int = LARGEST_ID

    def __str__(self) -> str:
        return f"{self.run}.{self.event}.{self.incident}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `here` is a page that begins with it."""

    kind: str
    at: datetime
    item: Any
    here: Position

    @property
    def anchor(self) -> str:
        return f"{self.kind}-{self.item.pk}"


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Some entries, and where the older ones begin (None: there are none)."""

    entries: list[Entry]
    older: Position | None


def parse_filter(address: Mapping[str, Any]) -> TimelineFilter:
    """What the address asks: `entity`, `state`, `kind`, `trigger`, `from`, `to`, and `idle` for what found nothing."""
    return TimelineFilter(
        entity=_one_of(address, "entity", set(Entity)),
        state=_one_of(address, "state", set(State.values)),
        kind=_one_of(address, "kind", set(KINDS)),
        trigger=_one_of(address, "trigger", set(Trigger.values)),
        first=_day(address.get("from", "")),
        last=_day(address.get("to", "")),
        idle=bool(address.get("idle")),
    )


def position(text: str) -> Position | None:
    """The place that an address names; None for the beginning and for what is none."""
    keys = text.split(".")
    if len(keys) != 3 or not all(key.isdecimal() and len(key) < 20 for key in keys):
        return None
    return Position(*(min(int(key), LARGEST_ID) for key in keys))


def page(
    connections: Sequence[Connection],
    wanted: TimelineFilter,
    start: Position | None,
    zone: ZoneInfo,
    bills: Collection[int] = (),
) -> TimelinePage:
    """The page that begins at a position, in one statement a kind.

    `zone` says where the days of the filter begin; `bills` are the keys of the connections whose bills may be told of.
    """
    begin = start or Position()
    span = _span(wanted, zone)
    hidden = Q(entity__in=hidden_entities(bills=False)) & ~Q(connection__in=bills)
    ahead = {
        kind: read(connections, wanted, span, hidden, getattr(begin, kind)) if kind in wanted.kinds else []
        for kind, read in READ.items()
    }
    entries = list(_entries(ahead))
    return TimelinePage(entries[:PAGE_SIZE], entries[PAGE_SIZE].here if len(entries) > PAGE_SIZE else None)


def _entries(ahead: dict[str, list[tuple[datetime, Any]]]) -> Iterator[Entry]:
    """Everything in one line, each with the position at which it begins."""
    keys = {kind: [item.pk for _, item in found] for kind, found in ahead.items()}
    lines = [[(at, kind, item) for at, item in found] for kind, found in ahead.items()]
    for at, kind, item in merge(*lines, key=lambda one: one[0], reverse=True):
        yield Entry(kind, at, item, Position(**{name: rest[0] if rest else 0 for name, rest in keys.items()}))
        keys[kind].pop(0)


def _runs(
    connections: Sequence[Connection], wanted: TimelineFilter, span: "Span", hidden: Q, newest: int
) -> list[tuple[datetime, Any]]:
    fields = {"state": wanted.state, "trigger": wanted.trigger, "entity": wanted.entity}
    runs = SyncRun.objects.filter(pk__lte=newest, **{name: value for name, value in fields.items() if value})
    runs = span.of(runs.exclude(is_planned(now())), "created_at").exclude(hidden)
    if not wanted.idle:
        runs = runs.exclude(is_idle())
    entities = [Entity(wanted.entity)] if wanted.entity else list(Entity)
    lists = [runs.filter(connection=one, entity=entity) for one in connections for entity in entities]
    if len(lists) > MAX_UNION_TERMS:
        lists = [runs.filter(connection__in=connections)]
    found = SyncRun.objects.filter(
        pk__in=union_all([each.order_by("-pk").values("pk")[: PAGE_SIZE + 1] for each in lists])
    )
    people = found.select_related("connection", "requested_by", "cancelled_by", "lane").order_by("-pk")
    return [(run.started_at or run.created_at, run) for run in people[: PAGE_SIZE + 1]]


def _events(
    connections: Sequence[Connection], wanted: TimelineFilter, span: "Span", hidden: Q, newest: int
) -> list[tuple[datetime, Any]]:
    events = span.of(Event.objects.filter(connection__in=connections, pk__lte=newest), "at")
    people = events.select_related("connection", "person").order_by("-pk")
    return [(event.at, event) for event in people[: PAGE_SIZE + 1]]


def _incidents(
    connections: Sequence[Connection], wanted: TimelineFilter, span: "Span", hidden: Q, newest: int
) -> list[tuple[datetime, Any]]:
    ours = Q(connection__in=connections) if wanted.entity else Q(connection__in=connections) | Q(connection=None)
    incidents = span.of(Incident.objects.filter(ours, pk__lte=newest), "opened_at").exclude(hidden)
    if wanted.entity:
        incidents = incidents.filter(entity=wanted.entity)
    found = incidents.select_related("connection").order_by("-pk")
    return [(incident.opened_at, incident) for incident in found[: PAGE_SIZE + 1]]


READ = {"run": _runs, "event": _events, "incident": _incidents}


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, each end open where nobody gave it."""

    begin: datetime | None
    end: datetime | None

    def of(self, rows: "QuerySet[Any, Any]", field: str) -> "QuerySet[Any, Any]":
        """The rows whose time lies in it."""
        if self.begin:
            rows = rows.filter(**{f"{field}__gte": self.begin})
        return rows.filter(**{f"{field}__lt": self.end}) if self.end else rows


def _span(wanted: TimelineFilter, zone: ZoneInfo) -> Span:
    def begin(day: date) -> datetime:
        return local_moment(day, datetime.min.time(), zone).astimezone(UTC)

    return Span(
        begin(wanted.first) if wanted.first else None,
        begin(wanted.last + timedelta(days=1)) if wanted.last else None,
    )


def _one_of(address: Mapping[str, Any], name: str, values: set[Any]) -> str:
    text = address.get(name, "")
    return text if text in values else ""


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1990 <= day.year <= 9000 else None
