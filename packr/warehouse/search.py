"""Searching a screen by the beginnings of its fields and of its lines' SKUs.

Beginnings are what an index can find on every database alike (docs/decisions/0004). Whatever is searched for, a
bounded number of index entries is read: where more than MOST begin so, only the FIRST rows of the list are looked at.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from . import paging
from .brands import Part
from .models import Mirrored
from .screens import Lines, Screen

MOST = 5_000
FIRST = 2_000
HIGHEST = "\U0010ffff"


# What people leave out at the beginning of a field.
SIGNS = {"order_number": "#"}


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that match, and how many.

    No total: too many begin with the words; these are only those among the list's first rows, and not counted.
    """

    rows: QuerySet[Mirrored]
    total: int | None


def search(screen: Screen, parts: list[Part], narrowed: Q, words: str) -> Found:
    """What begins with the words among the narrowed rows of the parts; one statement asks how much that is."""
    hits = _hits(screen, sorted({part.connection for part in parts}), words)
    rows = screen.model._default_manager.filter(narrowed, _seen(parts, screen.model), removed_at=None)
    exact = rows.filter(pk__in=paging.ids(hits))
    total = paging.count_if_few(hits, exact.values("pk"), MOST)
    if total is not None:
        return Found(exact, total)
    sort = screen.sort()
    given = Q(**{f"{sort.key}__isnull": False})
    first = paging.first_ids(
        [part.of(screen.model).filter(narrowed, given) for part in parts], sort, None, FIRST // len(parts)
    )
    return Found(rows.filter(_match(screen, words), pk__in=paging.ids(first)), None)


def _hits(screen: Screen, connections: list[int], words: str) -> list[paging.Ids]:
    """For each field of each connection what begins so, and the parents of the lines that do: MOST and one at most."""
    found: list[paging.Ids] = [
        screen.model._default_manager.filter(begins, connection=connection, removed_at=None).values("pk")[: MOST + 1]
        for connection in connections
        for begins in _ways(screen, words)
    ]
    if screen.lines:
        found.append(_lines(screen.lines, words)[: MOST + 1])
    return found


def _match(screen: Screen, words: str) -> Q:
    match = Q()
    for begins in _ways(screen, words):
        match |= begins
    if screen.lines:
        match |= Q(Exists(_lines(screen.lines, words).filter(**{screen.lines.parent: OuterRef("pk")})))
    return match


def _ways(screen: Screen, words: str) -> list[Q]:
    """The ways in which a row itself may match."""
    ways = [_begins(field, words) for field in screen.searched]
    return ways + [_begins(field, sign + words) for field, sign in SIGNS.items() if field in screen.searched]


def _lines(lines: Lines, words: str) -> QuerySet[Any, Any]:
    return lines.model._default_manager.filter(_begins("sku", words)).order_by().values(lines.parent)


def _begins(field: str, words: str) -> Q:
    """As a range, which an index serves everywhere and in which no character stands for others."""
    beginning = "".join(character.lower() if character.isascii() else character for character in words)
    return Q(**{f"{field}__folded__gte": beginning, f"{field}__folded__lt": beginning + HIGHEST})


def _seen(parts: list[Part], model: type[Mirrored]) -> Q:
    seen = Q(pk__in=())
    for part in parts:
        seen |= Q(connection=part.connection) & part.sees(model)
    return seen
