"""Walking one of Tryton's tables.

A walk goes by id: the next page is what lies after the last id. Rows that change meanwhile keep their place, so none
slips over the border of a page; what changed behind the walk is younger than its first answer and comes with the next
one. (By stamp, rows would move ahead of the walk; and every row of one call has the same stamp.)

A record consists of several rows, and a child's change does not move its parent's stamp (seen with trytond
8.2.1). So "changed since" asks for the row and for everything it is made of, in one question.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from ...errors import CONTACT_SUPPORT, ConnectorError, Kind
from ...http.client import Answer, Client
from ...records import Record
from ..base import Cursor, FetchRequest, Page, Rejected, Resource
from ..decoding import ItemMapping
from .payloads import Document, fields_of, on_the_wire
from .rpc import call, query

BY_ID = [["id", "ASC"]]
Domain = list[Any]
W = TypeVar("W", bound=Document)


@dataclass(frozen=True)
class Table(Generic[W]):
    """One model and the records that come of it.

    `parts` are the paths to the rows that a record is made of beside its own; a path that ends in a reference, which
    may point at several models, names the model after a comma. `where` narrows the model down.
    `optional` are paths of modules that a server may lack, each with the model and field it needs. `prefix` goes
    before the id where several models share an entity.
    """

    model: str
    wire: type[W]
    to_record: Callable[[W], Record]
    parts: tuple[str, ...] = ()
    where: tuple[Any, ...] = ()
    optional: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    prefix: str = ""
    size: int = 100

    @property
    def resource(self) -> Resource:
        return Resource(fetch=self.fetch, lookup=self.lookup, lookup_size=self.size)

    def fetch(self, client: Client, ask: FetchRequest, cursor: Cursor | None) -> Page:
        """The next page of a walk; the cursor is the last id seen."""
        return self.page(client, [["id", ">", cursor or 0], *self.changed(client, ask)])

    def lookup(self, client: Client, ids: Sequence[str]) -> Page:
        """The records of given ids."""
        numbers = [int(one) for one in (key.removeprefix(self.prefix) for key in ids) if one.isdecimal()]
        return replace(self.page(client, [["id", "in", numbers]]), cursor=None)

    def page(self, client: Client, domain: Domain) -> Page:
        answer = self.read(client, domain)
        page, _ = ItemMapping(self.wire, self.to_record, version=1).decode_page(answer, "result")
        rejected = self.named(page)
        cursor = last_id(page.records, rejected, self.size, self.prefix)
        return replace(page, rejected=rejected, cursor=cursor, sources={})

    def named(self, page: Page) -> list[Rejected]:
        """What was rejected, under the ids that the records would have had."""
        return [
            replace(one, external_id=self.prefix + one.external_id if one.external_id else None)
            for one in page.rejected
        ]

    def read(self, client: Client, domain: Domain) -> Answer:
        absent = self.absent(client)
        names = [name for name in fields_of(self.wire) if not _within(name, absent)]
        where = [*self.where, *domain]
        return query(client, f"model.{self.model}.search_read", where, 0, self.size, BY_ID, names)

    def changed(self, client: Client, ask: FetchRequest) -> Domain:
        """The domain of what changed since the moment asked for, or since the border; all, if there is neither."""
        moment = ask.since or ask.history_start
        if moment is None:
            return []
        absent = self.absent(client)
        return [changed_since(moment, *(part for part in self.parts if not _within(part, absent)))]

    def absent(self, client: Client) -> frozenset[str]:
        """The optional paths that this server lacks; asked once for each client."""
        known: dict[str, frozenset[str]] = client.state.setdefault("absent", {})
        if self.model not in known:
            known[self.model] = frozenset(path for path in self.optional if not self._has(client, path))
        return known[self.model]

    def _has(self, client: Client, path: str) -> bool:
        parent = path.rpartition(".")[0]
        if parent in self.optional and not self._has(client, parent):
            return False
        model, name = self.optional[path]
        return name in call(client, dict[str, Any], f"model.{model}.fields_get", [name])


def last_id(records: Sequence[Record], rejected: Sequence[Rejected], size: int, prefix: str = "") -> int | None:
    """Where the walk goes on after a page; None when the page was not full, which is the end."""
    if len(records) + len(rejected) < size:
        return None
    keys = [*(one.external_id for one in records), *(one.external_id for one in rejected)]
    bare = [str(key).removeprefix(prefix) for key in keys]
    numbers = [int(key) for key in bare if key.isdecimal()]
    if not numbers:
        raise ConnectorError(Kind.CONTRACT, "Tryton sent rows without ids.", CONTACT_SUPPORT)
    return max(numbers)


def _within(path: str, roots: frozenset[str]) -> bool:
    return any(path == root or path.startswith(f"{root}.") for root in roots)


def changed_since(moment: datetime, *parts: str) -> Domain:
    """The domain of rows that changed at that moment or later, themselves or in one of their parts."""
    at = on_the_wire(moment)
    domain: Domain = ["OR", ["last_modified_at", ">=", at]]
    for part in parts:
        path, _, model = part.partition(",")
        domain.append([f"{path}.last_modified_at", ">=", at, *([model] if model else [])])
    return domain


@dataclass(frozen=True)
class Chain:
    """Several tables that make one entity, walked one after the other."""

    tables: tuple[Table[Any], ...]

    @property
    def resource(self) -> Resource:
        return Resource(fetch=self.fetch, lookup=self.lookup)

    def fetch(self, client: Client, ask: FetchRequest, cursor: Cursor | None) -> Page:
        at, after = cursor or (0, 0)
        page = self.tables[at].fetch(client, ask, after)
        if page.cursor is not None:
            return replace(page, cursor=[at, page.cursor])
        return replace(page, cursor=[at + 1, 0] if at + 1 < len(self.tables) else None)

    def lookup(self, client: Client, ids: Sequence[str]) -> Page:
        pages = [
            table.lookup(client, mine)
            for table in self.tables
            if (mine := [one for one in ids if one.startswith(table.prefix)])
        ]
        return Page(
            records=[record for page in pages for record in page.records],
            rejected=[one for page in pages for one in page.rejected],
            clock=next((page.clock for page in pages), None),
        )
