"""Searching a screen by the beginnings of its fields and of its lines' SKUs.

An index can find beginnings on every database (docs/decisions/0004). The number of index entries read is bounded: if
more than MAX_HITS begin with the words, only the first FIRST_HITS rows of the list are searched.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from packr.workspaces.request_context import RequestContext

from ..mirror.query_planner import custom_plan
from ..models import Mirrored
from ..visibility import seen_by, split_scopes
from . import keyset
from .base import Screen, SearchedLines

MAX_HITS = 5_000
FIRST_HITS = 2_000
LAST_CHARACTER = "\U0010ffff"
# Signs that people leave out at the beginning of a field.
OMITTED_SIGNS = {"order_number": "#"}


@dataclass(frozen=True)
class Search:
    """A search for words among the visible rows of a screen that match its filters (`condition`)."""

    context: RequestContext
    screen: Screen
    condition: Q
    words: str

    @cached_property
    def total(self) -> int | None:
        """How many rows match; None if there are too many hits to look at."""
        with custom_plan():  # a plan made for rare words would be used for common ones, with which half the rows begin
            if keyset.count_up_to(MAX_HITS, self._hits()) is None:
                return None
            return self._matches().count()

    def rows(self) -> QuerySet[Mirrored]:
        """Return the rows that match; if `total` is None, only those among the list's first rows."""
        if self.total is not None:
            return self._matches()
        scopes, sort = split_scopes(self.context, self.screen.model), self.screen.sort()
        given = Q(**{f"{sort.key}__isnull": False})
        parts = [self._visible().filter(given, scope.condition(self.screen.model)) for scope in scopes]
        first = keyset.first_ids(parts, sort, None, FIRST_HITS // len(scopes))
        return self._visible().filter(_match(self.screen, self.words), pk__in=keyset.union_all(first))

    def _visible(self) -> QuerySet[Mirrored]:
        return seen_by(self.screen.model._default_manager.filter(self.condition), self.context)

    def _matches(self) -> QuerySet[Mirrored]:
        return self._visible().filter(pk__in=keyset.union_all(self._hits()))

    def _hits(self) -> list[keyset.Ids]:
        """Return, for each connection and way to match, the ids of rows, at most MAX_HITS + 1 each."""
        hits: list[keyset.Ids] = []
        for connection in sorted({scope.connection for scope in split_scopes(self.context, self.screen.model)}):
            rows = self.screen.model._default_manager.filter(removed_at=None, connection=connection)
            ways = (*_own_ways(self.screen, self.words), *_related_ways(self.screen, self.words, connection))
            hits += [rows.filter(way).values("pk") for way in ways]
            if self.screen.lines:
                hits.append(_parents_of_lines(self.screen.lines, self.words, connection))
        return [ids[: MAX_HITS + 1] for ids in hits]


def _match(screen: Screen, words: str) -> Q:
    match = Q()
    for way in (*_own_ways(screen, words), *_related_ways(screen, words, OuterRef("connection"))):
        match |= way
    if screen.lines:
        parents = _parents_of_lines(screen.lines, words, OuterRef("connection"))
        match |= Q(Exists(parents.filter(**{screen.lines.parent: OuterRef("pk")})))
    return match


def _own_ways(screen: Screen, words: str) -> list[Q]:
    """Return the conditions by which a row itself matches."""
    ways = [_begins(field, words) for field in screen.searched]
    return ways + [_begins(field, sign + words) for field, sign in OMITTED_SIGNS.items() if field in screen.searched]


def _related_ways(screen: Screen, words: str, connection: Any) -> list[Q]:
    """Return the conditions by which a row matches through another row of its connection."""
    ways = []
    for related in screen.related:
        begins = _begins(related.field, words)
        if related.field in OMITTED_SIGNS:
            begins |= _begins(related.field, OMITTED_SIGNS[related.field] + words)
        rows = related.model._default_manager.filter(begins, connection=connection, removed_at=None)
        ways.append(Q(**{f"{related.by}__in": rows.values("external_id")}))
    return ways


def _parents_of_lines(lines: SearchedLines, words: str, connection: Any) -> QuerySet[Any, Any]:
    """Return the ids of the rows with a line whose SKU begins with the words."""
    matching = lines.model._default_manager.filter(_begins("sku", words), connection=connection)
    return matching.order_by().values(lines.parent)


def _begins(field: str, words: str) -> Q:
    """Return the condition as a range: an index serves it on every database, and no character is a wildcard."""
    beginning = "".join(character.lower() if character.isascii() else character for character in words)
    return Q(**{f"{field}__folded__gte": beginning, f"{field}__folded__lt": beginning + LAST_CHARACTER})
