"""The timeline of connections, newest first: runs, events (changes that people made) and incidents.

Each of the three is read in its own order by its own index, and a page starts at a position in all three.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from integrations.bill_access import hidden_entities
from integrations.entities import Entity
from integrations.models import Connection, Event
from packr.warehouse.lists.keyset import LARGEST_ID, union_all

from ..models import Incident, State, SyncRun, Trigger
from ..runs.cadence import local_moment
from .recent_runs import MAX_UNION_TERMS
from .run_states import is_idle, is_planned

PAGE_SIZE = 50
KINDS = {"run": "Syncs", "event": "Changes", "incident": "Incidents"}


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """The filter in an address. `idle` also shows scheduled runs without a change."""

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
        """The kinds that can match: only runs have a state and a trigger, and events have no entity."""
        possible = {"run"} if self.state or self.trigger else {"run", "incident"} if self.entity else set(KINDS)
        return possible & {self.kind} if self.kind else possible


@dataclass(frozen=True, slots=True)
class TimelinePosition:
    """Where a page starts: the highest primary key of each kind that is still to be shown."""

    run: int = LARGEST_ID
    event: int = LARGEST_ID
    incident: int = LARGEST_ID

    def __str__(self) -> str:
        return f"{self.run}.{self.event}.{self.incident}"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A run, an event or an incident. A page at `position` starts with it."""

    kind: str
    at: datetime
    item: Any
    position: TimelinePosition

    @property
    def anchor(self) -> str:
        return f"{self.kind}-{self.item.pk}"


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """The entries of a page, and the position of the next page, None on the last one."""

    entries: list[TimelineEntry]
    older: TimelinePosition | None


def parse_filter(query: Mapping[str, Any]) -> TimelineFilter:
    """Return the filter in a query string; values that make no sense are ignored."""
    return TimelineFilter(
        entity=_choice(query, "entity", set(Entity)),
        state=_choice(query, "state", set(State.values)),
        kind=_choice(query, "kind", set(KINDS)),
        trigger=_choice(query, "trigger", set(Trigger.values)),
        first=_parse_date(query.get("from", "")),
        last=_parse_date(query.get("to", "")),
        idle=bool(query.get("idle")),
    )


def parse_position(text: str) -> TimelinePosition | None:
    """Return the position in an address, or None if it has no valid one."""
    keys = text.split(".")
    if len(keys) != 3 or not all(key.isdecimal() and len(key) < 20 for key in keys):
        return None
    return TimelinePosition(*(min(int(key), LARGEST_ID) for key in keys))


def load_page(
    connections: Sequence[Connection],
    wanted: TimelineFilter,
    start: TimelinePosition | None,
    zone: ZoneInfo,
    bills: Collection[int] = (),
) -> TimelinePage:
    """Return the page that starts at `start`, in one statement per kind.

    The days of the filter start at midnight in `zone`. `bills`: the connections whose bills the person may see.
    """
    source = _Source(connections, wanted, zone, Q(entity__in=hidden_entities(bills=False)) & ~Q(connection__in=bills))
    position = start or TimelinePosition()
    found = {
        "run": source.runs(position.run) if "run" in wanted.kinds else [],
        "event": source.events(position.event) if "event" in wanted.kinds else [],
        "incident": source.incidents(position.incident) if "incident" in wanted.kinds else [],
    }
    entries = list(_merge(found))
    return TimelinePage(entries[:PAGE_SIZE], entries[PAGE_SIZE].position if len(entries) > PAGE_SIZE else None)


def _merge(found: dict[str, list[tuple[datetime, Any]]]) -> Iterator[TimelineEntry]:
    """Yield the entries of all kinds, newest first, each with its position."""
    keys = {kind: [item.pk for _, item in items] for kind, items in found.items()}
    streams = [[(at, kind, item) for at, item in items] for kind, items in found.items()]
    for at, kind, item in merge(*streams, key=lambda entry: entry[0], reverse=True):
        first_keys = {name: rest[0] if rest else 0 for name, rest in keys.items()}
        yield TimelineEntry(kind, at, item, TimelinePosition(**first_keys))
        keys[kind].pop(0)


@dataclass(frozen=True, slots=True)
class _Source:
    """The filtered runs, events and incidents of connections, each with its time, newest first."""

    connections: Sequence[Connection]
    wanted: TimelineFilter
    zone: ZoneInfo
    hidden: Q

    def runs(self, newest: int) -> list[tuple[datetime, Any]]:
        fields = {"state": self.wanted.state, "trigger": self.wanted.trigger, "entity": self.wanted.entity}
        runs = SyncRun.objects.filter(pk__lte=newest, **{name: value for name, value in fields.items() if value})
        runs = self._within_days(runs.exclude(is_planned(now())), "created_at").exclude(self.hidden)
        if not self.wanted.idle:
            runs = runs.exclude(is_idle())
        entities = [Entity(self.wanted.entity)] if self.wanted.entity else list(Entity)
        parts = [runs.filter(connection=one, entity=entity) for one in self.connections for entity in entities]
        if len(parts) > MAX_UNION_TERMS:
            parts = [runs.filter(connection__in=self.connections)]
        keys = union_all([part.order_by("-pk").values("pk")[: PAGE_SIZE + 1] for part in parts])
        found = SyncRun.objects.filter(pk__in=keys).order_by("-pk")[: PAGE_SIZE + 1]
        people = found.select_related("connection", "requested_by", "cancelled_by", "lane")
        return [(run.started_at or run.created_at, run) for run in people]

    def events(self, newest: int) -> list[tuple[datetime, Any]]:
        events = self._within_days(Event.objects.filter(connection__in=self.connections, pk__lte=newest), "at")
        found = events.select_related("connection", "person").order_by("-pk")[: PAGE_SIZE + 1]
        return [(event.at, event) for event in found]

    def incidents(self, newest: int) -> list[tuple[datetime, Any]]:
        """Return the incidents of the connections and, unless an entity is chosen, of Packr itself."""
        related = Q(connection__in=self.connections)
        related = related & Q(entity=self.wanted.entity) if self.wanted.entity else related | Q(connection=None)
        incidents = Incident.objects.filter(related, pk__lte=newest).exclude(self.hidden)
        found = self._within_days(incidents, "opened_at").select_related("connection").order_by("-pk")[: PAGE_SIZE + 1]
        return [(incident.opened_at, incident) for incident in found]

    def _within_days(self, rows: "QuerySet[Any, Any]", field: str) -> "QuerySet[Any, Any]":
        """Return the rows whose time is on the days of the filter."""
        if self.wanted.first:
            rows = rows.filter(**{f"{field}__gte": self._midnight(self.wanted.first)})
        if self.wanted.last:
            rows = rows.filter(**{f"{field}__lt": self._midnight(self.wanted.last + timedelta(days=1))})
        return rows

    def _midnight(self, day: date) -> datetime:
        return local_moment(day, datetime.min.time(), self.zone).astimezone(UTC)


def _choice(query: Mapping[str, Any], name: str, choices: set[Any]) -> str:
    value = query.get(name, "")
    return value if value in choices else ""


def _parse_date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1990 <= day.year <= 9000 else None
