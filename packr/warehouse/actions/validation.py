"""Validation of an action's values: from a form or from JSON to typed values, or errors by field."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.connectors.actions import Field
from integrations.connectors.parsing import clean, number

REQUIRED = "Required."
MAX_LINES = 500
MAX_TEXT_LENGTH = 2000
MAX_NUMBER = 10**9

FieldErrors = dict[str, list[str]]


class Invalid(Exception):
    """Values that can't be sent.

    `fields` holds messages by path, such as `line_items.0.quantity`; the path "" stands for the whole form.
    """

    def __init__(self, fields: FieldErrors) -> None:
        super().__init__(" ".join(f"{path}: {' '.join(texts)}" for path, texts in fields.items()))
        self.fields = fields


def validated(given: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """Return the values as plain JSON without empty ones: days as 2026-03-01, decimals as text. Raises Invalid."""
    errors: FieldErrors = {}
    values = _object(given, fields, "", errors)
    if errors:
        raise Invalid(errors)
    return values


def is_empty(value: Any) -> bool:
    """Return whether a value counts as not given."""
    return value is None or value in ("", [], {})


def _object(given: Mapping[str, Any], fields: Sequence[Field], prefix: str, errors: FieldErrors) -> dict[str, Any]:
    known = {field.name for field in fields}
    for name in given:
        if name not in known:
            errors[f"{prefix}{str(name)[:100]}"] = ["There is no such field."]
    values = {}
    for field in fields:
        path = f"{prefix}{field.name}"
        value = given.get(field.name)
        if isinstance(value, str):
            value = clean(value).strip()
        if is_empty(value):
            if field.required:
                errors[path] = [REQUIRED]
            continue
        try:
            parsed = _parsed(field, value, path, errors)
        except ValueError as error:
            errors[path] = [str(error)]
            continue
        if not is_empty(parsed):
            values[field.name] = parsed
        elif field.required and not any(other.startswith(path) for other in errors):
            errors[path] = [REQUIRED]
    return values


def _parsed(field: Field, value: Any, path: str, errors: FieldErrors) -> Any:
    if field.kind == "lines":
        return _lines(field, value, path, errors)
    if field.kind == "address":
        if not isinstance(value, Mapping):
            raise ValueError("Enter an address.")
        return _object(value, field.fields, f"{path}.", errors)
    if isinstance(value, list | Mapping):
        raise ValueError("Enter one value.")
    parse: Callable[[Field, Any], Any] = PARSERS.get(field.kind, _text)
    return parse(field, value)


def _lines(field: Field, value: Any, path: str, errors: FieldErrors) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(line, Mapping) for line in value):
        raise ValueError("Enter a list of lines.")
    if len(value) > MAX_LINES:
        raise ValueError(f"Send at most {MAX_LINES} lines.")
    return [_object(line, field.fields, f"{path}.{index}.", errors) for index, line in enumerate(value)]


def _text(field: Field, value: Any) -> str:
    text = str(value)
    if isinstance(value, bool) or len(text) > MAX_TEXT_LENGTH:
        raise ValueError(f"Enter at most {MAX_TEXT_LENGTH:,} characters.")
    return text


def _integer(field: Field, value: Any) -> int:
    parsed = _number(field, value)
    if parsed != parsed.to_integral_value():
        raise ValueError("Enter a whole number.")
    return int(parsed)


def _decimal(field: Field, value: Any) -> str:
    return str(number(_number(field, value)))


def _number(field: Field, value: Any) -> Decimal:
    try:
        parsed = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        parsed = Decimal("NaN")
    if not parsed.is_finite() or abs(parsed) > MAX_NUMBER or parsed.as_tuple().exponent < -6:  # type: ignore[operator]
        raise ValueError("Enter a number.")
    if field.minimum is not None and parsed < field.minimum:
        raise ValueError(f"Enter {field.minimum} or more.")
    return parsed


def _day(field: Field, value: Any) -> str:
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise ValueError("Enter a day, such as 2026-03-01.") from None


def _choice(field: Field, value: Any) -> str:
    if str(value) not in {name for name, _ in field.choices}:
        raise ValueError(f"Choose one of: {', '.join(label for _, label in field.choices)}.")
    return str(value)


def _flag(field: Field, value: Any) -> bool:
    parsed = {"true": True, "on": True, "1": True, "false": False, "0": False}.get(str(value).lower())
    if parsed is None:
        raise ValueError("Choose yes or no.")
    return parsed


PARSERS: Mapping[str, Callable[[Field, Any], Any]] = {
    "integer": _integer,
    "decimal": _decimal,
    "day": _day,
    "choice": _choice,
    "flag": _flag,
}
