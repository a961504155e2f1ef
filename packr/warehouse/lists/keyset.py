"""Pages of a sorted list, each beginning where another ended (docs/decisions/0004).

A page is addressed by a cursor: the sort it belongs to, the sort key and the id of the row it follows or precedes.
However deep a page lies, an index is entered at the cursor and as many rows are read as the page has. A row that comes
or goes meanwhile neither doubles nor hides another.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
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
from .screens import Sort

Ids = QuerySet[Any, Any]  # one column: the ids of rows
LARGEST_ID = 2**63 - 1
Statement = tuple[str, tuple[Any, ...]]
NOTHING = "SELECT 0 WHERE 1 = 0"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a sorted list: right after a row, or right `before` it; `passed` rows lay ahead when it was made."""

    key: Any
    pk: int
    passed: int = 0
    before: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows in the list's order, and whether there are more on either side."""

    rows: list[Mirrored]
    has_previous: bool
    has_next: bool


def written(sort: Sort, cursor: Cursor) -> str:
    """A cursor for an address."""
    key = cursor.key if cursor.key is None else cursor.key.isoformat() if _is_time(sort) else str(cursor.key)
    text = json.dumps([sort.name, key, cursor.pk, cursor.passed], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(sort: Sort, text: str, *, before: bool = False) -> Cursor | None:
    """The cursor from an address; None when it is none, or belongs to another sort."""
    try:
        name, key, pk, passed = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if name != sort.name or not _is_count(pk) or not _is_count(passed):
            return None
        return Cursor(None if key is None else _key(sort, key), pk, passed, before)
    # RecursionError: what is nested too deep for the decoder. The rest is what decoding and converting raise.
    except (ValueError, TypeError, OverflowError, DecimalException, RecursionError):
        return None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_ID


def _is_time(sort: Sort) -> bool:
    return isinstance(sort.model._meta.get_field(sort.field), DateTimeField)


def _key(sort: Sort, text: Any) -> Any:
    """The key as the database compares it; ValueError and its like when it can't."""
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


def walk(
    parts: list[QuerySet[Mirrored]], shown: QuerySet[Mirrored], sort: Sort, cursor: Cursor | None, size: int
) -> Slice:
    """The rows at the cursor of a list that is made of parts, each of which can be read in its order by an index.

    `shown` says what is read of the rows that are on the page.
    """
    backwards = cursor is not None and cursor.before
    rows = shown.filter(pk__in=ids(first_ids(parts, sort, cursor, size + 1)))
    return _slice(_ordered(rows, sort, backwards=backwards), cursor, size)


def sift(found: QuerySet[Mirrored], sort: Sort, cursor: Cursor | None, size: int) -> Slice:
    """The rows at the cursor of a list so short that it may be sorted whole."""
    backwards = cursor is not None and cursor.before
    rows = found if cursor is None else found.filter(_beyond(sort, cursor))
    return _slice(_ordered(rows, sort, backwards=backwards), cursor, size)


def first_ids(parts: list[QuerySet[Mirrored]], sort: Sort, cursor: Cursor | None, size: int) -> list[Ids]:
    """The ids among which the first rows beyond the cursor are, in pieces that are each one stretch of an index."""
    down = sort.descending != (cursor is not None and cursor.before)
    order = (f"-{sort.key}", "-pk") if down else (sort.key, "pk")
    stretches = _stretches(sort, cursor)
    return [part.filter(piece).order_by(*order).values("pk")[:size] for part in parts for piece in stretches]


def _stretches(sort: Sort, cursor: Cursor | None) -> list[Q]:
    """Rows with a value and rows without are apart: so one index serves both ways, and none comes last in both."""
    given, missing = Q(**{f"{sort.key}__isnull": False}), Q(**{f"{sort.key}__isnull": True})
    if cursor is None:
        return [given, missing]
    far = LessThan if sort.descending != cursor.before else GreaterThan
    if cursor.key is None:
        rest = missing & Q(far(F("pk"), cursor.pk))
        return [rest, given] if cursor.before else [rest]
    field: Any = sort.model._meta.get_field(sort.field)
    here = _Row(Value(cursor.key, output_field=field), Value(cursor.pk))
    beyond = Q(far(_Row(F(sort.key), F("pk")), here))
    return [beyond] if cursor.before else [beyond, missing]


class _Row(Func):
    """Several values compared as one: the form in which databases see that an index leads right to the place."""

    template = "(%(expressions)s)"
    output_field = TextField()  # never read; Django wants one


def _beyond(sort: Sort, cursor: Cursor) -> Q:
    beyond = Q()
    for stretch in _stretches(sort, cursor):
        beyond |= stretch
    return beyond


def _ordered(rows: QuerySet[Mirrored], sort: Sort, *, backwards: bool) -> QuerySet[Mirrored]:
    down = sort.descending != backwards
    by_key = OrderBy(F(sort.key), descending=down, nulls_first=backwards or None, nulls_last=not backwards or None)
    return rows.annotate(sort_key=F(sort.key)).order_by(by_key, "-pk" if down else "pk")


def _slice(rows: QuerySet[Mirrored], cursor: Cursor | None, size: int) -> Slice:
    found = list(rows[: size + 1])
    more, found = len(found) > size, found[:size]
    if cursor is not None and cursor.before:
        return Slice(found[::-1], has_previous=more, has_next=True)
    return Slice(found, has_previous=cursor is not None, has_next=more)


def ids(querysets: Iterable[Ids]) -> RawSQL:
    """The ids that any of the querysets gives, for `pk__in`: each keeps its own order and limit, and so its own index.

    Django's union() refuses those on SQLite, which takes them one level down.
    """
    statement, parameters = _all_of(querysets)
    return RawSQL(statement, parameters)


def count(querysets: Iterable[Ids]) -> Statement:
    """A statement of one number: how many ids the querysets give together."""
    statement, parameters = _all_of(querysets)
    return f"SELECT COUNT(*) FROM ({statement}) AS counted", parameters


def count_if_few(querysets: Iterable[Ids], counted: Ids, most: int) -> Statement:
    """A statement of one number: how many ids `counted` gives; nothing when the querysets give more than `most`.

    Then no more than `most` are looked at, and `counted` is not worked out at all.
    """
    statement, parameters = _all_of(querysets)
    total, own = _all_of([counted])
    few = f"SELECT COUNT(*) AS few FROM (SELECT * FROM ({statement}) AS hits LIMIT {most + 1}) AS limited"
    when = f"CASE WHEN few <= {most} THEN (SELECT COUNT(*) FROM ({total}) AS counted) END"
    return f"SELECT {when} FROM ({few}) AS looked", (*own, *parameters)


def beside(total: Statement, others: Iterable[Ids]) -> tuple[int | None, list[tuple[Any, ...]]]:
    """A number, and the rows of querysets of four columns (text, number, text, text), all in one statement."""
    number, parameters = total
    statement, own = _all_of(others)
    if statement == NOTHING:
        statement = "SELECT '', 0, '', '' WHERE 1 = 0"
    nothing = "CAST(NULL AS text)"
    first = f"SELECT 'total' AS what, ({number}) AS number, {nothing} AS key, {nothing} AS word"
    with database.cursor() as cursor:
        cursor.execute(f"{first} UNION ALL SELECT * FROM ({statement}) AS others", (*parameters, *own))
        rows = [tuple(row) for row in cursor.fetchall()]
    return next(row[1] for row in rows if row[0] == "total"), [row for row in rows if row[0] != "total"]


def _all_of(querysets: Iterable[Ids]) -> tuple[str, tuple[Any, ...]]:
    statements: list[str] = []
    parameters: tuple[Any, ...] = ()
    for number, queryset in enumerate(querysets):
        try:
            statement, own = queryset.query.sql_with_params()
        except EmptyResultSet:  # Django sees that nothing can match
            continue
        statements.append(f"SELECT * FROM ({statement}) AS piece_{number}")
        parameters += tuple(own)
    return " UNION ALL ".join(statements) or NOTHING, parameters
