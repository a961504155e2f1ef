"""A line to a real server that loses what a test says: requests on their way there, or answers on their way back."""

import http.client
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .server import Call, Reply, Server

PASSED_ON = ("content-type", "authorization", "accept-encoding")
BROKEN_OFF = Reply(b"{", announced=1000)


@dataclass
class Wire:
    """Answers a `Server`'s calls by what `upstream` says. The next call whose body holds the text is lost."""

    upstream: str
    loses_request: list[bytes] = field(default_factory=list)
    loses_answer: list[bytes] = field(default_factory=list)

    def __call__(self, call: Call) -> Reply:
        if _taken(self.loses_request, call):
            return BROKEN_OFF
        reply = self._forward(call)
        return BROKEN_OFF if _taken(self.loses_answer, call) else reply

    def _forward(self, call: Call) -> Reply:
        host = urlsplit(self.upstream).netloc
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            headers = {name: call.headers[name] for name in PASSED_ON if name in call.headers}
            connection.request(call.method, call.path, call.body, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name in ("Date", "Content-Encoding")}
            return Reply(answer.read(), answer.status, kept)
        finally:
            connection.close()


def _taken(losses: list[bytes], call: Call) -> bool:
    found = next((one for one in losses if one in call.body), None)
    if found is not None:
        losses.remove(found)
    return found is not None


def line(upstream: str) -> tuple[Server, Wire]:
    """A server on loopback that passes everything on, to be used as a context, and its wire."""
    wire = Wire(upstream)
    return Server(wire), wire
