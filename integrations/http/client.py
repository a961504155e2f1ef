"""An HTTP client for one account at one WMS."""

import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from .pacing import Pacing
from .recording import Recording, WmsRequest
from .responses import Answer, explain, not_json
from .ssrf import check_address
from .transport import Transport

__all__ = ["Answer", "Client", "explain", "not_json"]


class Client:
    """A client for one account at one WMS, composed of a transport, pacing and a recording.

    `credentials` are the account's; `headers` go with every request; `learned` is what earlier runs found out about
    the account; `state` belongs to the connector (a session token, say). `clock_ahead` is how far the WMS's clock was
    ahead of Packr's at the last response. `wms` is its name in error messages. `timeout` and `private_hosts` are those
    of `Transport`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        wms: str = "The WMS",
        credentials: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        learned: Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        timeout: timedelta = timedelta(seconds=30),
        reads_per_second: float | None = None,
        private_hosts: frozenset[str] = frozenset(),
    ) -> None:
        self.base_url = base_url.rstrip("/")
        check_address(self.base_url, private_hosts)
        self.credentials = dict(credentials or {})
        self.headers = dict(headers or {})
        self.learned = dict(learned or {})
        self.state = dict(state or {})
        self.transport = Transport(timeout, private_hosts, wms)
        self.pacing = Pacing(reads_per_second)
        self.recording = Recording()
        self.requests_made = 0
        self.clock_ahead: timedelta | None = None

    def close(self) -> None:
        self.transport.close()

    @contextmanager
    def recorded_by(self, recording: Recording) -> Iterator[None]:
        """Record requests with `recording` inside the block, and replay what it holds."""
        before, self.recording = self.recording, recording
        try:
            yield
        finally:
            self.recording = before

    def get(self, path: str, params: Mapping[str, str] | None = None, *, ok: Container[int] = ()) -> Answer:
        """Return the response to a paced read; `ok` as for `request`."""
        self.pacing.wait()
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
        """Return the response to one request, which is never repeated.

        Raises ConnectorError for a status of 300 and above that is not in `ok`. The response to a `private` request
        may hold a secret and is never recorded.
        """
        request = WmsRequest(method, path, params, payload, headers, private)
        answer = self.recording.replay(request) or self._send(request)
        if answer.status >= 300 and answer.status not in ok:
            raise explain(answer)
        return answer

    def _send(self, request: WmsRequest) -> Answer:
        started, answer = time.monotonic(), None
        self.requests_made += 1
        try:
            answer = self.transport.send(request, self.base_url, self.headers, self.recording.on_sent)
        finally:
            self.recording.add(request, answer, round((time.monotonic() - started) * 1000))
        if answer.clock:
            self.clock_ahead = answer.clock - datetime.now(UTC)
        return answer
