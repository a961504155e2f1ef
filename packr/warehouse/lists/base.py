"""The parts of a data screen's definition."""

from dataclasses import dataclass

from django.db.models import Model, TextField

from integrations.entities import Entity

from ..models import Mirrored
from .filters import Filter

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list. `kind` selects how its cells are formatted; `sorts`: the list can be sorted by its field.

    A column that sorts has an index (connection, field, id). `meaning` explains its figure to the people who use it.
    `leads` is the (screen name, filter name) of the list that its cells link to.
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
    """The field and direction of a sort. Rows without a value come last in both directions; ties are sorted by id."""

    model: type[Mirrored]
    field: str
    descending: bool

    @property
    def name(self) -> str:
        """The sort's name in the address."""
        return f"-{self.field}" if self.descending else self.field

    @property
    def key(self) -> str:
        """The lookup that is compared: of texts the folded form, which is the same on every database."""
        is_text = isinstance(self.model._meta.get_field(self.field), TextField)
        return f"{self.field}__folded" if is_text else self.field


@dataclass(frozen=True, slots=True)
class SearchedLines:
    """Lines by whose SKU a search finds their parent."""

    model: type[Model]
    parent: str


@dataclass(frozen=True, slots=True)
class Related:
    """Rows of another table by which a search finds a row: `field` is searched there, `by` holds their id here."""

    model: type[Mirrored]
    field: str
    by: str


@dataclass(frozen=True, slots=True)
class Screen:
    """A list of one entity. `order` is its default sort, `detail` the name of the page of one row.

    `about` is the text of the empty list. `searched` are the fields whose beginnings are searched, `searches` the same
    in words; `first_rows` names the rows that a search with too many hits is limited to. `levels`: each row shows its
    units per warehouse. `currency` is the field of an amount's currency.
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
    lines: SearchedLines | None = None
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
        """The path of its page."""
        return self.name.replace("_", "-")

    @property
    def export(self) -> str:
        """The URL name of its CSV file."""
        return f"{self.name}_export"

    @property
    def meanings(self) -> list[Column]:
        return [column for column in self.columns if column.meaning]

    def has(self, kind: str) -> bool:
        """Return whether it has a column of this kind."""
        return any(column.kind == kind for column in self.columns)

    def filter(self, name: str) -> Filter:
        """Return the filter of this name."""
        return next(one for one in self.filters if one.name == name)

    def sort(self, name: str = "") -> Sort:
        """Return the sort by a column's field, descending after a `-`; the default sort if the name is invalid."""
        sortable = {column.field for column in self.columns if column.sorts}
        name = name if name.removeprefix("-") in sortable else self.order
        return Sort(self.model, name.removeprefix("-"), name.startswith("-"))
