"""One page of a data screen: what is asked for in the address, and what is found."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast, Concat
from django.http import QueryDict
from django.utils.http import urlencode

from integrations.connectors.actions import ActionKind
from integrations.models import Action
from packr.workspaces.request_context import RequestContext

from ..metrics.annotations import WITH_METRICS, with_metrics
from ..mirror.query_planner import custom_plan
from ..models import Customer, InventoryLevel, Mirrored, Order, Override, SavedView, Warehouse
from ..models.overrides import ROWS as OVERRIDDEN
from ..visibility import parts, seen_by
from . import keyset
from .keyset import Cursor, Slice
from .screens import PER_PAGE, Filter, Screen, Sort
from .search import FIRST_HITS, Search

# Up to here it is cheap to count, and of use to know.
COUNT_UP_TO = 10_000
# So many choices of a filter are offered at most.
MAX_CHOICES = 200
VIEW = "saved view"
# What people send changes of.
CHANGED = {kind.entity for kind in ActionKind}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What an address asks of a screen; what makes no sense counts as not asked."""

    screen: Screen
    words: str
    sort: Sort
    filters: dict[str, str]
    cursor: Cursor | None

    @property
    def address(self) -> str:
        """The query of the address that asks the same, from the first page on."""
        asked = {"q": self.words} if self.words else {}
        asked |= self.filters
        return urlencode(asked if self.sort == self.screen.sort() else asked | {"sort": self.sort.name})

    def narrowed(self, place: RequestContext) -> Q:
        """The condition of the filters."""
        found = Q()
        for name, value in self.filters.items():
            found &= self.screen.filter(name).condition(value, place)
        return found


@dataclass(frozen=True, slots=True)
class View:
    """A saved view above its list."""

    pk: int
    name: str
    address: str
    shared: bool


@dataclass(frozen=True, slots=True)
class ListPage:
    """Rows of a list with what is said about them: which they are, of how many, and the way to those around them.

    `total` is None where there are too many to count. `wide`: only the list's first rows were searched. `choices` are
    those of the filters that the mirror has the choices of, each with the word for it.
    """

    rows: list[Mirrored]
    start: int
    total: int | None
    wide: bool
    previous: str
    next: str
    choices: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    views: list[View] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.start + len(self.rows) - 1

    @property
    def most(self) -> int:
        """Where `total` is None: how many rows there are at least, or among how many was searched."""
        return FIRST_HITS if self.wide else COUNT_UP_TO


@dataclass
class Listing:
    """The rows that a place sees of a screen and that were asked for.

    Reading them begins with `beside`, which tells how many there are, or with `prepare`.
    """

    place: RequestContext
    asked: ListQuery
    total: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        asked = self.asked
        self._narrowed = asked.narrowed(self.place)
        self._parts = parts(self.place, asked.screen.model)
        searches = asked.words and self._parts
        self._search = Search(asked.screen, self._parts, self._narrowed, asked.words) if searches else None

    @property
    def is_wide(self) -> bool:
        """Whether more begins so than is looked at: then only the list's first rows were searched."""
        return self._search is not None and self.total is None

    def beside(self, others: Iterable[QuerySet[Any, Any]] = ()) -> list[tuple[Any, ...]]:
        """Find out how many rows there are, and in the same statement the rows of others of four columns."""
        if self._search:
            # A plan for any words would do for some; with others half of all rows begin.
            with custom_plan():
                self.total, rows = keyset.beside(self._search.total(), others)
            return rows
        few = [rows.values("pk")[: COUNT_UP_TO + 1] for rows in self._narrow()]
        counted, rows = keyset.beside(keyset.count(few), others)
        self.total = counted if counted is not None and counted <= COUNT_UP_TO else None
        return rows

    def prepare(self) -> None:
        """What has to be found out before rows are read, for who needs nothing beside them."""
        if self._search:
            self.beside()

    def slice(self, cursor: Cursor | None, size: int) -> Slice:
        """The rows at a cursor."""
        asked = self.asked
        if self._search:
            found = _shown(self._search.rows(self.total), asked.screen)
            with custom_plan():
                return keyset.sift(found, asked.sort, cursor, size)
        shown = _shown(asked.screen.model._default_manager.all(), asked.screen)
        return keyset.walk(self._narrow(), shown, asked.sort, cursor, size)

    def _narrow(self) -> list[QuerySet[Mirrored]]:
        return [part.of(self.asked.screen.model).filter(self._narrowed) for part in self._parts]


def parse_query(screen: Screen, address: QueryDict) -> ListQuery:
    """What the address asks: `q`, `sort`, the filters by their names, and `after` or `before` a cursor."""
    sort = screen.sort(address.get("sort", ""))
    after, before = address.get("after"), address.get("before")
    cursor = keyset.read(sort, before, before=True) if before else keyset.read(sort, after) if after else None
    return ListQuery(
        screen=screen,
        words=address.get("q", "").replace("\0", "").strip(),
        sort=sort,
        filters={one.name: value for one in screen.filters if one.takes(value := address.get(one.name, ""))},
        cursor=cursor,
    )


