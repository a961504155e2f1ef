"""Each paging strategy against a server that pages this way, through a minimal connector."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pytest

from integrations.connectors.base import FetchRequest, Page, Rejected
from integrations.connectors.decoding import ItemMapping
from integrations.connectors.paging import Keyset, NextToken, Offset, PageNumber, Paging
from integrations.connectors.parsing import identifier
from integrations.connectors.rest import RestList
from integrations.errors import ConnectorError, CursorExpired, Kind
from integrations.http.client import Client
from integrations.records import Record, Warehouse
from tests.kit.server import Call, Reply, Server


class RawSite(msgspec.Struct):
    id: str
    name: str | None = None


def parse_site(raw: RawSite) -> Warehouse:
    return Warehouse(external_id=identifier(raw.id), name=raw.name)


SITES = ItemMapping(RawSite, parse_site, version=1)
IDS = [f"site-{number}" for number in range(7)]


def reply(items: Sequence[str], **envelope: Any) -> Reply:
    return Reply(json.dumps({"sites": [{"id": external_id} for external_id in items], **envelope}).encode())


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def pass_through(server: Server, paging: Paging[Any], lazily: bool = False, **options: Any) -> list[Page]:
    """Read the whole list, passing each cursor through JSON."""
    sites = RestList(path="/sites", items_key="sites", mapping=SITES, paging=paging, **options)
    client = Client(server.url, private_hosts=frozenset({server.host}))
    pages: list[Page] = []
    cursor: Any = None
    while not pages or cursor is not None:
        pages.append(sites.fetch(client, FetchRequest(lazily=lazily), cursor))
        cursor = json.loads(json.dumps(pages[-1].cursor))
        assert len(pages) < 20
    client.close()
    return [page.parse() for page in pages]


def ids(pages: Sequence[Page]) -> list[Any]:
    return [record.external_id for page in pages for record in page.records]


@pytest.mark.parametrize("lazily", [False, True])
def test_next_token_is_followed_until_null(server: Server, lazily: bool) -> None:
    """Trackstar's form: only a null token ends the list, so an empty page does not."""
    tokens = {None: (IDS[:3], "b"), "b": ([], "c"), "c": (IDS[3:], None)}

    def answer(call: Call) -> Reply:
        items, token = tokens[call.query.get("after")]
        return reply(items, data={"next": token})

    server.answer = answer
    pages = pass_through(server, NextToken("after", "data.next"), lazily)
    assert (ids(pages), len(pages)) == (IDS, 3)


def test_next_token_with_a_flag(server: Server) -> None:
    """ShipHero's form: the last page has a cursor too, and a flag says that it is the last."""

    def answer(call: Call) -> Reply:
        start = int(call.query.get("after", 0))
        return reply(IDS[start : start + 4], page={"more": start + 4 < len(IDS), "end": str(start + 4)})

    server.answer = answer
    assert ids(pass_through(server, NextToken("after", "page.end", has_more="page.more"))) == IDS
    assert len(server.calls) == 2


@pytest.mark.parametrize("envelope", [{}, {"next": ""}, {"next": 5}, {"next": "\x00"}, {"next": ["a"]}])
def test_missing_token_does_not_end_the_list(server: Server, envelope: Any) -> None:
    server.answer = lambda call: reply(IDS, **envelope)
    with pytest.raises(ConnectorError) as caught:
        pass_through(server, NextToken("after", "next"))
    assert caught.value.kind is Kind.CONTRACT


@pytest.mark.parametrize("lazily", [False, True])
@pytest.mark.parametrize(("size", "requests"), [(3, 3), (7, 2), (8, 1)])
def test_page_number_ends_at_a_short_page(server: Server, lazily: bool, size: int, requests: int) -> None:
    """ShipBob's form: without a total, only an incomplete page ends the list."""

    def answer(call: Call) -> Reply:
        assert call.query["Limit"] == str(size)
        start = (int(call.query["Page"]) - 1) * size
        return reply(IDS[start : start + size])

    server.answer = answer
    assert ids(pass_through(server, PageNumber("Page", "Limit", size), lazily)) == IDS
    assert len(server.calls) == requests


