"""What Trackstar's refusal of a write means: a refusal of the change itself, or an error like any other.

Facts: docs.trackstarhq.com "About the API", Errors; ValidationError and HTTPError of the OpenAPI document.
"""

from collections.abc import Iterator
from typing import Any

from ...errors import ConnectorError, Kind
from ...http.client import Answer, Client, explain
from ..actions import ActionRejected
from .resources import detail, plain_words


def refused(client: Client, answer: Answer) -> Exception:
    """The error that the status of a write stands for: Declined when it is a refusal of the change itself."""
    if answer.status in (401, 408, 429) or answer.status < 400 or (answer.status >= 500 and answer.status != 501):
        return explain(answer, detail=detail(answer))
    try:
        body = answer.json()
    except ConnectorError as error:
        return error  # a web page of something in between, say: it tells nothing about the change
    body = body if isinstance(body, dict) else {}
    if answer.status == 409:
        # The first attempt with this key still runs.
        return ConnectorError(Kind.CONTRACT, "Trackstar is still working on this change.", detail=detail(answer))
    words = plain_words(client, body.get("error"))
    origin = "wms" if body.get("origin") == "integration" else "trackstar"
    fields = _fields(client, body.get("detail"))
    return ActionRejected(_sentence(answer.status, words, bool(fields)), fields=fields, origin=origin)


def _sentence(status: int, words: str, has_fields: bool) -> str:
    match status:
        case 501:
            return f"The WMS behind Trackstar can't do this. {words}".rstrip()
        case 403:
            return f"This change is switched off for the connection at Trackstar. {words}".rstrip()
        case 404:
            return f"The WMS does not know this any more. {words}".rstrip()
        case 422 if has_fields:
            return words or "Some values were not accepted."
    return words or f"The change was refused without a reason ({status})."


def _fields(client: Client, found: Any) -> dict[str, list[str]]:
    """The messages of a 422's `detail` by joined path, below the location (`json`, `query`)."""
    if not isinstance(found, dict):
        return {}
    collected: dict[str, list[str]] = {}
    for location, inside in found.items():
        below = isinstance(inside, dict)
        for path, words in _walk(inside, "" if below else str(location), 0):
            said = plain_words(client, words)
            if said and len(collected) < 100:
                collected.setdefault(path[:200], []).append(said)
    return collected


def _walk(found: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > 20:
        return
    if isinstance(found, dict):
        for name, inside in found.items():
            yield from _walk(inside, f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(found, list) and any(isinstance(one, dict | list) for one in found):
        for place, inside in enumerate(found):
            yield from _walk(inside, f"{path}.{place}" if path else str(place), depth + 1)
    elif isinstance(found, list):
        yield from ((path, one) for one in found)
    else:
        yield path, found