def page(place: RequestContext, asked: ListQuery, person: Any = None) -> ListPage:
    """The page that is asked for, with the views that the person sees of the screen."""
    listing = Listing(place, asked)
    beside = listing.beside(_others(place, asked.screen, person))
    cursor = asked.cursor
    found = listing.slice(cursor, PER_PAGE)
    if cursor and not found.rows:  # what was there has gone meanwhile
        cursor, found = None, listing.slice(None, PER_PAGE)
    start = _start(cursor, found, listing.total)
    end = start + len(found.rows) - 1
    return ListPage(
        rows=found.rows,
        start=start,
        total=listing.total,
        wide=listing.is_wide,
        previous=_written(asked.sort, found.rows, 0, start - 1) if found.has_previous else "",
        next=_written(asked.sort, found.rows, -1, end) if found.has_next else "",
        choices=_choices(asked.screen, beside),
        views=[View(pk, name, address[1:], address[0] == "s") for what, pk, address, name in beside if what == VIEW],
    )


def _others(place: RequestContext, screen: Screen, person: Any) -> list[QuerySet[Any, Any]]:
    """What a list needs beside its rows: the choices of its filters, and the person's saved views."""
    asked: list[QuerySet[Any, Any]] = [
        one.options.of(seen_by(one.options.model._default_manager.all(), place), one.name).order_by("word")[
            :MAX_CHOICES
        ]
        for one in screen.filters
        if one.options
    ]
    return [*asked, _views(place, screen, person)] if person else asked


def _views(place: RequestContext, screen: Screen, person: Any) -> QuerySet[Any, Any]:
    """The person's views and the shared ones; `s` or `o` before the address tells which."""
    seen = SavedView.objects.filter(Q(person=person) | Q(shared=True), workspace=place.workspace, screen=screen.name)
    kind = Case(When(shared=True, then=Value("s")), default=Value("o"), output_field=TextField())
    address = Concat(kind, F("address"), output_field=TextField())
    what = Value(VIEW, output_field=TextField())
    word = Cast("name", TextField())
    return (
        seen.annotate(what=what, key=address, word=word).order_by("name", "pk").values_list("what", "pk", "key", "word")
    )


def _choices(screen: Screen, beside: list[tuple[Any, ...]]) -> dict[str, list[tuple[str, str]]]:
    """By filter the values with their words, each once."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    filters = {one.name: one for one in screen.filters}
    for what, connection, key, word in beside:
        if what in filters:
            found[what][_value(filters[what], connection, key, word)] = word
    return {name: sorted(words.items(), key=lambda one: one[1].casefold()) for name, words in found.items()}


def _value(one: Filter, connection: int, key: str, word: str) -> str:
    assert one.options is not None
    return one.options.value(connection, key, word)


def cursor_after(row: Mirrored) -> Cursor:
    """The place right after a row of a slice."""
    return Cursor(_sort_key(row), row.pk)


def _start(cursor: Cursor | None, found: Slice, total: int | None) -> int:
    """Which row of the list the first one is: told by the cursor, unless an end of the list tells it better."""
    if cursor is None or not found.has_previous:
        return 1
    if total is not None and not found.has_next:
        return max(total - len(found.rows) + 1, 1)
    return max(cursor.passed - len(found.rows) if cursor.before else cursor.passed, 0) + 1


def _written(sort: Sort, rows: list[Mirrored], position: int, passed: int) -> str:
    return keyset.written(sort, replace(cursor_after(rows[position]), passed=passed))


def _sort_key(row: Mirrored) -> Any:
    return row.sort_key  # type: ignore[attr-defined]  # annotated by paging


def _shown(rows: QuerySet[Mirrored], screen: Screen) -> QuerySet[Mirrored]:
    """Lists read the columns they show, not the record beside them, and the names of what they point at."""
    lean = rows.defer("record", "digest")
    if screen.model in WITH_METRICS:
        lean = with_metrics(lean)
    if screen.entity in OVERRIDDEN:
        lean = lean.annotate(is_overridden=Override.objects.held(screen.entity))
    if screen.entity in CHANGED:
        sent = Action.objects.filter(entity=screen.entity, connection=OuterRef("connection"))
        lean = lean.annotate(was_changed=Exists(sent.filter(external_id=OuterRef("external_id"))))
    if screen.levels:
        levels: Any = Prefetch("levels", InventoryLevel.objects.annotate(**_warehouse("connection")))
        lean = lean.prefetch_related(levels)
    if screen.has("warehouse"):
        lean = lean.annotate(**_warehouse("connection"))
    if screen.has("customer"):
        lean = lean.annotate(customer_name=_of(Customer, "warehouse_customer_id", "name"))
    for kind, by in (("order", "order_id"), ("cause", "object_id")):
        if screen.has(kind):
            lean = lean.annotate(order_pk=_of(Order, by, "pk"), order_number=_of(Order, by, "order_number"))
    return lean.annotate(made_of=KeyTransform("inventory_items", "record")) if screen.has("kit") else lean


def _warehouse(connection: str) -> dict[str, Subquery]:
    return {"warehouse_name": _of(Warehouse, "warehouse_id", "name", connection)}


def _of(model: type[Mirrored], by: str, name: str, connection: str = "connection") -> Subquery:
    """A field of the row of another table whose id a row holds."""
    rows = model._default_manager.filter(connection=OuterRef(connection), external_id=OuterRef(by), removed_at=None)
    return Subquery(rows.values(name)[:1])
