"""Protection against server-side request forgery: which addresses Packr may connect to.

The address that is connected to is the one that was checked, so a host name can't point to a private address in
between.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from ..errors import ConnectorError, Kind

# Where Oracle's and Azure's machines read their own secrets; Python 3.11 calls these addresses global.
CLOUD_METADATA_NETWORKS = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("168.63.129.16/32"))
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def check_address(url: str, private_hosts: frozenset[str]) -> None:
    """Raise ConnectorError(contract), which says why, for a base URL that Packr must not connect to.

    `private_hosts` are the `host:port` pairs that may use plain http and resolve to a private address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        raise _bad_address("is not a valid address") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
        raise _bad_address("must look like https://wms.example.com, without a login in it")
    if parts.fragment or parts.query:
        raise _bad_address("must not have a query or a fragment")
    if f"{parts.hostname}:{port}" in private_hosts:
        return
    if parts.scheme == "http":
        raise _bad_address("must begin with https://")
    literal = _literal(parts.hostname)
    if literal and not is_public(literal):
        raise PrivateAddress()


def _literal(host: str) -> str | None:
    """Return the address that a numeric host spells, also in octal or hexadecimal; None for a name."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        pass
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _bad_address(why: str) -> ConnectorError:
    return ConnectorError(Kind.CONTRACT, f"The address of the WMS {why}.")


class PrivateAddress(ConnectorError):
    """The error for a host that leads to an address inside Packr's own network."""

    def __init__(self) -> None:
        super().__init__(
            Kind.CONTRACT,
            "The address of the WMS leads to a private network, which Packr does not connect to.",
            "Check the address.",
        )


def resolve(host: str, port: int, private_hosts: frozenset[str]) -> tuple[str, int]:
    """Resolve a host once; return the address and port to connect to. Raises PrivateAddress if it is not public."""
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
    """Return whether an address is on the open internet, also for IPv4 addresses inside IPv6 ones."""
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
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in CLOUD_METADATA_NETWORKS)
