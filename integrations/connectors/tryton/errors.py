"""What Tryton's errors mean. Facts: trytond 8.2.1, its source and its answers (November 2026).

An error comes inside HTTP 200, as [name, words]. `secrets` are texts that must not be shown: Tryton may repeat them.
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from ...errors import ConnectorError, Kind
from ...http.client import Answer
from ..actions import ActionRejected
from ..wms_text import safe_line

# Python's KeyError, a quoted word and nothing else: a model or a field of a module that is not active.
KEY_ERROR = re.compile(r"'([a-z0-9_.]{1,60})'")


def _name_and_words(error: Any) -> tuple[Any, Any]:
    return (error[0], error[1]) if isinstance(error, list) and len(error) == 2 else ("", error)


def read_error(error: Any, secrets: Sequence[str] = ()) -> ConnectorError:
    """Return the error of a call that reads. Tryton's words are only in its detail."""
    name, words = _name_and_words(error)
    detail = safe_line(f"{name}: {words}", secrets)[:300]
    kind, fact, advice = Kind.UNREACHABLE, "Tryton reported an internal error.", ""
    if name == "UserError":
        kind, fact = Kind.FORBIDDEN, "Tryton does not let this login read this type of data."
        advice = "Give its user the groups for sales, purchases, stock and products, or switch this type of data off."
    elif name == "LoginException":
        kind, fact = Kind.CREDENTIALS, "Tryton asks this login for more than a password."
        advice = "Connect with a login that needs only a password."
    elif isinstance(name, str) and (missing := KEY_ERROR.fullmatch(name)) and not words:
        kind, fact = Kind.NOT_OFFERED, f"This Tryton has no {missing[1]}: the module for it is not active."
        advice = "Activate it, or leave this type of data switched off."
    return ConnectorError(kind, fact, advice, detail=detail)


def change_error(error: Any, secrets: Sequence[str] = ()) -> Exception:
    """Return the refusal of a change, in Tryton's own words. Tryton has rolled the whole call back."""
    name, words = _name_and_words(error)
    if name == "LoginException":
        return read_error(error, secrets)
    if name == "ConcurrencyException":
        return ActionRejected("Someone changed this in Tryton at the same time. Check it, then send the change again.")
    texts = words if isinstance(words, list) else [words] if isinstance(words, str) else []
    if name == "UserWarning":
        texts = texts[1:]  # the first is the warning's name
    text = " ".join(str(text) for text in texts[:2] if text) or f"Tryton reported an internal error: {name}"
    line = safe_line(text, secrets)
    return ActionRejected(
        f"Tryton asks for a confirmation in its own client: {line}" if name == "UserWarning" else line
    )


def unknown_database(answer: Answer) -> ConnectorError:
    """Return the error for a database that Tryton doesn't know (404) or can't open (503; on SQLite also unknown)."""
    return ConnectorError(
        Kind.CREDENTIALS if answer.status == HTTPStatus.NOT_FOUND else Kind.UNREACHABLE,
        "Tryton can't open a database of this name.",
        "Check the name of the database.",
        detail=f"status {answer.status}",
    )
