"""Listings: filters and operators, page size and page tokens."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from .entities import filters
from .http_types import SandboxAnswer, SandboxRequest, invalid
from .store import Key, RecordTable, StoredRecord

Test = Callable[[StoredRecord], bool]
LIMIT = 1000
IN_LIMIT = 100
_NAME = re.compile(r"(\w+)(?:\[([\w-]+)\])?")
_RANGES = ("eq", "neq", "gt", "gte", "lt", "lte")
_TEXTS = ("eq", "neq", "in", "nin", "contains", "not_contains")
OPERATORS = {
    "date": (*_RANGES, "in", "nin"),
    "day": _RANGES,
    "text": _TEXTS,
    "number": (*_TEXTS, "eq-insensitive", "in-insensitive", "contains-insensitive"),
    "flag": ("eq", "neq", "in", "nin"),
    "tags": ("contains", "not_contains"),
}


def token_after(number: int, lap: int = 0) -> str:
    """Return the token of the page after row `number`; `lap` makes tokens of the same place differ."""
    return base64.urlsafe_b64encode(json.dumps({"after": number, "lap": lap}).encode()).decode()


def _number_of(token: str) -> int:
    try:
        number = json.loads(base64.urlsafe_b64decode(token.encode()))["after"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        number = None
    if not isinstance(number, int):
        raise invalid("query", {"page_token": ["Invalid page token."]})
    return number


def start_of(request: SandboxRequest) -> int:
    """Return the number of the row after which the requested page starts."""
    token = request.parameter("page_token")
    return _number_of(token) if token else 0


def page(
    table: RecordTable, entity: str, request: SandboxRequest, also: list[Test], without: tuple[str, ...] = ()
) -> SandboxAnswer:
    """Return one page of a table. `also` tests every row; `without` names filters this WMS does not support."""
    if (ids := request.parameter("ids[in]")) is not None:
        return _by_ids(table, ids, also)
    tests, limit, after = list(also), LIMIT, 0
    for name, value in request.query:
        if name == "limit":
            limit = _limit(value)
        elif name == "page_token":
            after = start_of(request)
        else:
            tests.append(_test(table, entity, name, value, without))
    found = _scan(table, tests, after, limit + 1)
    more, found = len(found) > limit, found[:limit]
    return SandboxAnswer(
        rows=[row.body for row in found],
        numbers=[row.number for row in found],
        next_token=token_after(found[-1].number) if more else None,
    )


def _scan(table: RecordTable, tests: list[Test], after: int, wanted: int) -> list[StoredRecord]:
    found: list[StoredRecord] = []
    place, step = table.place_after(after), 4000 if tests else wanted
    while place < len(table.rows) and len(found) < wanted:
        chunk = table.rows[place : place + step]
        for test in tests:
            chunk = [row for row in chunk if test(row)]
        found += chunk
        place += step
    return found[:wanted]


def _by_ids(table: RecordTable, ids: str, also: list[Test]) -> SandboxAnswer:
    wanted = _many("ids[in]", ids)
    rows = [row for identity in dict.fromkeys(wanted) if (row := table.row(identity))]
    rows = sorted((row for row in rows if all(test(row) for test in also)), key=lambda row: row.number)
    return SandboxAnswer(rows=[row.body for row in rows], numbers=[row.number for row in rows])


def _limit(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= LIMIT:
        raise invalid("query", {"limit": [f"Must be an integer from 1 to {LIMIT}."]})
    return int(value)


def _many(name: str, value: str) -> list[str]:
    values = value.split(",")
    if len(values) > IN_LIMIT:
        raise invalid("query", {name: [f"At most {IN_LIMIT} values are allowed."]})
    return values


def _test(table: RecordTable, entity: str, name: str, value: str, without: tuple[str, ...]) -> Test:
    match = _NAME.fullmatch(name)
    field = match[1] if match else name
    kind = None if field in without else filters(entity).get(field)
    if match is None or kind is None:
        raise invalid("query", {name: ["Unknown field."]})
    operator = match[2] or "eq"
    if operator not in OPERATORS[kind]:
        raise invalid("query", {name: [f"Unknown operator {operator}."]})
    place = list(table.fields).index(field)
    if operator.split("-")[0] in ("in", "nin"):
        wanted = {_operand(name, kind, one, operator) for one in _many(name, value)}
        return _membership(place, operator, wanted)
    return _comparison(place, operator, _operand(name, kind, value, operator))


def _operand(name: str, kind: str, value: str, operator: str) -> Key:
    if kind in ("date", "day"):
        try:
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise invalid("query", {name: ["Not a valid datetime."]}) from None
    if kind == "flag":
        if value.lower() not in ("true", "false"):
            raise invalid("query", {name: ["Not a valid boolean."]})
        return value.lower() == "true"
    return value.lower() if operator.endswith("-insensitive") else value


def _membership(place: int, operator: str, wanted: set[Key]) -> Test:
    if operator == "in":
        return lambda row: row.keys[place] in wanted
    if operator == "nin":
        return lambda row: row.keys[place] not in wanted
    return lambda row: str(row.keys[place] or "").lower() in wanted


def _comparison(place: int, operator: str, wanted: Key) -> Test:
    """Return a test that is false for a record without the field or with a value of another type."""

    def key(row: StoredRecord) -> Key:
        return row.keys[place]

    number = wanted if isinstance(wanted, float) else 0.0
    text = wanted if isinstance(wanted, str) else ""
    tests: dict[str, Test] = {
        "eq": lambda row: row.keys[place] == wanted,
        "neq": lambda row: row.keys[place] != wanted,
        "gt": lambda row: isinstance(found := key(row), float) and found > number,
        "gte": lambda row: isinstance(found := key(row), float) and found >= number,
        "lt": lambda row: isinstance(found := key(row), float) and found < number,
        "lte": lambda row: isinstance(found := key(row), float) and found <= number,
        "contains": lambda row: text in found if isinstance(found := key(row), (str, tuple)) else False,
        "not_contains": lambda row: text not in found if isinstance(found := key(row), (str, tuple)) else True,
        "eq-insensitive": lambda row: str(key(row) or "").lower() == text,
        "contains-insensitive": lambda row: text in str(key(row) or "").lower(),
    }
    return tests[operator]
