"""What Trackstar's error responses to writes mean: a refusal of the change itself, or an error like any other.

Facts: docs.trackstarhq.com "About the API", Errors; ValidationError and HTTPError of the OpenAPI document (October
2025).
"""

from collections.abc import Iterator
from typing import Any

from ...errors import ConnectorError, Kind
from ...http.client import Answer, Client, explain
from ..actions import ActionRejected
from .errors import log_detail, quotable

MAX_FIELD_MESSAGES = 100
MAX_PATH_LENGTH = 200
MAX_DEPTH = 20


def write_error(client: Client, answer: Answer) -> Exception:
    """Return the error for a write that failed: ActionRejected if the change itself was refused."""
    if answer.status in (401, 408, 429) or answer.status < 400 or (answer.status >= 500 and answer.status != 501):
        return explain(answer, detail=log_detail(answer))
    try:
        body = answer.json()
    except ConnectorError as error:
        return error  # for instance the web page of a proxy, which says nothing about the change
    body = body if isinstance(body, dict) else {}
    if answer.status == 409:
        # The first attempt with this key still runs.
        return ConnectorError(Kind.CONTRACT, "Trackstar is still working on this change.", detail=log_detail(answer))
    words = quotable(client, body.get("error"))
    fields = _field_messages(client, body.get("detail"))
    origin = "wms" if body.get("origin") == "integration" else "trackstar"
    return ActionRejected(_refusal(answer.status, words, bool(fields)), fields=fields, origin=origin)


def _refusal(status: int, words: str, has_fields: bool) -> str:
    match status:
        case 501:
            return f"The WMS behind Trackstar can’t do this. {words}".rstrip()
        case 403:
            return f"This change is switched off for the connection at Trackstar. {words}".rstrip()
        case 404:
            return f"The WMS no longer has this record. {words}".rstrip()
        case 422 if has_fields:
            return words or "Some values were not accepted."
    return words or f"The change was refused without a reason ({status})."


def _field_messages(client: Client, detail: Any) -> dict[str, list[str]]:
    """Return the messages of a 422's `detail` by dotted path, below the location (`json`, `query`)."""
    messages: dict[str, list[str]] = {}
    for location, found in detail.items() if isinstance(detail, dict) else ():
        for path, words in _leaves(found, "" if isinstance(found, dict) else str(location)):
            line = quotable(client, words)
            if line and len(messages) < MAX_FIELD_MESSAGES:
                messages.setdefault(path[:MAX_PATH_LENGTH], []).append(line)
    return messages


def _leaves(found: Any, path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield each message below `found` with its path."""
    if depth > MAX_DEPTH:
        return
    if isinstance(found, dict):
        for name, value in found.items():
            yield from _leaves(value, f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(found, list) and any(isinstance(value, dict | list) for value in found):
        for index, value in enumerate(found):
            yield from _leaves(value, f"{path}.{index}" if path else str(index), depth + 1)
    elif isinstance(found, list):
        yield from ((path, message) for message in found)
    else:
        yield path, found