@pytest.mark.parametrize(("size", "requests"), [(3, 3), (7, 1), (8, 1)])
def test_page_number_ends_at_the_total(server: Server, size: int, requests: int) -> None:
    """Extensiv's form."""

    def answer(call: Call) -> Reply:
        start = (int(call.query["pgnum"]) - 1) * size
        return reply(IDS[start : start + size], totalResults=len(IDS))

    server.answer = answer
    assert ids(pass_through(server, PageNumber("pgnum", "pgsiz", size, total="totalResults"))) == IDS
    assert len(server.calls) == requests


@pytest.mark.parametrize("total", ["", "count"])
def test_offset_paging_reads_every_record(server: Server, total: str) -> None:
    """Odoo's form."""

    def answer(call: Call) -> Reply:
        start, size = int(call.query["offset"]), int(call.query["limit"])
        return reply(IDS[start : start + size], count=len(IDS))

    server.answer = answer
    assert ids(pass_through(server, Offset("offset", "limit", 3, total=total))) == IDS
    assert [call.query["offset"] for call in server.calls] == ["0", "3", "6"]


@pytest.mark.parametrize("paging", [PageNumber("p", "n", 3, total="count"), Offset("o", "n", 3, total="count")])
def test_missing_total_does_not_end_the_list(server: Server, paging: Paging[Any]) -> None:
    server.answer = lambda call: reply(IDS[:2])
    with pytest.raises(ConnectorError) as caught:
        pass_through(server, paging)
    assert caught.value.kind is Kind.CONTRACT


def test_forgotten_cursor_restarts_the_pass(server: Server) -> None:
    server.answer = lambda call: Reply(b"{}", 410) if "after" in call.query else reply(IDS, next="b")
    with pytest.raises(CursorExpired):
        pass_through(server, NextToken("after", "next"), expired=(410,))


# Keyset: the connector writes its own filter for the key.


def by_id(row: Record | Rejected) -> int | None:
    text = str(row.external_id)
    return int(text) if text.isdecimal() else None


def by_time_and_id(row: Record | Rejected) -> list[Any] | None:
    return [row.updated_at.isoformat(), row.external_id] if isinstance(row, Record) and row.updated_at else None


def keyset_pass(keyset: Keyset[Any], rows: Sequence[Any], key: Callable[[Any], Any]) -> list[Page]:
    pages: list[Page] = []
    cursor: Any = None
    while not pages or cursor is not None:
        following = [row for row in rows if cursor is None or key(row) > cursor][: keyset.size]
        page = Page(
            [row for row in following if isinstance(row, Record)], [r for r in following if type(r) is Rejected]
        )
        pages.append(page)
        cursor = json.loads(json.dumps(keyset.next_cursor(page)))
    return pages


def test_keyset_by_id_reads_every_record() -> None:
    """Tryton's form. A rejected row counts towards the page, and its id is used if it is readable."""
    rows: list[Any] = [Warehouse(external_id=str(number)) for number in (2, 10, 11, 30)]
    rows.insert(1, Rejected("9", "no name", ""))
    pages = keyset_pass(Keyset(2, by_id), rows, by_id)
    assert [[row.external_id for row in (*page.records, *page.rejected)] for page in pages] == [
        ["2", "9"],
        ["10", "11"],
        ["30"],
    ]


def test_keyset_by_time_and_id_reads_every_record() -> None:
    """Ids distinguish rows with the same time."""
    times = [datetime(2026, 2, day) for day in (3, 4, 4, 4, 5)]
    rows = [Warehouse(external_id=f"w{number}", updated_at=time) for number, time in enumerate(times)]
    pages = keyset_pass(Keyset(2, by_time_and_id), rows, by_time_and_id)
    assert [ids([page]) for page in pages] == [["w0", "w1"], ["w2", "w3"], ["w4"]]


def test_full_page_without_keys_does_not_end_the_list() -> None:
    with pytest.raises(ConnectorError) as caught:
        Keyset(1, by_id).next_cursor(Page((), [Rejected(None, "no id", "")]))
    assert caught.value.kind is Kind.CONTRACT
