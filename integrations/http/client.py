"""The one door to the network.

A `Client` is an open conversation with one account at one WMS. Every request has a total deadline, a dripping body
included; bodies have a size limit; redirects are not followed; and the address that is connected to is the one that
was checked, so that a host name can't be pointed at a private address in between.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

import requests

from ..errors import ConnectorError, Kind
from .responses import Answer, clock, explain, not_json, retry_after, too_large
from .ssrf import GuardedAdapter, check_address, give_up

__all__ = ["Answer", "Client", "explain", "not_json", "retry_after"]

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
# What a WMS answered, by what it was asked (a digest).
RecordedResponses = dict[bytes, Answer]


def _question(method: str, path: str, params: Mapping[str, str] | None, payload: Any) -> bytes:
    text = json.dumps([method, path, dict(params or {}), payload], sort_keys=True, default=str)
    return blake2b(text.encode(errors="replace"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question to a WMS and what came back: no headers, which hold the secrets. `status` None: no answer."""

    method: str
    path: str
    body: Any
    status: int | None
    answer: bytes
    ms: int


@dataclass
class Client:
    """An open conversation with one account at one WMS.

    `deadline` is for one request, body included; `until`, on the monotonic clock, for all of them. `per_second` paces
    reads below the WMS's limit. `private_hosts` are the `host:port` pairs that may be plain http or resolve to a
    private address. `state` is the connector's own to keep between requests (a session token); `learned` is what
    earlier runs found out about this account. While there is a `told`, usable answers are noted there; while there are
    `exchanges`, every question is. `ahead`: how far the WMS's clock went before ours at its last answer. `on_sent` is
    called when a question has left and nothing can be done but wait for the answer.
    """

    base_url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    learned: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict, repr=False)
    deadline: timedelta = timedelta(seconds=30)
    per_second: float | None = None
    private_hosts: frozenset[str] = frozenset()
    requests_made: int = 0
    told: "RecordedResponses | None" = field(default=None, repr=False)
    ahead: timedelta | None = None
    until: float | None = None
    exchanges: "list[Exchange] | None" = field(default=None, repr=False)
    on_sent: Callable[[], object] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        check_address(self.base_url, self.private_hosts)
        self._session = requests.Session()
        self._session.trust_env = False
        adapter = GuardedAdapter(self.private_hosts)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._next_at = 0.0
        self._recalled: RecordedResponses = {}

    def recall(self, told: "RecordedResponses") -> None:
        """Answer these questions, once each, with what was told earlier instead of asking the WMS again."""
        self._recalled = dict(told)

    def close(self) -> None:
        self._session.close()

    def get(self, path: str, params: Mapping[str, str] | None = None, *, ok: Container[int] = ()) -> Answer:
        """A paced read; `ok` as for `request`."""
        self._pace()
        return self.request("GET", path, params=params, ok=ok)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        ok: Container[int] = (),
        private: bool = False,
    ) -> Answer:
        """One request, never repeated. Raises ConnectorError for any status of 300 and above that is not in `ok`.

        The answer to a `private` one, which may hold a secret, is never noted.
        """
        question = _question(method, path, params, payload)
        answer = self._recalled.pop(question, None)
        if answer is None:
            answer = self._ask(method, path, params, payload, headers, private=private)
            if answer.clock:
                self.ahead = answer.clock - datetime.now(UTC)
        if answer.status >= 300 and answer.status not in ok:
            raise explain(answer)
        if self.told is not None and answer.status < 300 and not private:
            self.told[question] = answer
        return answer

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        payload: Any,
        headers: Mapping[str, str] | None,
        *,
        private: bool,
    ) -> Answer:
        """Send, and note the exchange if exchanges are noted."""
        began, answer = time.monotonic(), None
        try:
            answer = self._send(method, path, params, payload, headers)
            return answer
        finally:
            if self.exchanges is not None:
                asked = f"{path}?{urlencode(params)}" if params else path
                said = b"" if answer is None or private else answer.body
                ms = round((time.monotonic() - began) * 1000)
                status = answer.status if answer else None
                self.exchanges.append(Exchange(method, asked, None if private else payload, status, said, ms))

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        payload: Any,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        began = time.monotonic()
        deadline = give_up.at = min(began + self.deadline.total_seconds(), self.until or math.inf)
        seconds = max(deadline - began, 0.001)
        give_up.sent, give_up.on_sent = False, self.on_sent
        self.requests_made += 1
        try:
            with self._session.request(
                method,
                self.base_url + path,
                params=params,
                json=payload,
                headers={**self.headers, **(headers or {})},
                timeout=(min(10.0, seconds), seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _read(response, deadline)
                return Answer(response.status_code, response.headers, body, clock(response.headers))
        except (requests.exceptions.InvalidHeader, UnicodeError):
            # Without its cause, whose text is the header's value: a secret.
            raise ConnectorError(
                Kind.CREDENTIALS,
                "A credential contains a character that can't be sent, such as a line break.",
                "Enter it again.",
                sent=False,
            ) from None
        except (requests.RequestException, OSError) as error:
            raise _unreachable(error, late=time.monotonic() >= deadline, sent=give_up.sent) from error
        except ConnectorError as error:
            error.sent = give_up.sent
            raise

    def _pace(self) -> None:
        """Keep reads below the WMS's limit; a fraction of a second at most, longer waits are states of the run."""
        if not self.per_second:
            return
        now = time.monotonic()
        if self._next_at > now:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + 1 / self.per_second


def _read(response: requests.Response, give_up: float) -> bytes:
    """The whole body, within the deadline and the size limit, and no shorter than announced."""
    if _announced(response.headers) > MAX_BODY_BYTES:
        raise too_large()
    pieces, size = [], 0
    for piece in response.iter_content(CHUNK_BYTES):
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise too_large()
        if time.monotonic() > give_up:
            raise requests.Timeout("the body came too slowly")
        pieces.append(piece)
    return b"".join(pieces)


def _announced(headers: Mapping[str, str]) -> int:
    """How many bytes the body will have, as far as the WMS says."""
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _unreachable(error: Exception, *, late: bool, sent: bool) -> ConnectorError:
    if late or isinstance(error, requests.Timeout):
        fact = "The WMS did not answer in time."
    elif isinstance(error, requests.exceptions.ContentDecodingError):
        fact = "The WMS sent a body that can't be unpacked."
    elif isinstance(error, requests.exceptions.ChunkedEncodingError):
        fact = "The response of the WMS broke off."
    else:
        fact = "The WMS can't be reached."
    return ConnectorError(Kind.UNREACHABLE, fact, detail=type(error).__name__, sent=sent)
