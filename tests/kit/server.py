"""A web server on loopback whose replies a test defines down to the byte, including slow and incomplete ones."""

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """One request as it arrived. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """One reply. `drip` is the pause (seconds) before each byte of the body, `slow_head` before each of the headers.

    `announced` replaces the body's own length in Content-Length.
    """

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0
    slow_head: float = 0
    announced: int | None = None


class Server:
    """Replies to calls with `answer` and keeps them in `calls`."""

    def __init__(self, answer: Callable[[Call], Reply] | None = None) -> None:
        self.answer = answer or (lambda call: Reply())
        self.calls: list[Call] = []
        self.closing = threading.Event()
        self._server = _Quiet(("127.0.0.1", 0), type("Bound", (_Handler,), {"kit": self}))
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: in many tests the client hangs up."""


class _Handler(BaseHTTPRequestHandler):
    kit: Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        call = Call(self.command, parts.path, query, headers, body)
        self.kit.calls.append(call)
        self.send(self.kit.answer(call))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def send(self, reply: Reply) -> None:
        length = len(reply.body) if reply.announced is None else reply.announced
        lines = {"Date": self.date_time_string(), "Content-Type": "application/json"}
        lines |= {**reply.headers, "Content-Length": str(length)}
        head = f"HTTP/1.1 {reply.status} Said\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.trickle(head.encode("latin-1") + b"\r\n", reply.slow_head)
        self.trickle(reply.body, reply.drip)
        if length != len(reply.body):
            self.close_connection = True

    def trickle(self, data: bytes, pause: float) -> None:
        for piece in [data] if not pause else [data[i : i + 1] for i in range(len(data))]:
            if pause and self.kit.closing.wait(pause):
                return
            self.wfile.write(piece)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""
