"""What a data screen is made of."""

from dataclasses import dataclass

from django.db.models import Model, TextField

from integrations.entities import Entity

from ..models import Mirrored
from .filters import Filter

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `kind` chooses how its cells are written; `sorts` whether it can be sorted by its field.

    A column that sorts has an index of its own: connection, field, id. `meaning` says what the figure is, in the words
    of somebody who counts boxes. A column that `leads` to another screen narrows it by one of its filters: (name of the
    screen, name of the filter).
    """

    field: str
    label: str
    kind: str = "text"
    sorts: bool = True
    meaning: str = ""
    leads: tuple[str, str] = ("", "")

    @property
    def is_number(self) -> bool:
        return self.kind in ("quantity", "money", "days")


@dataclass(frozen=True, slots=True)
class Sort:
    """By which field a list is sorted and which way. Rows without a value come last either way, ties go by id."""

    model: type[Mirrored]
    field: str
    descending: bool

    @property
    def name(self) -> str:
        """As in the address."""
        return f"-{self.field}" if self.descending else self.field

    @property
    def key(self) -> str:
        """The path to what is compared: texts without regard to A-Z and a-z, the same on every database."""
        is_text = isinstance(self.model._meta.get_field(self.field), TextField)
        return f"{self.field}__folded" if is_text else self.field


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines whose SKU finds their parent."""

    model: type[Model]
    parent: str


@dataclass(frozen=True, slots=True)
class Related:
    """Rows of another table by which a row is found: `field` is what is searched there, `by` holds their id here."""

    model: type[Mirrored]
    field: str
    by: str


@dataclass(frozen=True, slots=True)
class Screen:
    """A list of one entity. `order` is its order when nobody asks for another. `detail` names the page of one row.

    `about` says what it lists, for who sees none. `searched` are the fields whose beginnings are searched, and
    `searches` says which in words; `first_rows` are those that a search with too many hits is limited to. `levels`:
    each row has its units per warehouse below it. `currency` is the field beside an amount. `bills`: only for those
    who may see the WMS's bills.
    """

    entity: Entity
    model: type[Mirrored]
    noun: str
    columns: tuple[Column, ...]
    searched: tuple[str, ...]
    searches: str
    first_rows: str
    order: str
    name: str
    lines: Lines | None = None
    related: tuple[Related, ...] = ()
    filters: tuple[Filter, ...] = ()
    detail: str = ""
    levels: bool = False
    about: str = ""
    currency: str = ""

    @property
    def title(self) -> str:
        return self.entity.label

    @property
    def path(self) -> str:
        """Its address."""
        return self.name.replace("_", "-")

    @property
    def export(self) -> str:
        """The name of its CSV file's address."""
        return f"{self.name}_export"

    @property
    def meanings(self) -> list[Column]:
        return [column for column in self.columns if column.meaning]

    def has(self, kind: str) -> bool:
        """Whether it has a column of a kind."""
        return any(column.kind == kind for column in self.columns)

    def filter(self, name: str) -> Filter:
        """One of its filters."""
        return next(one for one in self.filters if one.name == name)

    def sort(self, asked: str = "") -> Sort:
        """The sort by a column's field, `-` before it for the other way; the screen's own order otherwise."""
        sortable = {column.field for column in self.columns if column.sorts}
        name = asked if asked.removeprefix("-") in sortable else self.order
        return Sort(self.model, name.removeprefix("-"), name.startswith("-"))
