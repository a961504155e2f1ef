"""How Tryton's tables are read, page by page.

Pages follow the id: the next page starts after the last id. Rows that change meanwhile keep their place, so no row
moves across a page boundary, and what changes behind the pass comes with the next run. (By stamp, rows would move ahead
of the pass, and all rows written by one call have the same stamp.)

A record consists of several rows, and a child's change does not move its parent's stamp (seen with trytond 8.2.1,
November 2026). So one question asks for changes of the row and of everything the record is made of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ...http.client import Answer, Client
from ...records import Record
from ..base import Cursor, FetchRequest, Page, Rejected, Resource, join_pages
from ..decoding import ItemMapping
from ..paging import Keyset
from .payloads import Row, dotted_names, encoded_moment
from .rpc import Domain, call, search_read

ROW_FIELDS = ("id", "last_modified_at", "create_date")


@dataclass(frozen=True)
class TrytonTable:
    """One model, and the function that makes records of its rows.

    `fields` names the fields to ask for, by the path to their row. `parts` are the paths to the other rows that a
    record is made of; a path that ends in a reference to several models names the model after a comma. `where` limits
    the model's rows. `optional` gives the model of each path that exists only if a module is active. `prefix` goes
    before the id where several models share an entity.
    """

    model: str
    parse: Callable[[Row], Record]
    fields: Mapping[str, str]
    parts: str = ""
    where: tuple[Any, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    size: int = 100

    @property
    def resource(self) -> Resource:
        return Resource(fetch=self.fetch, lookup=self.lookup, lookup_size=self.size)

    def fetch(self, client: Client, request: FetchRequest, cursor: Cursor | None) -> Page:
        """Return the page after the id `cursor`."""
        page = self.read_records(client, [["id", ">", cursor or 0], *self.changes(client, request)])
        return replace(page, cursor=Keyset(self.size, self.row_id).next_cursor(page))

    def lookup(self, client: Client, ids: Sequence[str]) -> Page:
        """Return the records of these ids."""
        numbers = [int(number) for number in (key.removeprefix(self.prefix) for key in ids) if number.isdecimal()]
        return self.read_records(client, [["id", "in", numbers]])

    def read_records(self, client: Client, domain: Domain) -> Page:
        """Return the first records of a domain, by id."""
        missing = self.missing_paths(client)
        names = [*ROW_FIELDS, *(name for name in dotted_names(self.fields) if not _is_within(name, missing))]
        answer = search_read(client, self.model, [*self.where, *domain], names, limit=self.size)
        # The page has no sources, so every row is parsed and compared, whatever the mapping's version.
        mapping = ItemMapping(dict[str, Any], lambda values: self.parse(Row(values)), version=1)
        page = self.decode(client, answer, mapping)
        rejected = [
            replace(row, external_id=f"{self.prefix}{row.external_id}") if row.external_id else row
            for row in page.rejected
        ]
        return replace(page, rejected=rejected, sources={}, clock=answer.clock)

    def decode(self, client: Client, answer: Answer, mapping: ItemMapping[Any]) -> Page:
        """Return the records of an answer."""
        return mapping.decode_page(answer, "result")[0]

    def row_id(self, row: Record | Rejected) -> int | None:
        number = str(row.external_id).removeprefix(self.prefix)
        return int(number) if number.isdecimal() else None

    def changes(self, client: Client, request: FetchRequest) -> Domain:
        """Return the domain of what changed since the time of the request; an empty one if it has no time."""
        moment = request.since or request.history_start
        if moment is None:
            return []
        missing = self.missing_paths(client)
        return [changed_since(moment, *(part for part in self.parts.split() if not _is_within(part, missing)))]

    def missing_paths(self, client: Client) -> Sequence[str]:
        """Return the optional paths that this server lacks. Each client asks the server once."""
        known: dict[str, list[str]] = client.state.setdefault("missing_paths", {})
        if self.model not in known:
            missing: list[str] = []
            for path, model in self.optional.items():
                name = path.rpartition(".")[2]
                if _is_within(path, missing) or name not in call(
                    client, dict[str, Any], f"model.{model}.fields_get", [name]
                ):
                    missing.append(path)
            known[self.model] = missing
        return known[self.model]


def _is_within(path: str, roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith(f"{root}.") for root in roots)


def changed_since(moment: datetime, *parts: str) -> Domain:
    """Return the domain of rows that changed at that moment or later, themselves or in one of their parts."""
    at = encoded_moment(moment)
    domain: Domain = ["OR", ["last_modified_at", ">=", at]]
    for part in parts:
        path, _, model = part.partition(",")
        domain.append([f"{path}.last_modified_at", ">=", at, *([model] if model else [])])
    return domain


@dataclass(frozen=True)
class TableSequence:
    """Several tables that make one entity, read one after the other. The cursor is [position of the table, last id]."""

    tables: tuple[TrytonTable, ...]

    @property
    def resource(self) -> Resource:
        return Resource(fetch=self.fetch, lookup=self.lookup)

    def fetch(self, client: Client, request: FetchRequest, cursor: Cursor | None) -> Page:
        position, last_id = cursor or (0, 0)
        page = self.tables[position].fetch(client, request, last_id)
        if page.cursor is not None:
            return replace(page, cursor=[position, page.cursor])
        return replace(page, cursor=[position + 1, 0] if position + 1 < len(self.tables) else None)

    def lookup(self, client: Client, ids: Sequence[str]) -> Page:
        grouped = [(table, [key for key in ids if key.startswith(table.prefix)]) for table in self.tables]
        return join_pages([table.lookup(client, keys) for table, keys in grouped if keys])
