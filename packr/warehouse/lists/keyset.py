"""Keyset pagination: each page of a sorted list begins where another ended (docs/decisions/0004).

A cursor addresses a page: the sort it belongs to, and the sort key and id of the row it follows or precedes. However
deep a page is, an index is entered at the cursor and only the page's rows are read. A row that is added or removed
between two pages neither repeats nor hides another row.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection as database
from django.db.models import DateTimeField, DecimalField, F, Func, Q, QuerySet, TextField, Value
from django.db.models.expressions import OrderBy, RawSQL
from django.db.models.lookups import GreaterThan, LessThan

from ..models import Mirrored
from .base import Sort

Ids = QuerySet[Any, Any]  # one column: the ids of rows
LARGEST_ID = 2**63 - 1
NO_IDS = "SELECT 0 WHERE 1 = 0"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a sorted list: right after a row, or right `before` it. `passed`: how many rows came before it."""

    key: Any
    pk: int
    passed: int = 0
    before: bool = False


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of a page in the list's order, and whether there are more on either side."""

    rows: list[Mirrored]
    has_previous: bool
    has_next: bool


def encode_cursor(sort: Sort, cursor: Cursor) -> str:
    """Return a cursor as text for an address."""
    key = cursor.key if cursor.key is None else cursor.key.isoformat() if _is_time(sort) else str(cursor.key)
    text = json.dumps([sort.name, key, cursor.pk, cursor.passed], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(sort: Sort, text: str, *, before: bool = False) -> Cursor | None:
    """Return the cursor of an address; None if the text is invalid or belongs to another sort."""
    try:
        name, key, pk, passed = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if name != sort.name or not _is_count(pk) or not _is_count(passed):
            return None
        return Cursor(None if key is None else _key(sort, key), pk, passed, before)
    # RecursionError: the JSON is nested too deep. The others come from decoding and converting.
    except (ValueError, TypeError, OverflowError, DecimalException, RecursionError):
        return None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_ID


def _is_time(sort: Sort) -> bool:
    return isinstance(sort.model._meta.get_field(sort.field), DateTimeField)


def _key(sort: Sort, text: Any) -> Any:
    """Return the key as the database compares it. Raises ValueError or a similar error if it is invalid."""
    if not isinstance(text, str) or "\0" in text:
        raise ValueError(text)
    text.encode()
    if _is_time(sort):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError(text)
        return moment.astimezone(UTC)
    field = sort.model._meta.get_field(sort.field)
    if not isinstance(field, DecimalField):
        return text
    number = Decimal(text)
    if not number.is_finite() or len(f"{number:f}") > field.max_digits + 2:
        raise ValueError(text)
    return number


def read_parts(
    parts: Sequence[QuerySet[Mirrored]], shown: QuerySet[Mirrored], sort: Sort, cursor: Cursor | None, size: int
) -> PageRows:
    """Return a page of a list made of parts, each of which an index reads in the list's order.

    `shown` is the queryset that reads the rows on the page.
    """
    backwards = cursor is not None and cursor.before
    rows = shown.filter(pk__in=union_all(first_ids(parts, sort, cursor, size + 1)))
    return _slice(_ordered(rows, sort, backwards=backwards), cursor, size)


def read_sorted(found: QuerySet[Mirrored], sort: Sort, cursor: Cursor | None, size: int) -> PageRows:
    """Return a page of a list that is short enough to be sorted as a whole."""
    backwards = cursor is not None and cursor.before
    rows = found if cursor is None else found.filter(_beyond(sort, cursor))
    return _slice(_ordered(rows, sort, backwards=backwards), cursor, size)


def first_ids(parts: Sequence[QuerySet[Mirrored]], sort: Sort, cursor: Cursor | None, size: int) -> list[Ids]:
    """Return the ids among which the first rows beyond the cursor are, each queryset one range of an index."""
    down = sort.descending != (cursor is not None and cursor.before)
    order = (f"-{sort.key}", "-pk") if down else (sort.key, "pk")
    ranges = _ranges(sort, cursor)
    return [part.filter(range_).order_by(*order).values("pk")[:size] for part in parts for range_ in ranges]


def _ranges(sort: Sort, cursor: Cursor | None) -> list[Q]:
    """Return the rows beyond the cursor, those with a value apart from those without.

    So one index serves both directions, and rows without a value come last in both.
    """
    given, missing = Q(**{f"{sort.key}__isnull": False}), Q(**{f"{sort.key}__isnull": True})
    if cursor is None:
        return [given, missing]
    far = LessThan if sort.descending != cursor.before else GreaterThan
    if cursor.key is None:
        rest = missing & Q(far(F("pk"), cursor.pk))
        return [rest, given] if cursor.before else [rest]
    field: Any = sort.model._meta.get_field(sort.field)
    position = _Row(Value(cursor.key, output_field=field), Value(cursor.pk))
    beyond = Q(far(_Row(F(sort.key), F("pk")), position))
    return [beyond] if cursor.before else [beyond, missing]


class _Row(Func):
    """A row value, (a, b): compared as one, so that databases enter the index right at the position."""

    template = "(%(expressions)s)"
    output_field = TextField()  # required by Django, never read


def _beyond(sort: Sort, cursor: Cursor) -> Q:
    beyond = Q()
    for range_ in _ranges(sort, cursor):
        beyond |= range_
    return beyond


def _ordered(rows: QuerySet[Mirrored], sort: Sort, *, backwards: bool) -> QuerySet[Mirrored]:
    down = sort.descending != backwards
    by_key = OrderBy(F(sort.key), descending=down, nulls_first=backwards or None, nulls_last=not backwards or None)
    return rows.annotate(sort_key=F(sort.key)).order_by(by_key, "-pk" if down else "pk")


def _slice(rows: QuerySet[Mirrored], cursor: Cursor | None, size: int) -> PageRows:
    found = list(rows[: size + 1])
    more, found = len(found) > size, found[:size]
    if cursor is not None and cursor.before:
        return PageRows(found[::-1], has_previous=more, has_next=True)
    return PageRows(found, has_previous=cursor is not None, has_next=more)


def union_all(querysets: Iterable[Ids]) -> RawSQL:
    """Return the ids of all querysets, for `pk__in`. Each keeps its own order and limit, and so its own index.

    Django's union() allows no order and limit on SQLite, which takes them only in a sub-select.
    """
    statement, parameters = _union_sql(querysets)
    return RawSQL(statement, parameters)


def count_up_to(limit: int, querysets: Iterable[Ids]) -> int | None:
    """Return how many ids the querysets give together; None if more than `limit`, which are not counted further."""
    statement, parameters = _union_sql(querysets)
    with database.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM ({statement} LIMIT {limit + 1:d}) AS counted", parameters)
        (count,) = cursor.fetchone()
    return count if count <= limit else None


def _union_sql(querysets: Iterable[Ids]) -> tuple[str, tuple[Any, ...]]:
    statements: list[str] = []
    parameters: tuple[Any, ...] = ()
    for number, queryset in enumerate(querysets):
        try:
            statement, own = queryset.query.sql_with_params()
        except EmptyResultSet:  # no row can match
            continue
        statements.append(f"SELECT * FROM ({statement}) AS piece_{number}")
        parameters += tuple(own)
    return " UNION ALL ".join(statements) or NO_IDS, parameters
