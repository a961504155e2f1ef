"""The transport: sends one request within a deadline, over connections that are guarded against SSRF.

A response that arrives slowly, byte by byte, ends with its request's deadline, headers included.
"""

import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import requests
from requests import certs
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from ..errors import ConnectorError, Kind
from .recording import WmsRequest
from .responses import Answer, clock, too_large
from .ssrf import resolve

MAX_BODY_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
MAX_CONNECT_SECONDS = 10.0
# The request that this thread sends: its `deadline` on the monotonic clock, whether any of it `has_left`, and
# `on_sent`, which is called as soon as it has (or None).
_current = threading.local()


class Transport:
    """Sends requests to one WMS; none is retried and no redirect is followed.

    `timeout` is for one request, its body included. `deadline`, on the monotonic clock, is for all of them.
    `private_hosts` are the `host:port` pairs that may use plain http and resolve to a private address.
    `wms` is the name in error messages.
    """

    def __init__(self, timeout: timedelta, private_hosts: frozenset[str], wms: str) -> None:
        self.wms = wms
        self.timeout = timeout
        self.deadline = math.inf
        self._session = requests.Session()
        self._session.trust_env = False
        adapter = _GuardedAdapter(private_hosts)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def close(self) -> None:
        self._session.close()

    def send(
        self,
        request: WmsRequest,
        base_url: str,
        headers: Mapping[str, str],
        on_sent: Callable[[], object] | None = None,
    ) -> Answer:
        """Return the response, whatever its status. Raises ConnectorError if there is none that can be used."""
        started = time.monotonic()
        _current.deadline = min(started + self.timeout.total_seconds(), self.deadline)
        _current.has_left, _current.on_sent = False, on_sent
        seconds = max(_current.deadline - started, 0.001)
        try:
            with self._session.request(
                request.method,
                base_url + request.path,
                params=request.params,
                json=request.payload,
                headers={**headers, **(request.headers or {})},
                timeout=(min(MAX_CONNECT_SECONDS, seconds), seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _read_body(response, self.wms)
                return Answer(response.status_code, response.headers, body, clock(response.headers), self.wms)
        except (requests.exceptions.InvalidHeader, UnicodeError):
            # Without its cause, whose text is the header's value: a secret.
            raise ConnectorError(
                Kind.CREDENTIALS,
                "A credential contains a character that can't be sent, such as a line break.",
                "Enter it again.",
                sent=False,
            ) from None
        except (requests.RequestException, OSError) as error:
            fact = f"{self.wms} {_failure(error, is_late=time.monotonic() >= _current.deadline)}"
            detail = type(error).__name__
            raise ConnectorError(Kind.UNREACHABLE, fact, detail=detail, sent=_current.has_left) from error
        except ConnectorError as error:
            error.sent = _current.has_left
            raise


def _read_body(response: requests.Response, wms: str) -> bytes:
    """Return the whole body, within the deadline and the size limit."""
    if _content_length(response.headers) > MAX_BODY_BYTES:
        raise too_large(wms)
    pieces, size = [], 0
    for piece in response.iter_content(CHUNK_BYTES):
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise too_large(wms)
        if time.monotonic() > _current.deadline:
            raise requests.Timeout("the body arrived too slowly")
        pieces.append(piece)
    return b"".join(pieces)


def _content_length(headers: Mapping[str, str]) -> int:
    """Return the announced size of the body in bytes, 0 if unknown."""
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _failure(error: Exception, *, is_late: bool) -> str:
    """Return what happened, as the rest of a sentence that starts with the name of the WMS."""
    if is_late or isinstance(error, requests.Timeout):
        return "did not answer in time."
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return "sent a body that can't be unpacked."
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "sent a response that broke off."
    return "can't be reached."


# --- Sockets that keep the deadline -----------------------------------------------------------------------------------


class _DeadlineSocket(socket.socket):
    """A socket whose reads get only the time that is left, so that a slow response ends at the deadline."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_seconds_left())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        _seconds_left()
        _current.has_left = True
        super().sendall(*args, **kwargs)
        if _current.on_sent:
            _current.on_sent()


class _DeadlineTLSSocket(_DeadlineSocket, ssl.SSLSocket):
    """The same over TLS."""


def _seconds_left() -> float:
    """Return the seconds until this thread's request has to end. Raises TimeoutError if none are left."""
    left: float = _current.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the response arrived too slowly")
    return left


# --- Connections to checked addresses ---------------------------------------------------------------------------------


def _guarded(connection_class: type[HTTPConnection], private_hosts: frozenset[str]) -> type[HTTPConnection]:
    """Return a class of connections that connect only to checked addresses."""
    return type("Guarded", (connection_class,), {"_new_conn": lambda self: _connect(self, private_hosts)})


def _connect(connection: HTTPConnection, private_hosts: frozenset[str]) -> socket.socket:
    address = resolve(connection.host.strip("[]"), connection.port or 0, private_hosts)
    timeout = connection.timeout if isinstance(connection.timeout, int | float) else MAX_CONNECT_SECONDS
    connected = socket.create_connection(address, timeout)
    guarded = _DeadlineSocket(fileno=connected.detach())
    guarded.settimeout(timeout)
    guarded.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return guarded


class _GuardedAdapter(HTTPAdapter):
    """requests' adapter with connections to checked addresses, and without retries."""

    def __init__(self, private_hosts: frozenset[str]) -> None:
        self.private_hosts = private_hosts
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        http, https = (_guarded(base, self.private_hosts) for base in (HTTPConnection, HTTPSConnection))
        self.poolmanager = PoolManager(*args, ssl_context=tls_context(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("HTTPPool", (HTTPConnectionPool,), {"ConnectionCls": http}),
            "https": type("HTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": https}),
        }

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Require a certificate without reading the trusted ones again, as requests would: `tls_context` has them."""
        conn.cert_reqs = "CERT_REQUIRED"


@cache
def tls_context() -> ssl.SSLContext:
    """Return the trusted certificates, read once: reading them would cost more than the sync that needs them."""
    context = create_urllib3_context()
    context.load_verify_locations(certs.where())  # type: ignore[attr-defined]
    context.sslsocket_class = _DeadlineTLSSocket
    return context
