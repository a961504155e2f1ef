"""HTTP requests: which addresses are allowed, what is sent, size limits and deadlines."""

import contextlib
import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from requests import adapters, certs

from integrations.errors import ConnectorError, Kind
from integrations.http import transport
from integrations.http.client import Client
from integrations.http.recording import ExchangeRecording, ResponseRecording
from integrations.http.responses import Answer, explain, retry_after
from integrations.http.ssrf import PrivateAddress, check_address, is_public, resolve
from tests.kit.server import Call, Reply, Server

NONE: frozenset[str] = frozenset()

LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7F.1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
]
PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.0.192",
    "168.63.129.16",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
]

USUAL = {"127.0.0.1", "127.255.255.254", "0.0.0.0", *PRIVATE}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., Client]]:
    clients = []

    def make(url: str = "", **options: Any) -> Client:
        clients.append(Client(url or server.url, **{"private_hosts": frozenset({server.host}), **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Host names and their addresses, in place of a resolver."""
    known: dict[str, list[str]] = {}
    asked: list[str] = []

    def look_up(host: str, port: int, *rest: Any, **options: Any) -> list[Any]:
        asked.append(host)
        if host not in known:
            raise socket.gaierror("unknown name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    known["asked"] = asked
    return known


# Addresses.


@pytest.mark.parametrize("host", LOOPBACK + PRIVATE)
def test_private_address_is_refused_in_any_spelling(host: str) -> None:
    with pytest.raises(PrivateAddress) as caught:
        check_address(f"https://{host}/api", NONE)
    assert caught.value.kind is Kind.CONTRACT
    assert "private network" in caught.value.message


# A resolver gives addresses in their usual form.
@pytest.mark.parametrize("host", [host for host in LOOPBACK + PRIVATE if ":" in host or host in USUAL])
def test_host_name_of_a_private_address_is_refused(names: dict[str, list[str]], host: str) -> None:
    address = host.strip("[]")
    names["wms.example"] = ["93.184.216.34", address]
    with pytest.raises(PrivateAddress):
        resolve("wms.example", 443, NONE)
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(names: dict[str, list[str]], address: str) -> None:
    assert is_public(address)
    names["wms.example"] = [address]
    assert resolve("wms.example", 443, NONE) == (address, 443)


def test_only_the_listed_host_and_port_may_be_private(names: dict[str, list[str]]) -> None:
    names["wms.internal"] = ["10.0.0.7"]
    listed = frozenset({"wms.internal:8000"})
    assert resolve("wms.internal", 8000, listed) == ("10.0.0.7", 8000)
    check_address("http://wms.internal:8000", listed)
    with pytest.raises(PrivateAddress):
        resolve("wms.internal", 8001, listed)
    with pytest.raises(ConnectorError, match="https"):
        check_address("http://wms.internal:8001", listed)


def test_host_is_resolved_once_and_that_address_is_used(
    names: dict[str, list[str]], connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = []

    def refuse(address: tuple[str, int], *rest: Any) -> None:
        connected.append(address)
        names["wms.example"] = ["127.0.0.1"]  # what a rebinding name server would say the second time
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    names["wms.example"] = ["93.184.216.34"]
    client = connect("https://wms.example")
    with pytest.raises(ConnectorError, match="can't be reached"):
        client.get("/")
    assert connected == [("93.184.216.34", 443)]
    assert names["asked"] == ["wms.example"]
    with pytest.raises(PrivateAddress):
        client.get("/")
    assert len(connected) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "wms.example.com",
        "//wms.example.com",
        "ftp://wms.example.com",
        "file:///etc/passwd",
        "http://wms.example.com",
        "https://",
        "https://user@wms.example.com",
        "https://user:pass@wms.example.com",
        "https://:pass@wms.example.com",
        "https://wms.example.com#part",
        "https://wms.example.com?query=1",
        "https://wms.example.com:99999",
        "https://wms.example.com:port",
        "https://[::1",
        "javascript:alert(1)",
    ],
)
def test_invalid_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        Client(url)
    assert caught.value.kind is Kind.CONTRACT
    assert caught.value.message.startswith("The address of the WMS")


@pytest.mark.parametrize("url", ["https://wms.example.com", "https://wms.example.com:8443/base/", "https://8.8.8.8"])
def test_valid_addresses_are_accepted(url: str) -> None:
    check_address(url, NONE)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "no-such-name.invalid", "a..b"])
def test_unknown_host_name_is_unreachable(connect: Callable[..., Client], host: str, request: Any) -> None:
    if host.endswith(".invalid"):
        request.getfixturevalue("names")
    with pytest.raises(ConnectorError) as caught:
        connect(f"https://{host}").get("/")
    assert caught.value.kind is Kind.UNREACHABLE


# What is sent, and to whom.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_receive_no_headers(server: Server, connect: Callable[..., Client], status: int) -> None:
    with Server() as elsewhere:
        server.answer = lambda call: Reply(b"", status, {"Location": f"{elsewhere.url}/", "Refresh": "0"})
        client = connect(
            headers={"x-trackstar-api-key": "key-1"}, private_hosts=frozenset({server.host, elsewhere.host})
        )
        for method in ("GET", "POST"):
            with pytest.raises(ConnectorError, match="another address"):
                client.request(method, "/x", payload={"a": 1} if method == "POST" else None)
        assert elsewhere.calls == []
    assert [call.headers["x-trackstar-api-key"] for call in server.calls] == ["key-1", "key-1"]


def test_proxies_and_netrc_of_the_machine_are_ignored(
    server: Server, connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert connect().get("/").status == 200
        assert proxy.calls == []
    assert "authorization" not in server.calls[0].headers


def test_request_is_sent_as_given_and_counted(server: Server, connect: Callable[..., Client]) -> None:
    server.answer = lambda call: Reply(b'{"a": 1}', 201, {"Date": "Wed, 04 Feb 2026 18:40:02 GMT"})
    client = connect(f"{server.url}/base/")
    answer = client.request("POST", "/x", params={"a[gte]": "1+1 Z"}, payload={"n": 1}, headers={"Extra": "e"})
    (call,) = server.calls
    assert (call.method, call.path, call.query) == ("POST", "/base/x", {"a[gte]": "1+1 Z"})
    assert (call.body, call.headers["extra"]) == (b'{"n": 1}', "e")
    assert (answer.status, answer.json(), client.requests_made) == (201, {"a": 1}, 1)
    assert answer.clock == datetime(2026, 2, 4, 18, 40, 2, tzinfo=UTC)


def test_accepted_status_is_no_error(server: Server, connect: Callable[..., Client]) -> None:
    server.answer = lambda call: Reply(b"{}", 422)
    assert connect().get("/", ok=(422,)).status == 422
    with pytest.raises(ConnectorError):
        connect().get("/", ok=(404,))


def test_reads_are_paced(connect: Callable[..., Client]) -> None:
    client = connect(reads_per_second=20)
    begun = time.monotonic()
    for _ in range(5):
        client.get("/")
    assert 0.2 <= time.monotonic() - begun < 1


def test_client_repr_shows_no_secret(connect: Callable[..., Client]) -> None:
    client = connect(headers={"h": "s3cret"}, credentials={"c": "s3cret"}, state={"token": "s3cret"})
    assert "s3cret" not in repr(client)


# Answers that are too large, too slow or broken.


def test_body_over_the_limit_is_rejected(
    server: Server, connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.http.transport.MAX_BODY_BYTES", 200_000)
    packed = gzip.compress(b" " * 50_000_000)
    assert len(packed) < 200_000
    for reply in (Reply(b" " * 300_000), Reply(packed, headers={"Content-Encoding": "gzip"})):
        server.answer = lambda call, reply=reply: reply
        with pytest.raises(ConnectorError, match="64 MB") as caught:
            connect().get("/")
        assert caught.value.kind is Kind.CONTRACT


def test_undecodable_body_is_reported(server: Server, connect: Callable[..., Client]) -> None:
    server.answer = lambda call: Reply(b"not packed", headers={"Content-Encoding": "gzip"})
    with pytest.raises(ConnectorError, match="unpacked"):
        connect().get("/")


def test_timeout_restarts_with_each_request(server: Server, connect: Callable[..., Client]) -> None:
    server.answer = lambda call: Reply(b" " * 10, drip=0.02)
    client = connect(timeout=timedelta(seconds=0.5))
    for _ in range(4):
        assert client.get("/").body == b" " * 10


def test_on_sent_is_called_before_the_response(server: Server, connect: Callable[..., Client]) -> None:
    sent = threading.Event()
    server.answer = lambda call: Reply(b"told" if sent.wait(20) else b"not told")
    client = connect()
    with client.recorded_by(ResponseRecording(on_sent=sent.set)):
        assert client.get("/").body == b"told"


@pytest.fixture
def believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the only trusted certificate, that of `_DrippingTls`."""
    monkeypatch.setattr(certs, "where", lambda: str(tmp_path / "cert.pem"))
    monkeypatch.setattr(adapters, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "cert.pem"))
    transport.tls_context.cache_clear()
    yield tmp_path / "cert.pem"
    transport.tls_context.cache_clear()


def test_timeout_applies_over_tls(connect: Callable[..., Client], believed: Path) -> None:
    with _DrippingTls(believed.parent) as port:
        host = f"127.0.0.1:{port}"
        client = connect(f"https://{host}", private_hosts=frozenset({host}), timeout=timedelta(seconds=0.4))
        begun = time.monotonic()
        with pytest.raises(ConnectorError, match="in time") as caught:
            client.get("/")
        assert 0.3 < time.monotonic() - begun < 2
        assert caught.value.sent


def test_trusted_certificates_are_read_once(connect: Callable[..., Client], believed: Path) -> None:
    with _DrippingTls(believed.parent, length=3) as port:
        host = f"127.0.0.1:{port}"
        for _ in range(2):
            assert connect(f"https://{host}", private_hosts=frozenset({host})).get("/").body == b"   "
            believed.unlink(missing_ok=True)


def test_untrusted_certificate_is_refused(connect: Callable[..., Client], tmp_path: Path) -> None:
    with _DrippingTls(tmp_path, length=3) as port:
        host = f"127.0.0.1:{port}"
        with pytest.raises(ConnectorError, match="can't be reached") as caught:
            connect(f"https://{host}", private_hosts=frozenset({host})).request("POST", "/", payload={})
        assert not caught.value.sent


def test_error_says_whether_the_request_was_sent(connect: Callable[..., Client], server: Server) -> None:
    """A change that was certainly not sent may be sent again; the outcome of any other is unknown."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"127.0.0.1:{listener.getsockname()[1]}"
    for url, private in (
        (f"http://{closed}", closed),  # nobody listens
        ("https://localhost:1", "other:1"),  # inside
        (f"https://{server.host}", server.host),  # no TLS there
    ):
        with pytest.raises(ConnectorError) as caught:
            connect(url, private_hosts=frozenset({private})).request("POST", "/", payload={})
        assert not caught.value.sent, url
    for reply in (Reply(b"{}", announced=9), Reply(b"", 500), Reply(b"{}", slow_head=0.2)):
        server.answer = lambda call, reply=reply: reply  # type: ignore[misc]
        with pytest.raises(ConnectorError) as caught:
            connect(timeout=timedelta(seconds=0.5)).request("POST", "/", payload={})
        assert caught.value.sent


def test_deadline_ends_all_requests(server: Server, connect: Callable[..., Client]) -> None:
    """A request after the deadline is not sent at all."""
    server.answer = lambda call: Reply(b" " * 100, drip=0.02)
    client = connect()
    client.transport.deadline = time.monotonic() + 0.3
    with pytest.raises(ConnectorError, match="in time") as first:
        client.request("POST", "/")
    with pytest.raises(ConnectorError) as second:
        client.request("POST", "/")
    assert (first.value.sent, second.value.sent) == (True, False)
    assert time.monotonic() - client.transport.deadline < 1


def test_exchanges_are_recorded_without_headers(server: Server, connect: Callable[..., Client]) -> None:
    """The payload and the response of a private request are left out."""
    server.answer = lambda call: Reply(b'{"token": "t"}')
    client = connect()
    recording = ExchangeRecording()
    with client.recorded_by(recording):
        client.request("POST", "/a", params={"b": "c d"}, payload={"e": 1})
        client.request("POST", "/login", payload={"password": "p"}, private=True)
    client.get("/")
    first, second = recording.exchanges
    assert (first.method, first.path, first.body, first.status) == ("POST", "/a?b=c+d", {"e": 1}, 200)
    assert (first.answer, second.body, second.answer) == (b'{"token": "t"}', None, b"")


class _DrippingTls:
    """A TLS server with its own certificate that sends one byte of its body every 20 ms."""

    def __init__(self, folder: Path, length: int = 1_000_000) -> None:
        self.length = length
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kit")])
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        now = datetime.now(UTC)
        cert = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(alternative, critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        form = serialization.PrivateFormat.PKCS8
        (folder / "cert.pem").write_bytes(cert.public_bytes(pem))
        (folder / "key.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        while not self.closing.is_set():
            # A client that hangs up, or does not believe the certificate, is what the tests are about.
            with contextlib.suppress(OSError):
                connection, _ = self.listener.accept()
                with self.context.wrap_socket(connection, server_side=True) as secured:
                    self.answer(secured)

    def answer(self, secured: ssl.SSLSocket) -> None:
        secured.recv(65536)
        secured.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {self.length}\r\n\r\n".encode())
        for _ in range(self.length):
            if self.closing.wait(0.02):
                return
            secured.sendall(b" ")

    def __enter__(self) -> int:
        self.thread.start()
        return int(self.listener.getsockname()[1])

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.listener.close()


# Waiting.


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "99999999999"}, 30 * 86_400),
        ({"Retry-After": "9" * 5000}, 30 * 86_400),
        ({"Retry-After": "Wed, 04 Feb 2026 18:41:02 GMT", "Date": "Wed, 04 Feb 2026 18:40:02 GMT"}, 60),
        ({"Retry-After": "Wed, 04 Feb 2026 18:41:02 -0000", "Date": "Wed, 04 Feb 2026 18:40:02 -0000"}, 60),
        ({"Retry-After": "Wed, 04 Feb 2026 18:41:02 GMT", "Date": "Wed, 04 Feb 2026 19:40:02 GMT"}, 0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 30 * 86_400),
    ],
    ids=lambda value: str(value)[:50],
)
def test_retry_after_is_parsed(headers: dict[str, str], seconds: int) -> None:
    until = retry_after(headers)
    assert until is not None
    assert abs(until - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(seconds=5)


@pytest.mark.parametrize("value", ["", "soon", "-7", "7.5", "²", "Wed, 99 Feb 2026 18:41:02 GMT"])
def test_invalid_retry_after_is_none(value: str) -> None:
    assert retry_after({"Retry-After": value}) is None


@pytest.mark.parametrize(
    "date",
    ["", "today", "Fri, 31 Dec 9999 23:59:59 -1400", "Wed, 99 Feb 2026 1:1:1 GMT"],
)
def test_invalid_date_header_is_none(server: Server, connect: Callable[..., Client], date: str) -> None:
    server.answer = lambda call: Reply(b"{}", headers={"Date": date})
    assert connect().get("/").clock is None


def test_date_header_without_a_zone_is_utc(
    server: Server, connect: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = lambda call: Reply(b"{}", headers={"Date": "Wed, 04 Feb 2026 18:40:02 -0000"})
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        clock = connect().get("/").clock
    time.tzset()
    assert clock == datetime(2026, 2, 4, 18, 40, 2, tzinfo=UTC)


def test_errors_name_the_wms(server: Server, connect: Callable[..., Client]) -> None:
    server.answer = lambda call: Reply(b"", 401)
    with pytest.raises(ConnectorError, match=r"^Dockhand rejected the login"):
        connect(wms="Dockhand").get("/")
    with Server() as gone:
        client = connect(gone.url, wms="Dockhand", private_hosts=frozenset({gone.host}))
    with pytest.raises(ConnectorError, match=r"^Dockhand can't be reached"):
        client.get("/")


def test_every_error_status_has_a_message() -> None:
    for status in range(300, 600):
        error = explain(Answer(status, {}, b"<b>secret</b>", None))
        assert error.fact.endswith(".")
        assert error.advice == "" or error.advice.endswith(".")
        assert "secret" not in error.message + error.detail


def test_escaped_path_is_sent_unchanged(server: Server, connect: Callable[..., Client]) -> None:
    connect().get("/a%2Cb")
    assert server.calls[0] == Call("GET", "/a%2Cb", {}, server.calls[0].headers, b"")
