"""Recording: keeps what a client sends and receives, for whoever needs it later."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

from .responses import Answer

# Successful responses by the digest of their request.
RecordedResponses = dict[bytes, Answer]


@dataclass(frozen=True, slots=True)
class WmsRequest:
    """One request to a WMS. The response to a `private` one may hold a secret, so it is never recorded."""

    method: str
    path: str
    params: Mapping[str, str] | None = None
    payload: Any = None
    headers: Mapping[str, str] | None = None
    private: bool = False

    @property
    def digest(self) -> bytes:
        """The same for two requests that ask for the same; headers don't count."""
        text = json.dumps([self.method, self.path, dict(self.params or {}), self.payload], sort_keys=True, default=str)
        return blake2b(text.encode(errors="replace"), digest_size=16).digest()


class Recording:
    """A recording that keeps nothing. `on_sent` is called when a request has left and the response is awaited."""

    on_sent: Callable[[], object] | None = None

    def replay(self, request: WmsRequest) -> Answer | None:
        """Return an earlier response to use instead of sending the request."""
        return None

    def add(self, request: WmsRequest, answer: Answer | None, ms: int) -> None:
        """Keep a request that took `ms` milliseconds; `answer` is None if there was none."""


@dataclass
class ResponseRecording(Recording):
    """The successful responses of one page, which can be replayed after a restart: each earlier one once."""

    earlier: RecordedResponses = field(default_factory=dict)
    on_sent: Callable[[], object] | None = None
    responses: RecordedResponses = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.earlier = dict(self.earlier)

    def replay(self, request: WmsRequest) -> Answer | None:
        answer = self.earlier.pop(request.digest, None) if self.earlier else None
        if answer:
            self.add(request, answer, 0)
        return answer

    def add(self, request: WmsRequest, answer: Answer | None, ms: int) -> None:
        if answer and answer.status < 300 and not request.private:
            self.responses[request.digest] = answer


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response without headers, which hold secrets. `status` is None if there was no response."""

    method: str
    path: str
    body: Any
    status: int | None
    answer: bytes
    ms: int


class ExchangeRecording(Recording):
    """Every request and its response, in order."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def add(self, request: WmsRequest, answer: Answer | None, ms: int) -> None:
        path = f"{request.path}?{urlencode(request.params)}" if request.params else request.path
        payload = None if request.private else request.payload
        status, body = (answer.status, answer.body) if answer else (None, b"")
        self.exchanges.append(Exchange(request.method, path, payload, status, b"" if request.private else body, ms))
