"""What the reading side of every connector must do: subclass `ConnectorContract` and describe how its WMS replies."""

import json
import logging
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import msgspec
import pytest

from integrations.connectors.base import Connector, FetchRequest, Page, Resource
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.http.client import Client

from .server import Call, Reply, Server

Connect = Callable[..., Client]
SINCE = datetime(2026, 2, 4, 18, 40, 2, 999_999, tzinfo=UTC)


def read_list(
    connector: type[Connector], client: Client, entity: Entity, ask: FetchRequest, cursor: Any = None
) -> list[Page]:
    """Return all pages from a cursor on. Each cursor passes through JSON, as it does between two slices."""
    pages: list[Page] = []
    while not pages or cursor is not None:
        page = connector.resources[entity].fetch(client, ask, cursor)
        pages.append(page)
        cursor = json.loads(json.dumps(page.cursor))
        assert len(pages) < 1000, "the pass does not end"
    return pages


def ids(pages: Sequence[Page]) -> list[Any]:
    return [record.external_id for page in pages for record in page.records]


class ConnectorContract(ABC):
    """The tests. A subclass fills in the class attributes and the hooks below them."""

    connector: ClassVar[type[Connector]]
    entity: ClassVar[Entity] = Entity.ORDERS
    credentials: ClassVar[Mapping[str, str]]  # secret ones with values that appear nowhere else
    number_field: ClassVar[str]  # a field of an item that holds an amount
    text_field: ClassVar[str]  # a field of an item that holds text
    refused_text: ClassVar[str] = '{"an": "object"}'  # JSON that the text field can't be

    @abstractmethod
    def item(self, number: int, **fields: str) -> str:
        """Return the JSON of one item. `fields` replaces the JSON of single fields."""

    @abstractmethod
    def external_id(self, number: int) -> str:
        """Return the external id of that item's record."""

    @abstractmethod
    def page(self, call: Call, items: Sequence[str], page: int, pages: int) -> Reply:
        """Return the reply with these items, which is page `page` (from 0) of `pages`."""

    @abstractmethod
    def requested_page(self, call: Call) -> int:
        """Return the number of the page, from 0, that a call requests."""

    @abstractmethod
    def requested_since(self, call: Call) -> datetime | None:
        """Return the time since which a call requests changes."""

    def answer_setup(self, call: Call) -> Reply | None:
        """Return the reply to a call that reads no items, such as a sign-in; None for one that reads items."""
        return None

    def refusal(self, words: str) -> bytes:
        """Return the body of an error in these words, as this WMS writes it."""
        return json.dumps({"error": words}).encode()

    # Fixtures and helpers.

    @pytest.fixture
    def server(self) -> Iterator[Server]:
        with Server() as server:
            yield server

    @pytest.fixture
    def connect(self, server: Server) -> Iterator[Connect]:
        clients = []

        def make(**options: Any) -> Client:
            options = {"credentials": dict(self.credentials), "private_hosts": frozenset({server.host}), **options}
            client = Client(server.url, **options)
            clients.append(client)
            self.connector.sign(client)
            return client

        yield make
        for client in clients:
            client.close()

    def resource(self) -> Resource:
        return self.connector.resources[self.entity]

    def serve(self, server: Server, *pages: Sequence[str]) -> None:
        def answer(call: Call) -> Reply:
            if reply := self.answer_setup(call):
                return reply
            number = self.requested_page(call)
            return self.page(call, pages[number], number, len(pages))

        server.answer = answer

    def always_reply(self, server: Server, reply: Reply) -> None:
        server.answer = lambda call: self.answer_setup(call) or reply

    def fetch_error(self, client: Client) -> ConnectorError:
        with pytest.raises(ConnectorError) as caught:
            self.resource().fetch(client, FetchRequest(), None)
        return caught.value

    # Paging.

    def test_every_item_is_read_once(self, server: Server, connect: Connect) -> None:
        self.serve(server, *([self.item(page * 3 + n) for n in range(3)] for page in range(4)), [self.item(12)])
        pages = read_list(self.connector, connect(), self.entity, FetchRequest())
        assert ids(pages) == [self.external_id(number) for number in range(13)]
        assert [page.cursor is None for page in pages] == [False] * 4 + [True]
        assert all(page.clock and abs(page.clock - datetime.now(UTC)) < timedelta(minutes=1) for page in pages)

    def test_empty_page_is_not_the_end(self, server: Server, connect: Connect) -> None:
        self.serve(server, [self.item(0)], [], [], [self.item(1)], [])
        assert ids(read_list(self.connector, connect(), self.entity, FetchRequest())) == [
            self.external_id(0),
            self.external_id(1),
        ]

    def test_empty_list_ends_immediately(self, server: Server, connect: Connect) -> None:
        self.serve(server, [])
        (page,) = read_list(self.connector, connect(), self.entity, FetchRequest())
        assert (list(page.records), list(page.rejected), page.cursor) == ([], [], None)

    def test_new_client_resumes_from_any_cursor(self, server: Server, connect: Connect) -> None:
        self.serve(server, *([self.item(page * 2), self.item(page * 2 + 1)] for page in range(4)))
        ask = FetchRequest(since=SINCE)
        pages = read_list(self.connector, connect(), self.entity, ask)
        whole = ids(pages)
        for done, page in enumerate(pages[:-1], start=1):
            rest = read_list(self.connector, connect(), self.entity, ask, json.loads(json.dumps(page.cursor)))
            assert ids(pages[:done]) + ids(rest) == whole

    # Incremental.

    def test_every_page_is_limited_to_changes(self, server: Server, connect: Connect) -> None:
        assert self.resource().overlap >= timedelta(minutes=15)
        self.serve(server, [self.item(0)], [self.item(1)], [self.item(2)])
        read_list(self.connector, connect(), self.entity, FetchRequest(since=SINCE))
        times = [self.requested_since(call) for call in server.calls if self.answer_setup(call) is None]
        assert len(times) >= 3
        for since in times:
            assert since is not None
            assert timedelta(0) <= SINCE - since < timedelta(seconds=1), "a fraction may only be rounded down"

    # Failures.

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (401, Kind.CREDENTIALS),
            (403, Kind.FORBIDDEN),
            (404, Kind.CONTRACT),
            (422, Kind.CONTRACT),
            (429, Kind.RATE_LIMITED),
            (500, Kind.UNREACHABLE),
            (501, Kind.NOT_OFFERED),
            (502, Kind.UNREACHABLE),
            (503, Kind.UNREACHABLE),
        ],
    )
    def test_each_status_has_its_kind(self, server: Server, connect: Connect, status: int, kind: Kind) -> None:
        self.always_reply(server, Reply(b"<html>no</html>", status))
        error = self.fetch_error(connect())
        assert error.kind is kind
        assert error.fact.endswith(".")
        assert "<" not in error.message

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("as_date", [False, True])
    def test_huge_retry_after_is_reported_without_waiting(
        self, server: Server, connect: Connect, status: int, as_date: bool
    ) -> None:
        now = datetime.now(UTC)
        # The WMS's clock is an hour behind: only the distance between its own two dates counts.
        theirs = now - timedelta(hours=1)
        headers = {"Date": format_datetime(theirs, usegmt=True), "Retry-After": "86400"}
        if as_date:
            headers["Retry-After"] = format_datetime(theirs + timedelta(days=1), usegmt=True)
        self.always_reply(server, Reply(b"{}", status, headers))
        client = connect()
        error = self.fetch_error(client)
        assert datetime.now(UTC) - now < timedelta(seconds=5)
        assert error.retry_at is not None
        assert abs(error.retry_at - now - timedelta(days=1)) < timedelta(seconds=10)
        assert sum(1 for call in server.calls if self.answer_setup(call) is None) == 1, (
            "the client repeated the request"
        )

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(Reply(b" " * 5000, drip=0.02), id="body"),
            pytest.param(Reply(b"{}", slow_head=0.02, headers={"X-Padding": "x" * 5000}), id="headers"),
            pytest.param(Reply(b"{}", slow_head=60), id="silence"),
        ],
    )
    def test_slow_reply_ends_at_the_deadline(self, server: Server, connect: Connect, reply: Reply) -> None:
        client = connect()
        self.serve(server, [])
        read_list(self.connector, client, self.entity, FetchRequest())  # signs in, if that takes a request
        client.transport.timeout = timedelta(seconds=0.4)
        self.always_reply(server, reply)
        begun = time.monotonic()
        error = self.fetch_error(client)
        assert 0.3 < time.monotonic() - begun < 2
        assert error.kind is Kind.UNREACHABLE
        assert "in time" in error.message

    @pytest.mark.parametrize(
        "body",
        [
            b"<!doctype html><title>Sign in</title>",
            b"",
            b'{"data": [{"id": "1"}, {"id"',
            b"[]",
            b"null",
            b"3",
            b"{}",
            b"\xff\xfe\x00",
            b"[" * 100_000 + b"]" * 100_000,
            b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"data": ' + b'{"a": ' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        ],
        ids=["html", "nothing", "cut", "list", "null", "number", "object", "bytes", "deep", "deep-list", "deep-object"],
    )
    def test_reply_that_is_no_page_is_a_contract_error(self, server: Server, connect: Connect, body: bytes) -> None:
        self.always_reply(server, Reply(body))
        error = self.fetch_error(connect())
        assert error.kind is Kind.CONTRACT
        assert "Earlier data stays" in error.message

    def test_body_shorter_than_announced_is_no_page(self, server: Server, connect: Connect) -> None:
        call = Call("GET", "/", {}, {}, b"{}")
        whole = self.page(call, [self.item(0)], 0, 1)
        self.always_reply(server, Reply(whole.body, announced=len(whole.body) + 1))
        assert self.fetch_error(connect()).kind is Kind.UNREACHABLE

    def test_unreachable_wms_is_reported(self, server: Server, connect: Connect) -> None:
        with Server() as gone:
            client = connect(private_hosts=frozenset({server.host, gone.host}))
            client.base_url = gone.url
        error = self.fetch_error(client)
        assert error.kind is Kind.UNREACHABLE
        assert "can't be reached" in error.message

    # Odd fields.

    @pytest.mark.parametrize(
        "odd",
        [
            '"words"',
            "true",
            "[]",
            "NaN",
            '"NaN"',
            "-Infinity",
            "1e400",
            "1" + "0" * 400,
            "9" * 5000,
            "1e-999999",
            "1e-99999999999999999999",
            "0." + "1" * 5000,
        ],
        ids=lambda text: text[:12],
    )
    def test_invalid_number_rejects_only_its_record(self, server: Server, connect: Connect, odd: str) -> None:
        self.assert_only_odd_item_is_rejected(server, connect, self.item(1, **{self.number_field: odd}))

    def test_wrong_type_rejects_only_its_record(self, server: Server, connect: Connect) -> None:
        self.assert_only_odd_item_is_rejected(server, connect, self.item(1, **{self.text_field: self.refused_text}))

    @pytest.mark.parametrize("depth", [300, 600])
    def test_deep_nesting_rejects_only_its_record(self, server: Server, connect: Connect, depth: int) -> None:
        deep = "[" * depth + "]" * depth
        self.assert_only_odd_item_is_rejected(server, connect, self.item(1, **{self.text_field: deep}), named=False)

    @pytest.mark.parametrize("odd", ["7", '"words"', "null", "[]"])
    def test_item_that_is_no_object_rejects_only_itself(self, server: Server, connect: Connect, odd: str) -> None:
        self.assert_only_odd_item_is_rejected(server, connect, odd, named=False)

    def assert_only_odd_item_is_rejected(
        self, server: Server, connect: Connect, odd: str, *, named: bool = True
    ) -> None:
        self.serve(server, [self.item(0), odd, self.item(2)], [self.item(3)])
        first, second = read_list(self.connector, connect(), self.entity, FetchRequest())
        assert ids([first, second]) == [self.external_id(0), self.external_id(2), self.external_id(3)]
        (rejected,) = first.rejected
        assert rejected.reason
        assert len(rejected.reason) <= 500
        assert len(rejected.excerpt) <= 500
        if named:
            assert rejected.external_id is not None
            assert rejected.external_id in self.external_id(1)

    @pytest.mark.parametrize("odd", [r"a\u0000b", r"a\ud800b", r"a\udfffb", r"a\ud800\ud800b"])
    def test_characters_that_are_no_text_are_replaced(self, server: Server, connect: Connect, odd: str) -> None:
        self.serve(server, [self.item(0, **{self.text_field: f'"{odd}"'})])
        (page,) = read_list(self.connector, connect(), self.entity, FetchRequest())
        assert not page.rejected
        stored = msgspec.json.encode(page.records[0]).decode()
        assert "a\ufffd" in stored
        assert r"\u0000" not in stored

    def test_invalid_utf8_is_replaced(self, server: Server, connect: Connect) -> None:
        call = Call("GET", "/", {}, {}, b"{}")
        whole = self.page(call, [self.item(0, **{self.text_field: '"a~b"'}), self.item(1)], 0, 1)
        self.always_reply(server, Reply(whole.body.replace(b"a~b", b"a\xffb")))
        page = self.resource().fetch(connect(), FetchRequest(), None)
        assert ids([page]) == [self.external_id(0), self.external_id(1)]
        assert "a\ufffdb" in msgspec.json.encode(page.records[0]).decode()

    # Secrets.

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirect_is_not_followed(self, server: Server, connect: Connect, status: int) -> None:
        with Server() as elsewhere:
            self.always_reply(server, Reply(b"", status, {"Location": f"{elsewhere.url}/wms"}))
            client = connect(private_hosts=frozenset({server.host, elsewhere.host}))
            error = self.fetch_error(client)
            assert elsewhere.calls == []
        assert error.kind is Kind.CONTRACT
        assert elsewhere.host not in error.message

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 422, 429, 500, 501])
    def test_secrets_are_in_no_error_and_no_log(
        self, server: Server, connect: Connect, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        caplog.set_level(logging.DEBUG)
        echo = " ".join(self.secrets())
        self.always_reply(server, Reply(self.refusal(f"not with {echo}"), status, {"X-Request-Id": "req-1"}))
        client = connect()
        error = self.fetch_error(client)
        shown = [str(error), repr(error), error.message, error.detail, repr(client), caplog.text]
        shown += traceback.format_exception(error)
        for secret in self.secrets():
            assert secret not in "\n".join(shown)

    def test_unsendable_credential_is_refused_without_showing_it(self, server: Server, connect: Connect) -> None:
        for bad in ("se\ncret-part", "se\u2028cret-part", "se\ud800cret-part"):
            self.serve(server, [])
            credentials = {**self.credentials, **dict.fromkeys(self.secret_names(), bad)}
            with pytest.raises(ConnectorError) as caught:
                self.resource().fetch(connect(credentials=credentials), FetchRequest(), None)
            assert caught.value.kind is Kind.CREDENTIALS
            assert "cret-part" not in "".join(traceback.format_exception(caught.value))

    def secret_names(self) -> list[str]:
        return [credential.name for credential in self.connector.credentials if credential.secret]

    def secrets(self) -> list[str]:
        return [self.credentials[name] for name in self.secret_names()]

    def test_account_key_reveals_no_credential(self) -> None:
        key = self.connector.account_key("https://a.example", self.credentials)
        assert key == self.connector.account_key("https://a.example", dict(self.credentials))
        assert key != self.connector.account_key("https://b.example", self.credentials)
        assert not any(secret in key for secret in self.secrets())
