"""Exact, plain values from what a WMS sends. Each function raises ValueError with a reason that people can read."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

# Amounts and quantities have at most 18 digits before the point and 40 after it. Anything else is a broken number.
MAX_WHOLE_DIGITS, MAX_DECIMALS = 18, 40
TOO_LARGE = 10**MAX_WHOLE_DIGITS
MAX_ID_LENGTH = 500  # PostgreSQL refuses index entries of more than 2,704 bytes
MAX_JSON_DEPTH = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# NUL, which PostgreSQL refuses, and halves of surrogate pairs, which are no characters.
NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
REPLACED = "\ufffd"


def number(value: int | Decimal | None) -> str | None:
    """Return a number as exact decimal text without exponent or trailing zeros: `58.40` becomes `58.4`."""
    if value is None:
        return None
    if isinstance(value, int):
        return str(value) if -TOO_LARGE < value < TOO_LARGE else _spelled(Decimal(value))
    return _number(value) if not value.is_snan() else _spelled(value)


def _spelled(value: Decimal) -> str:
    text = str(value)
    if text.isdigit() and len(text) <= MAX_WHOLE_DIGITS:
        return str(int(text))
    if not value.is_finite():
        raise ValueError(f"{text[:40]} is not a number")
    if not value:
        return "0"
    # Checked before it is written out: 1E-999999999 would become a text of a gigabyte.
    if value.adjusted() >= MAX_WHOLE_DIGITS:
        raise ValueError(f"{text[:40]} is too large to be a quantity or an amount")
    if value.adjusted() < -MAX_DECIMALS or len(text) > MAX_WHOLE_DIGITS + MAX_DECIMALS + 2:
        raise ValueError(f"{text[:40]} has too many digits to be a quantity or an amount")
    plain = format(value, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return plain


def parse_decimal(text: str) -> Decimal:
    """Return the number written in a text. Raises ValueError if it is none."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is not a number") from None


# The same few quantities come often; equal decimals are spelled the same.
_number = lru_cache(maxsize=50_000)(_spelled)


def instant(value: str | int | float | Decimal | None) -> datetime | None:
    """Return a moment in UTC from ISO 8601 (no offset means UTC), or from seconds or milliseconds since 1970."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            # The usual form is tried first, since nothing else has to be done for it.
            return datetime.fromisoformat(value) if len(value) == 20 and value[19] == "Z" else _from_text(value.strip())
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{value.strip()[:60]!r} is not a time") from error
    try:
        amount = value if isinstance(value, int) else float(value)
        milliseconds = abs(amount) >= 100_000_000_000
        return EPOCH + (timedelta(milliseconds=amount) if milliseconds else timedelta(seconds=amount))
    except (ValueError, ArithmeticError) as error:
        raise ValueError("the number is not a time") from error


def _from_text(text: str) -> datetime:
    if text.isdigit() and len(text) in (10, 13):
        return EPOCH + timedelta(milliseconds=int(text) * (1000 if len(text) == 10 else 1))
    moment = datetime.fromisoformat(text.upper())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def identifier(value: str | int | Decimal | None) -> str:
    """Return an id as text, byte for byte. Raises ValueError if it is missing or empty."""
    if value is None or value == "":
        raise ValueError("the record has no id")
    text = str(value)
    if REPLACED in text:
        # Two ids may differ only in what was replaced, so one record would overwrite the other.
        raise ValueError("the record's id has invalid characters")
    if len(text) > MAX_ID_LENGTH:
        raise ValueError(f"the record's id is longer than {MAX_ID_LENGTH} characters")
    return text


def clean(value: Any) -> Any:
    """Return the JSON value with NUL and half surrogate pairs replaced, so that both databases store the same text."""
    if isinstance(value, str):
        return NOT_TEXT.sub(REPLACED, value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value


def plain(value: Any, depth: int = MAX_JSON_DEPTH) -> Any:
    """Return JSON of any form ready to be stored. Numbers that only a Decimal holds exactly become text."""
    if isinstance(value, Decimal):
        near = float(value)
        return near if Decimal(repr(near)) == value else str(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    if not isinstance(value, list | dict):
        return value
    if not depth:
        raise ValueError(f"nested more than {MAX_JSON_DEPTH} levels deep")
    if isinstance(value, list):
        return [plain(item, depth - 1) for item in value]
    return {key: plain(item, depth - 1) for key, item in value.items()}


def in_words(span: timedelta) -> str:
    """Return a rough length of time for a sentence: `40 s`, `12 min`, `3 h`, `2 days`."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (size == 60 and seconds >= 60):
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"
