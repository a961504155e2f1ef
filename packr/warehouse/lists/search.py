"""Searching a screen by the beginnings of its fields and of its lines' SKUs.

Beginnings are what an index can find on every database alike (docs/decisions/0004). Whatever is searched for, a
bounded number of index entries is read: where more than MOST begin so, only the FIRST rows of the list are looked at.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from ..models import Mirrored
from ..visibility import Part
from . import keyset
from .screens import Lines, Screen

MAX_HITS = 5_000
FIRST_HITS = 2_000
HIGHEST = "\U0010ffff"


# What people leave out at the beginning of a field.
SIGNS = {"order_number": "#"}


@dataclass(frozen=True, slots=True)
class Search:
    """What begins with some words among the narrowed rows of the parts."""

    screen: Screen
    parts: list[Part]
    narrowed: Q
    words: str

    def total(self) -> keyset.Statement:
        """The statement that tells how many rows match; nothing when too many begin so to look at them all."""
        return keyset.count_if_few(self._hits(), self._exact().values("pk"), MAX_HITS)

    def rows(self, total: int | None) -> QuerySet[Mirrored]:
        """The rows that match; without a total only those among the list's first rows."""
        if total is not None:
            return self._exact()
        sort, own = self.screen.sort(), [part.of(self.screen.model).filter(self.narrowed) for part in self.parts]
        given = [rows.filter(**{f"{sort.key}__isnull": False}) for rows in own]
        first = keyset.first_ids(given, sort, None, FIRST_HITS // len(self.parts))
        return self._seen().filter(_match(self.screen, self.words), pk__in=keyset.ids(first))

    def _seen(self) -> QuerySet[Mirrored]:
        seen = Q(pk__in=())
        for part in self.parts:
            seen |= Q(connection=part.connection) & part.sees(self.screen.model)
        return self.screen.model._default_manager.filter(self.narrowed, seen, removed_at=None)

    def _exact(self) -> QuerySet[Mirrored]:
        return self._seen().filter(pk__in=keyset.ids(self._hits()))

    def _hits(self) -> list[keyset.Ids]:
        """For each way of each connection what begins so, and the parents of lines that do: MOST and one at most."""
        found: list[keyset.Ids] = []
        for connection in sorted({part.connection for part in self.parts}):
            rows = self.screen.model._default_manager.filter(removed_at=None, connection=connection)
            ways = (*_ways(self.screen, self.words), *_through(self.screen, self.words, connection))
            found += [rows.filter(begins).values("pk") for begins in ways]
            if self.screen.lines:
                found.append(_lines(self.screen.lines, self.words, connection))
        return [ids[: MAX_HITS + 1] for ids in found]


def _match(screen: Screen, words: str) -> Q:
    match = Q()
    for begins in (*_ways(screen, words), *_through(screen, words, OuterRef("connection"))):
        match |= begins
    if screen.lines:
        own = _lines(screen.lines, words, OuterRef("connection")).filter(**{screen.lines.parent: OuterRef("pk")})
        match |= Q(Exists(own))
    return match


def _ways(screen: Screen, words: str) -> list[Q]:
    """The ways in which a row itself may match."""
    ways = [_begins(field, words) for field in screen.searched]
    return ways + [_begins(field, sign + words) for field, sign in SIGNS.items() if field in screen.searched]


def _through(screen: Screen, words: str, connection: Any) -> list[Q]:
    """The ways in which a row may match by another one of its connection."""
    ways = []
    for one in screen.related:
        begins = Q()
        for beginning in (words, SIGNS.get(one.field, "") + words):
            begins |= _begins(one.field, beginning)
        rows = one.model._default_manager.filter(begins, connection=connection, removed_at=None)
        ways.append(Q(**{f"{one.by}__in": rows.values("external_id")}))
    return ways


def _lines(lines: Lines, words: str, connection: Any) -> QuerySet[Any, Any]:
    own = lines.model._default_manager.filter(connection=connection)
    return own.filter(_begins("sku", words)).order_by().values(lines.parent)


def _begins(field: str, words: str) -> Q:
    """As a range, which an index serves everywhere and in which no character stands for others."""
    beginning = "".join(character.lower() if character.isascii() else character for character in words)
    return Q(**{f"{field}__folded__gte": beginning, f"{field}__folded__lt": beginning + HIGHEST})
