"""The schema of a write's body: types, required fields, and Trackstar's rule that nothing may be null."""

from dataclasses import dataclass
from typing import Any

from .http_types import invalid
from .store import Record, seconds

NULLISH = ("", "null", "none", "nil", "undefined")
# Marked nullable in Trackstar's schemas.
NULLABLE = ("trackstar_tags", "warehouse_customer_id")


@dataclass(frozen=True)
class BodyField:
    """One field of a body: text, whole, number, flag, date, texts, any, object or list (of objects)."""

    kind: str
    required: bool = False
    fields: "Schema | None" = None
    choices: tuple[str, ...] = ()


Schema = dict[str, BodyField]


def checked(body: Record, schema: Schema) -> list[str]:
    """Refuse a body with 422 if it breaks its schema. Return the names of unused fields."""
    problems = _problems(body, schema)
    if problems:
        raise invalid("json", problems)
    return [name for name in body if name not in schema]


def _problems(body: Record, schema: Schema) -> Record:
    found: Record = {}
    for name, value in body.items():
        field = schema.get(name)
        problem = _nulls(name, value) or (_problem(value, field) if field else None)
        if problem:
            found[name] = problem
    for name, field in schema.items():
        if field.required and name not in body:
            found[name] = ["Missing data for required field."]
    return found


def _nulls(name: str, value: object) -> list[str] | Record | None:
    if name in NULLABLE and value is None:
        return None
    if value is None or (isinstance(value, str) and value.strip().lower() in NULLISH):
        return ["Field may not be null."]
    if isinstance(value, list):
        inside = {str(place): problem for place, one in enumerate(value) if (problem := _nulls(name, one))}
        return inside or None
    if isinstance(value, dict):
        return {key: problem for key, one in value.items() if (problem := _nulls(key, one))} or None
    return None


def _problem(value: Any, field: BodyField) -> list[str] | Record | None:
    if value is None:
        return None
    if field.kind == "object":
        return _problems(value, field.fields or {}) if isinstance(value, dict) else ["Not a valid object."]
    if field.kind == "list":
        return _list_problem(value, field.fields or {})
    if not _fits(value, field.kind):
        word = {"whole": "integer", "flag": "boolean", "date": "datetime", "text": "string"}.get(field.kind, field.kind)
        return [f"Not a valid {word}."]
    if field.choices and value not in field.choices:
        return [f"Must be one of: {', '.join(field.choices)}."]
    return None


def _list_problem(value: Any, schema: Schema) -> list[str] | Record | None:
    if not isinstance(value, list):
        return ["Not a valid list."]
    if not value:
        return ["Shorter than minimum length 1."]
    found: Record = {}
    for place, one in enumerate(value):
        problem = _problems(one, schema) if isinstance(one, dict) else ["Not a valid object."]
        if problem:
            found[str(place)] = problem
    return found or None


def _fits(value: Any, kind: str) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    tests = {
        "text": isinstance(value, str),
        "whole": isinstance(value, int) and not isinstance(value, bool),
        "number": number,
        "flag": isinstance(value, bool),
        "date": seconds(value) is not None,
        "texts": isinstance(value, list) and all(isinstance(one, str) for one in value),
        "any": True,
    }
    return tests[kind]
