"""The sandbox on a loopback port: HTTP/1.1 with keep-alive, a thread per connection, and the simulation."""

import contextlib
import random
import socket
import socketserver
import struct
import sys
import threading
import time
import traceback
import uuid
import zlib
from email.utils import formatdate
from http.client import responses
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Self

from .api import Api
from .control import Control, Log, change
from .faults import REFUSALS, Fault, Faults, reshape
from .http_types import RequestRejected, SandboxAnswer, SandboxRequest
from .simulation import tick
from .store import Record
from .world import SandboxWorld

HOST = "127.0.0.1"
BEAT = 1.0
SAVES_EVERY = 30.0
# Limit of a request body.
BODY_LIMIT = 64 * 1024 * 1024
# What `big` and `bomb` are made of.
BLANKS = b" " * (64 * 1024)
IN_A_MEGABYTE = 16


class Sandbox:
    """A running sandbox WMS. Use it as a context manager, or call `start` and `stop`."""

    def __init__(
        self,
        *,
        port: int = 0,
        seed: int = 1,
        orders: int = 3000,
        still: bool = False,
        limit: bool = True,
        keep: Path | None = None,
    ) -> None:
        """Bind the port (0: any free one; OSError if taken) and create the first account's history.

        `keep` is a file to load the data from, if it exists, and to save it to.
        """
        self.keep = keep
        self.faults = Faults()
        self.log = Log()
        self._server = _Server((HOST, port), _Handler)
        self._server.sandbox = self
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        self.world = SandboxWorld(seed=seed, orders=orders, clock=self.now)
        if keep and keep.exists():
            self.world.load(keep)
        self.world.account(1)
        self.api = Api(self.world, self.faults, limit=limit)
        self.control = Control(self.world, self.faults, self.log)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)]
        if not still:
            self._threads.append(threading.Thread(target=self._live, daemon=True))

    def now(self) -> float:
        """Return the WMS's clock: the wall clock, shifted while the fault `clock` is on."""
        shift = self.faults.state("clock")
        return time.time() + (shift.number("seconds", 0) if shift else 0)

    def start(self) -> Self:
        """Serve, and run the simulation."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Stop serving, and close all connections."""
        self._ended.set()
        self.faults.clear()
        self._server.shutdown()
        self._server.server_close()
        self._server.close_open()
        for thread in self._threads:
            thread.join()
        if self.keep:
            self.world.save(self.keep)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _live(self) -> None:
        saved = time.monotonic()
        while not self._ended.wait(BEAT * random.uniform(0.7, 1.3)):
            if self.keep and time.monotonic() - saved > SAVES_EVERY:
                self.world.save(self.keep)
                saved = time.monotonic()
            for account in self.world.touched():
                try:
                    with account.lock:
                        tick(account)
                except Exception:  # the simulation must continue; the error is logged
                    traceback.print_exc(file=sys.stderr)

    def answer(self, request: SandboxRequest, entry: Record) -> tuple[SandboxAnswer, list[Fault]]:
        """Return the answer to a request and the faults that affected it."""
        struck: list[Fault] = []
        try:
            if request.path.startswith("/_control"):
                return self.control.answer(request), struck
            struck = self.faults.strike(request)
            entry["faults"] = [fault.name for fault in struck]
            return self._api_answer(request, struck), struck
        except RequestRejected as refused:
            return refused.answer, struck
        except Exception:  # an internal error is a 500, and logged
            traceback.print_exc(file=sys.stderr)
            return SandboxAnswer(500, {"error": "The sandbox itself failed", "origin": "trackstar"}), struck

    def _api_answer(self, request: SandboxRequest, struck: list[Fault]) -> SandboxAnswer:
        self._delay(struck)
        for fault in struck:
            if fault.name == "change":
                change(self.world, fault.params["change"])
        for fault in struck:
            if fault.name in REFUSALS:
                return REFUSALS[fault.name](fault, request)
        answer = self.api.answer(request, struck)
        reshape(struck, request, answer)
        return answer

    def _delay(self, struck: list[Fault]) -> None:
        for fault in struck:
            if fault.name == "latency":
                time.sleep(fault.number("ms", 100) / 1000)
            if fault.name == "hang":
                self.faults.cleared.wait(fault.number("seconds", 60))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    sandbox: Sandbox

    def __init__(self, address: tuple[str, int], handler: type["_Handler"]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Remember the connection, so that stopping can close it."""
        if isinstance(request, socket.socket):
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Forget the connection."""
        if isinstance(request, socket.socket):
            self._open.discard(request)
        super().shutdown_request(request)

    def close_open(self) -> None:
        """Close the connections that clients keep alive."""
        for connection in self._open.copy():
            with contextlib.suppress(OSError):  # the client may just have closed it
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that disconnects; log anything else."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            traceback.print_exc(file=sys.stderr)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer one request."""
        sandbox = self.server.sandbox
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_LIMIT or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(SandboxAnswer(411, {"error": "Send a body with its Content-Length"}), [])
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = SandboxRequest(self.command, self.path, headers, self.rfile.read(int(length)))
        number = sandbox.api.number_of(request)
        request.account = f"sandbox-{number}" if number else None
        entry: Record = {}
        if not request.path.startswith("/_control"):
            entry = sandbox.log.begin(request, sandbox.now())
        answer, struck = sandbox.answer(request, entry)
        entry["status"] = answer.status
        entry["rows"] = None if answer.rows is None else len(answer.rows)
        self._send(answer, struck)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing, since /_control/requests lists all requests."""

    def _send(self, answer: SandboxAnswer, struck: list[Fault]) -> None:
        names = {fault.name: fault for fault in struck}
        body = answer.body()
        if "bad_json" in names:
            body = body[: len(body) // 2]
        if "bomb" in names:
            body = _packed(body, _pieces(names["bomb"]))
        tail = _pieces(names["big"]) if "big" in names else 0
        head = self._head(answer, len(body) + tail * len(BLANKS), names)
        if "chunked" in names:
            body = _chunk(body) + (b"" if tail else LAST_CHUNK)
        if "lost_answer" in names:
            self._break(b"", reset=True)
        elif "truncate" in names or "reset" in names:
            fault = names.get("reset") or names["truncate"]
            part = int(len(body) * fault.number("part", 0.5))
            self._break(head + body[:part], reset="reset" in names)
        elif "slow" in names:
            self._drip(head + body, names["slow"].number("seconds", 10))
        elif tail:
            self._pour(head + body, tail, "chunked" in names)
        else:
            self.wfile.write(head + body)

    def _head(self, answer: SandboxAnswer, length: int, names: dict[str, Fault]) -> bytes:
        headers = {"Content-Type": answer.content_type, "X-Request-Id": str(uuid.uuid4())}
        if "chunked" in names:
            headers["Transfer-Encoding"] = "chunked"
        elif "no_length" in names:  # the end of the connection is the end of the body
            self.close_connection = True
        else:
            headers["Content-Length"] = str(length)
        if "no_date" not in names:
            headers["Date"] = formatdate(self.server.sandbox.now(), usegmt=True)
        if "wrong_encoding" in names:
            headers["Content-Encoding"] = str(names["wrong_encoding"].params.get("encoding", "gzip"))
        if "bomb" in names:
            headers["Content-Encoding"] = "gzip"
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in (headers | answer.headers).items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _break(self, sent: bytes, *, reset: bool) -> None:
        """Send part of an answer, then end the connection: properly, or with a reset."""
        self.close_connection = True
        if sent:
            self.wfile.write(sent)
        if reset:
            if sent:
                time.sleep(0.05)  # let the part arrive, since a reset discards unread data
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _pour(self, start: bytes, tail: int, chunked: bool) -> None:
        """Send a body that continues with blanks, without holding it in memory."""
        self.wfile.write(start)
        piece = _chunk(BLANKS) if chunked else BLANKS
        for _ in range(tail):
            self.wfile.write(piece)
        if chunked:
            self.wfile.write(LAST_CHUNK)

    def _drip(self, content: bytes, seconds: float) -> None:
        """Send bytes in forty parts over some seconds, or immediately once faults are cleared."""
        portion = max(1, len(content) // 40)
        cleared = self.server.sandbox.faults.cleared
        for start in range(0, len(content), portion):
            self.wfile.write(content[start : start + portion])
            cleared.wait(seconds * portion / len(content))


LAST_CHUNK = b"0\r\n\r\n"


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _pieces(fault: Fault) -> int:
    """Return how many BLANKS a fault asks for."""
    return int(fault.number("megabytes", 65) * IN_A_MEGABYTE)


def _packed(body: bytes, pieces: int) -> bytes:
    """Return the body and a number of BLANKS as gzip: a few kilobytes that unpack to far more."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([packer.compress(body), *(packer.compress(BLANKS) for _ in range(pieces)), packer.flush()])
