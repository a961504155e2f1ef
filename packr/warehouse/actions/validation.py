"""What a person entered, checked by the fields of the action, in one plain form."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.connectors.actions import Field
from integrations.connectors.parsing import clean, number

MISSING = "This is needed."
MOST_LINES = 500
LONGEST_TEXT = 2000
LARGEST = 10**9

Errors = dict[str, list[str]]


class Invalid(Exception):
    """Values that can't be sent. `fields` are messages by path, such as `line_items.0.quantity`; "" is about all."""

    def __init__(self, fields: Errors) -> None:
        super().__init__(" ".join(f"{path}: {' '.join(said)}" for path, said in fields.items()))
        self.fields = fields


def checked(given: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """The values as plain JSON without what is empty: days as 2026-03-01, decimals as text. Raises Invalid."""
    errors: Errors = {}
    found = _object(given, fields, "", errors)
    if errors:
        raise Invalid(errors)
    return found


def _object(given: Mapping[str, Any], fields: Sequence[Field], path: str, errors: Errors) -> dict[str, Any]:
    known = {field.name for field in fields}
    for name in given:
        if name not in known:
            errors[f"{path}{str(name)[:100]}"] = ["There is no such field."]
    found = {}
    for field in fields:
        here = f"{path}{field.name}"
        value = given.get(field.name)
        if isinstance(value, str):
            value = clean(value).strip()
        if value is None or value in ("", [], {}):
            if field.required:
                errors[here] = [MISSING]
            continue
        try:
            read = _value(field, value, here, errors)
        except ValueError as error:
            errors[here] = [str(error)]
            continue
        if read not in (None, "", [], {}):
            found[field.name] = read
        elif field.required and not any(one.startswith(here) for one in errors):
            errors[here] = [MISSING]
    return found


def _value(field: Field, value: Any, path: str, errors: Errors) -> Any:
    if field.kind == "lines":
        return _lines(field, value, path, errors)
    if field.kind == "address":
        if not isinstance(value, Mapping):
            raise ValueError("Enter an address.")
        return _object(value, field.fields, f"{path}.", errors)
    if isinstance(value, list | Mapping):
        raise ValueError("Enter one value.")
    read: Callable[[Field, Any], Any] = READERS.get(field.kind, _text)
    return read(field, value)


def _lines(field: Field, value: Any, path: str, errors: Errors) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(line, Mapping) for line in value):
        raise ValueError("Enter a list of lines.")
    if len(value) > MOST_LINES:
        raise ValueError(f"At most {MOST_LINES} lines can be sent at once.")
    return [_object(line, field.fields, f"{path}.{place}.", errors) for place, line in enumerate(value)]


def _text(field: Field, value: Any) -> str:
    text = str(value)
    if isinstance(value, bool) or len(text) > LONGEST_TEXT:
        raise ValueError(f"Enter a text of at most {LONGEST_TEXT} characters.")
    return text


def _integer(field: Field, value: Any) -> int:
    found = _number(field, value)
    if found != found.to_integral_value():
        raise ValueError("Enter a whole number.")
    return int(found)


def _decimal(field: Field, value: Any) -> str:
    return str(number(_number(field, value)))


def _number(field: Field, value: Any) -> Decimal:
    try:
        found = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) > LARGEST or found.as_tuple().exponent < -6:  # type: ignore[operator]
        raise ValueError("Enter a number.")
    if field.least is not None and found < field.least:
        raise ValueError(f"Enter {field.least} or more.")
    return found


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
    read = {"true": True, "on": True, "1": True, "false": False, "0": False}.get(str(value).lower())
    if read is None:
        raise ValueError("Choose yes or no.")
    return read


READERS: Mapping[str, Callable[[Field, Any], Any]] = {
    "integer": _integer,
    "decimal": _decimal,
    "day": _day,
    "choice": _choice,
    "flag": _flag,
}
