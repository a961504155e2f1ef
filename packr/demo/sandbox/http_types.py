"""Requests, answers and refusals that the parts of the API exchange."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .store import Record, encode


@dataclass
class SandboxRequest:
    """One request: path split into unquoted parts, header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    account: str | None = None

    def __post_init__(self) -> None:
        """Split the target."""
        split = urlsplit(self.target)
        self.path, self.query_text = split.path, split.query
        self.parts = [unquote(part) for part in split.path.strip("/").split("/")]
        self.query = parse_qsl(split.query, keep_blank_values=True)

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)


@dataclass
class SandboxAnswer:
    """One answer. A listing keeps its rows separate until it is sent, so that faults can reshape it."""

    status: int = 200
    value: Any = None
    rows: list[bytes] | None = None
    numbers: list[int] = field(default_factory=list)
    one: bytes | None = None
    next_token: str | None = None
    total_count: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    content_type: str = "application/json"

    def body(self) -> bytes:
        """The bytes to send."""
        if self.content is not None:
            return self.content
        if self.one is not None:
            return b'{"data":' + self.one + b"}"
        if self.rows is None:
            return encode(self.value)
        count = len(self.rows) if self.total_count is None else self.total_count
        tail = b'],"next_token":' + encode(self.next_token) + b',"total_count":' + encode(count) + b"}"
        return b'{"data":[' + b",".join(self.rows) + tail


class RequestRejected(Exception):
    """Ends the request with this answer."""

    def __init__(self, answer: SandboxAnswer) -> None:
        super().__init__(str(answer.value))
        self.answer = answer


def refusal(status: int, error: str, origin: str | None = "trackstar", **more: Any) -> RequestRejected:
    """Return an error in Trackstar's format; the documented 501 has no origin."""
    value: Record = {"error": error}
    if origin:
        value["origin"] = origin
    return RequestRejected(SandboxAnswer(status, value | more))


def invalid(location: str, fields: Record) -> RequestRejected:
    """Return a 422: `detail` maps location to field to messages."""
    return refusal(422, "Validation error", detail={location: fields})


def body_object(request: SandboxRequest) -> Record:
    """Return the JSON object in a request's body; an empty body counts as an empty object."""
    if not request.body.strip():
        return {}
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        raise invalid("json", {"_schema": ["Invalid JSON."]}) from None
    if not isinstance(value, dict):
        raise invalid("json", {"_schema": ["Invalid input type."]})
    return value
