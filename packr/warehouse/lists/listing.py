"""One page of a list: the query in its address, and the rows found."""

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.fields.json import KeyTransform
from django.http import QueryDict
from django.utils.http import urlencode

from integrations.connectors.actions import ActionKind
from integrations.models import Action
from packr.workspaces.request_context import RequestContext

from ..metrics.annotations import WITH_METRICS, with_metrics
from ..mirror.query_planner import custom_plan
from ..models import Customer, InventoryLevel, Mirrored, Order, Override, SavedView, Warehouse
from ..models.overrides import ROWS as OVERRIDDEN
from ..visibility import split_scopes
from . import keyset
from .base import PER_PAGE, Screen, Sort
from .keyset import Cursor, PageRows
from .search import FIRST_HITS, Search

MAX_COUNT = 10_000
ACTION_ENTITIES = {kind.entity for kind in ActionKind}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What the address of a list asks for. Invalid values are ignored."""

    screen: Screen
    words: str
    sort: Sort
    filters: dict[str, str]
    cursor: Cursor | None

    @property
    def address(self) -> str:
        """The query string of the same list, from its first page."""
        query = {"q": self.words} if self.words else {}
        query |= self.filters
        return urlencode(query if self.sort == self.screen.sort() else query | {"sort": self.sort.name})

    def condition(self, context: RequestContext) -> Q:
        """Return the condition of the filters."""
        condition = Q()
        for name, value in self.filters.items():
            condition &= self.screen.filter(name).condition(value, context)
        return condition


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list: its rows, its position, and the cursors of the pages before and after it.

    `total` is None if there are too many rows to count. `wide`: the search has more hits than are read, so
    only the list's first rows were searched.
    """

    rows: list[Mirrored]
    start: int
    total: int | None
    wide: bool
    previous: str
    next: str
    choices: dict[str, list[tuple[str, str]]]
    views: list[SavedView]

    @property
    def end(self) -> int:
        return self.start + len(self.rows) - 1

    @property
    def most(self) -> int:
        """If `total` is None: the number of rows that were counted or searched."""
        return FIRST_HITS if self.wide else MAX_COUNT


class Listing:
    """The rows of a screen that match a query and that the request may see."""

    def __init__(self, context: RequestContext, query: ListQuery) -> None:
        self.query = query
        model, condition = query.screen.model, query.condition(context)
        rows = model._default_manager.filter(condition, removed_at=None)
        self._parts = [rows.filter(scope.condition(model)) for scope in split_scopes(context, model)]
        self._search = Search(context, query.screen, condition, query.words) if query.words and self._parts else None

    @property
    def is_wide(self) -> bool:
        """Whether the search has too many hits, so that only the list's first rows are searched."""
        return self._search is not None and self._search.total is None

    def count(self) -> int | None:
        """Return how many rows there are; None if they are too many to count."""
        if self._search:
            return self._search.total
        return keyset.count_up_to(MAX_COUNT, [rows.values("pk")[: MAX_COUNT + 1] for rows in self._parts])

    def read_page(self, cursor: Cursor | None, size: int) -> PageRows:
        """Return the rows at a cursor."""
        query = self.query
        if self._search:
            rows = _annotate(self._search.rows(), query.screen)
            with custom_plan():
                return keyset.read_sorted(rows, query.sort, cursor, size)
        shown = _annotate(query.screen.model._default_manager.all(), query.screen)
        return keyset.read_parts(self._parts, shown, query.sort, cursor, size)


def parse_query(screen: Screen, address: QueryDict) -> ListQuery:
    """Parse an address: `q`, `sort`, the filters by their names, and the cursor `after` or `before`."""
    sort = screen.sort(address.get("sort", ""))
    after, before = address.get("after"), address.get("before")
    if before:
        cursor = keyset.decode_cursor(sort, before, before=True)
    else:
        cursor = keyset.decode_cursor(sort, after) if after else None
    return ListQuery(
        screen=screen,
        words=address.get("q", "").replace("\0", "").strip(),
        sort=sort,
        filters={one.name: value for one in screen.filters if one.accepts(value := address.get(one.name, ""))},
        cursor=cursor,
    )


def get_page(context: RequestContext, query: ListQuery, person: Any = None) -> ListPage:
    """Return the page of a list that is asked for, with the person's saved views of it."""
    listing = Listing(context, query)
    total = listing.count()
    cursor = query.cursor
    found = listing.read_page(cursor, PER_PAGE)
    if cursor and not found.rows:  # the rows there were removed
        cursor, found = None, listing.read_page(None, PER_PAGE)
    start = _start(cursor, found, total)
    end = start + len(found.rows) - 1
    return ListPage(
        rows=found.rows,
        start=start,
        total=total,
        wide=listing.is_wide,
        previous=_cursor_of(query.sort, found.rows[0], start - 1) if found.has_previous else "",
        next=_cursor_of(query.sort, found.rows[-1], end) if found.has_next else "",
        choices={one.name: one.choices(context) for one in query.screen.filters},
        views=list(_saved_views(context, query.screen, person)) if person else [],
    )


def _saved_views(context: RequestContext, screen: Screen, person: Any) -> QuerySet[SavedView]:
    """Return the person's views of the screen and those that are shared in the workspace."""
    views = SavedView.objects.filter(Q(person=person) | Q(shared=True), workspace=context.workspace)
    return views.filter(screen=screen.name).order_by("name", "pk")


def cursor_after(row: Mirrored) -> Cursor:
    """Return the position right after a row of a page."""
    return Cursor(_sort_key(row), row.pk)


def _start(cursor: Cursor | None, found: PageRows, total: int | None) -> int:
    """Return the number of the page's first row in the list, by the cursor unless the page is at an end of the list."""
    if cursor is None or not found.has_previous:
        return 1
    if total is not None and not found.has_next:
        return max(total - len(found.rows) + 1, 1)
    return max(cursor.passed - len(found.rows) if cursor.before else cursor.passed, 0) + 1


def _cursor_of(sort: Sort, row: Mirrored, passed: int) -> str:
    return keyset.encode_cursor(sort, replace(cursor_after(row), passed=passed))


def _sort_key(row: Mirrored) -> Any:
    return row.sort_key  # type: ignore[attr-defined]  # annotated by keyset


def _annotate(rows: QuerySet[Mirrored], screen: Screen) -> QuerySet[Mirrored]:
    """Return the rows with what the list shows: names of related rows and marks, without the stored record."""
    lean = rows.defer("record", "digest")
    if screen.model in WITH_METRICS:
        lean = with_metrics(lean)
    if screen.entity in OVERRIDDEN:
        lean = lean.annotate(is_overridden=Override.objects.held(screen.entity))
    if screen.entity in ACTION_ENTITIES:
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
    """Return a subquery for a field of the related row."""
    rows = model._default_manager.filter(connection=OuterRef(connection), external_id=OuterRef(by), removed_at=None)
    return Subquery(rows.values(name)[:1])
