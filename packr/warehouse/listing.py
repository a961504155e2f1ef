"""One page of a data screen: what is asked for in the address, and what is found."""

from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery
from django.http import QueryDict

from packr.workspaces.current import Place

from . import paging
from .brands import parts
from .models import InventoryLevel, Mirrored, Override, Warehouse
from .models.overrides import ROWS as OVERRIDDEN
from .paging import Cursor, Slice
from .screens import PER_PAGE, Screen, Sort
from .search import FIRST, Found, search

# Up to here it is cheap to count, and of use to know.
COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks of a screen; what makes no sense counts as not asked."""

    screen: Screen
    words: str
    sort: Sort
    filters: dict[str, str]
    cursor: Cursor | None

    @property
    def narrowed(self) -> Q:
        """The condition of the filters."""
        fields = {one.field: one for one in self.screen.filters}
        return Q(**{name: fields[name].value(choice) for name, choice in self.filters.items()})


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a list with what is said about them: which they are, of how many, and the way to those around them.

    `total` is None where there are too many to count. `wide`: only the list's first rows were searched.
    """

    rows: list[Mirrored]
    start: int
    total: int | None
    wide: bool
    previous: str
    next: str

    @property
    def end(self) -> int:
        return self.start + len(self.rows) - 1

    @property
    def most(self) -> int:
        """Where `total` is None: how many rows there are at least, or among how many was searched."""
        return FIRST if self.wide else COUNTED


@dataclass
class Listing:
    """The rows that a place sees of a screen and that were asked for."""

    place: Place
    asked: Asked
    found: Found | None = field(init=False)

    def __post_init__(self) -> None:
        asked, self._parts = self.asked, parts(self.place, self.asked.screen.model)
        searches = asked.words and self._parts
        self.found = search(asked.screen, self._parts, asked.narrowed, asked.words) if searches else None

    def slice(self, cursor: Cursor | None, size: int) -> Slice:
        """The rows at a cursor."""
        asked = self.asked
        if self.found:
            return paging.sift(_shown(self.found.rows, asked.screen), asked.sort, cursor, size)
        shown = _shown(asked.screen.model._default_manager.all(), asked.screen)
        return paging.walk(self._narrow(), shown, asked.sort, cursor, size)

    def total(self) -> int | None:
        """How many rows there are; None for more than COUNTED."""
        if self.found:
            return self.found.total
        counted = paging.count([rows.values("pk")[: COUNTED + 1] for rows in self._narrow()])
        return counted if counted <= COUNTED else None

    def _narrow(self) -> list[QuerySet[Mirrored]]:
        return [part.of(self.asked.screen.model).filter(self.asked.narrowed) for part in self._parts]


def asked(screen: Screen, address: QueryDict) -> Asked:
    """What the address asks: `q`, `sort`, the filters by their fields, and `after` or `before` a cursor."""
    sort = screen.sort(address.get("sort", ""))
    filters = {one.field: address.get(one.field, "") for one in screen.filters}
    after, before = address.get("after"), address.get("before")
    cursor = paging.read(sort, before, before=True) if before else paging.read(sort, after) if after else None
    return Asked(
        screen=screen,
        words=address.get("q", "").replace("\0", "").strip(),
        sort=sort,
        filters={one.field: filters[one.field] for one in screen.filters if one.value(filters[one.field]) is not None},
        cursor=cursor,
    )


def page(place: Place, asked: Asked) -> Page:
    """The page that is asked for."""
    listing = Listing(place, asked)
    total = listing.total()
    cursor = asked.cursor
    found = listing.slice(cursor, PER_PAGE)
    if cursor and not found.rows:  # what was there has gone meanwhile
        cursor, found = None, listing.slice(None, PER_PAGE)
    start = _start(cursor, found, total)
    end = start + len(found.rows) - 1
    return Page(
        rows=found.rows,
        start=start,
        total=total,
        wide=listing.found is not None and listing.found.total is None,
        previous=_written(asked.sort, found.rows, 0, start - 1) if found.has_previous else "",
        next=_written(asked.sort, found.rows, -1, end) if found.has_next else "",
    )


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
    return paging.written(sort, replace(cursor_after(rows[position]), passed=passed))


def _sort_key(row: Mirrored) -> Any:
    return row.sort_key  # type: ignore[attr-defined]  # annotated by paging


def _shown(rows: QuerySet[Mirrored], screen: Screen) -> QuerySet[Mirrored]:
    """Lists read the columns they show, not the record beside them, and name the warehouses with them."""
    lean = rows.defer("record", "digest")
    if screen.entity in OVERRIDDEN:
        lean = lean.annotate(is_overridden=Override.objects.held(screen.entity))
    if screen.levels:
        levels: Any = Prefetch("levels", InventoryLevel.objects.annotate(**_named("item__connection")))
        lean = lean.prefetch_related(levels)
    return lean.annotate(**_named("connection")) if screen.has_warehouse else lean


def _named(connection: str) -> dict[str, Subquery]:
    warehouses = Warehouse.objects.present().filter(
        connection=OuterRef(connection), external_id=OuterRef("warehouse_id")
    )
    return {"warehouse_name": Subquery(warehouses.values("name")[:1])}
