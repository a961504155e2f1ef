"""A proxy to a real server that loses the requests or the replies that a test names."""

import http.client
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .server import Call, Reply, Server

FORWARDED_HEADERS = ("content-type", "authorization", "accept-encoding")
BROKEN_OFF = Reply(b"{", announced=1000)


@dataclass
class Wire:
    """Passes a `Server`'s calls on to `upstream`. Each text loses the next call whose body contains it."""

    upstream: str
    loses_request: list[bytes] = field(default_factory=list)
    loses_reply: list[bytes] = field(default_factory=list)

    def __call__(self, call: Call) -> Reply:
        if _is_lost(self.loses_request, call):
            return BROKEN_OFF
        reply = self._forward(call)
        return BROKEN_OFF if _is_lost(self.loses_reply, call) else reply

    def _forward(self, call: Call) -> Reply:
        host = urlsplit(self.upstream).netloc
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            headers = {name: call.headers[name] for name in FORWARDED_HEADERS if name in call.headers}
            connection.request(call.method, call.path, call.body, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name in ("Date", "Content-Encoding")}
            return Reply(answer.read(), answer.status, kept)
        finally:
            connection.close()


def _is_lost(losses: list[bytes], call: Call) -> bool:
    found = next((text for text in losses if text in call.body), None)
    if found is not None:
        losses.remove(found)
    return found is not None


def lossy_line(upstream: str) -> tuple[Server, Wire]:
    """Return a server on loopback that passes everything on, to be used in `with`, and its wire."""
    wire = Wire(upstream)
    return Server(wire), wire
