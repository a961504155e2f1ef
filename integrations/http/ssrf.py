"""Which addresses Packr talks to, and for how long: the address that is connected to is the one that was checked.

So a host name can't be pointed at a private address in between; and an answer that drips ends with its request's
deadline.
"""

import ipaddress
import socket
import ssl
import threading
import time
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from requests import certs
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from ..errors import ConnectorError, Kind

# Where Oracle's and Azure's machines ask for their own secrets; global as far as Python 3.11 knows.
CLOUD_INSIDES = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("168.63.129.16/32"))
NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Of the request that this thread is making: when it has to be over, on the monotonic clock (`at`), whether any of it
# has left (`sent`), and what is to be called when it has (`on_sent`, or None).
give_up = threading.local()


def check_address(url: str, private_hosts: frozenset[str]) -> None:
    """Refuse a base URL that Packr must not talk to: ConnectorError(contract) says why."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        raise _refused("is not a valid address") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
        raise _refused("must look like https://wms.example.com, without a login in it")
    if parts.fragment or parts.query:
        raise _refused("must not have a query or a fragment")
    if f"{parts.hostname}:{port}" in private_hosts:
        return
    if parts.scheme == "http":
        raise _refused("must begin with https://")
    literal = _literal(parts.hostname)
    if literal and not is_public(literal):
        raise PrivateAddress()


def _literal(host: str) -> str | None:
    """The address that a host name in numbers spells (decimal, octal and hexadecimal forms too); None for a name."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        pass
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _refused(why: str) -> ConnectorError:
    return ConnectorError(Kind.CONTRACT, f"The address of the WMS {why}.")


class PrivateAddress(ConnectorError):
    """A host name that leads to an address inside Packr's own network."""

    def __init__(self) -> None:
        super().__init__(
            Kind.CONTRACT,
            "The address of the WMS leads to a private network, which Packr does not connect to.",
            "Check the address.",
        )


def resolve(host: str, port: int, private_hosts: frozenset[str]) -> tuple[str, int]:
    """The address to connect to for a host, resolved once; PrivateAddress when it is not a public one."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError("no such host name") from error
    addresses = [str(info[4][0]) for info in found]
    if f"{host}:{port}" in private_hosts:
        return addresses[0], port
    for address in addresses:
        if not is_public(address):
            raise PrivateAddress()
    return addresses[0], port


def is_public(address: str) -> bool:
    """True for an address on the open internet, hidden IPv4 forms inside IPv6 included."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
        # Python calls these global: ::127.0.0.1, ::ffff:0:127.0.0.1 and fec0::1.
        if ip.is_reserved or ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in CLOUD_INSIDES)


class _GuardedHTTP(HTTPConnection):
    private_hosts: frozenset[str] = frozenset()

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.private_hosts)


class _GuardedHTTPS(HTTPSConnection):
    private_hosts: frozenset[str] = frozenset()

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.private_hosts)


def _connect(connection: HTTPConnection, private_hosts: frozenset[str]) -> socket.socket:
    address = resolve(connection.host.strip("[]"), connection.port or 0, private_hosts)
    timeout = connection.timeout
    plain = socket.create_connection(address, timeout if isinstance(timeout, int | float) else 10.0)
    found = _TimedSocket(fileno=plain.detach())
    found.settimeout(timeout if isinstance(timeout, int | float) else 10.0)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def _left() -> float:
    """Seconds until this thread's request has to be over."""
    left: float = give_up.at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the answer came too slowly")
    return left


def _tell_sent() -> None:
    if give_up.on_sent:
        give_up.on_sent()


class _TimedSocket(socket.socket):
    """Every read gets only what is left of the deadline, so that an answer that drips, headers too, ends in time."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(_left())
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        _left()
        give_up.sent = True
        super().sendall(data, flags)
        _tell_sent()


class _TimedTLS(ssl.SSLSocket):
    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(_left())
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        _left()
        give_up.sent = True
        super().sendall(data, flags)
        _tell_sent()


@cache
def trusted() -> ssl.SSLContext:
    """By which certificates a WMS is believed. Read once: each time would cost more than the sync that needs them."""
    context = create_urllib3_context()
    context.load_verify_locations(certs.where())  # type: ignore[attr-defined]
    context.sslsocket_class = _TimedTLS
    return context


class GuardedAdapter(HTTPAdapter):
    """requests' adapter, its connections going through `resolve`; nothing is retried."""

    def __init__(self, private_hosts: frozenset[str]) -> None:
        self.private_hosts = private_hosts
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        guard = {"private_hosts": self.private_hosts}
        http = type("GuardedHTTP", (_GuardedHTTP,), guard)
        https = type("GuardedHTTPS", (_GuardedHTTPS,), guard)
        self.poolmanager = PoolManager(*args, ssl_context=trusted(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("HTTPPool", (HTTPConnectionPool,), {"ConnectionCls": http}),
            "https": type("HTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": https}),
        }

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Without reading the certificates once more, as requests would: `trusted` has them."""
        conn.cert_reqs = "CERT_REQUIRED"
