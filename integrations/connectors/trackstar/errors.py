"""What Trackstar's error responses mean. Facts: docs.trackstarhq.com "About the API", Errors (April 2026)."""

from typing import Any

from ...errors import CONTACT_SUPPORT, ConnectorError, Kind
from ...http.client import Answer, Client, explain
from ..wms_text import safe_line

MAX_QUOTE_LENGTH = 200


def accept(client: Client, answer: Answer) -> Answer:
    """Return the answer if it is a success. Raises the error its status stands for, quoting Trackstar if it helps."""
    if answer.status < 300:
        return answer
    quote = "" if answer.status in (401, 429) else _attributed_words(client, answer)
    raise explain(answer, quote=quote, detail=log_detail(answer))


def _attributed_words(client: Client, answer: Answer) -> str:
    try:
        body = answer.json()
    except ConnectorError:
        return ""  # for instance a web page: the status has said all there is to say
    words = quoted(client, body.get("error")) if isinstance(body, dict) else ""
    if not words:
        return ""
    speaker = "The WMS behind Trackstar" if body.get("origin") == "integration" else "Trackstar"
    return f"{speaker} says: {words}"


def quoted(client: Client, words: Any) -> str:
    """Return `quotable` words in quotation marks, or an empty text."""
    line = quotable(client, words)
    return f"“{line}”" if line else ""


def quotable(client: Client, words: Any) -> str:
    """Return Trackstar's words as one short line that is safe to show; empty if they repeat a credential."""
    if not isinstance(words, str) or any(secret and secret in words for secret in client.headers.values()):
        return ""
    line = safe_line(words)
    return f"{line[:MAX_QUOTE_LENGTH]}…" if len(line) > MAX_QUOTE_LENGTH else line


def broken(detail: str) -> ConnectorError:
    """Return the error for a response that Packr can't trust."""
    fact = "Trackstar's response does not have the documented form."
    return ConnectorError(Kind.CONTRACT, fact, CONTACT_SUPPORT, detail=detail)


def log_detail(answer: Answer) -> str:
    """Return the status and the number of the request, which Trackstar's support asks for."""
    number = "".join(sign for sign in answer.headers.get("X-Request-Id", "") if sign.isalnum() or sign in "-_.")
    return f"status {answer.status}, request {number[:60]}" if number else f"status {answer.status}"
