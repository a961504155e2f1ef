"""A WMS too fast to affect the measurement: prepared bytes behind a plain HTTP server in a separate process.

It offers as much of the Trackstar API as Packr's unchanged connector reads: seven lists with `limit`, `page_token`,
`ids[in]`, and `[gte]` and `[lte]` of `trackstar_updated_date` and `updated_date`; single records; `/connections/{id}`.
Any API key is accepted; an access token is any name, a dash and a number (`bench-7`), and each is an account. All
accounts hold the same goods until one of them is changed.

python -m benchmarks.wms [--port 0] [--size inventory=200000 …] [--latency-ms 200]

prints its port on the first line. It is controlled by POST, a JSON object each:

/_control/change   {"kind": "inventory", "share": 0.01, "account": "bench-7"}   new revisions, stamped now
/_control/latency  {"ms": 100}            delay of every API response
/_control/clock    {"ahead": 3600}        the WMS's clock, so that recent changes become old
/_control/stats    {}                     requests by kind since the last call

Facts about the API: integrations/connectors/trackstar. The pages of whole lists are prepared before the port is
printed.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.client import responses
from urllib.parse import parse_qsl, unquote

from .wms_records import MAKERS, encoded, identity, iso

HOST = "127.0.0.1"
MOST = 1000  # of a page
SIZES = dict.fromkeys(MAKERS, 0) | {"warehouses": 2, "warehouse-customers": 20, "shipping-methods": 4}
SINCE = ("trackstar_updated_date[gte]", "updated_date[gte]")
UNTIL = ("trackstar_updated_date[lte]", "updated_date[lte]")
TOKEN = re.compile(rb"\r\nx-trackstar-access-token: *([^\r\n]*-\d+)\r\n", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
CRAWLS = [kind.replace("-", "_") for kind in MAKERS]


class HttpError(Exception):
    """A request that is answered with an error: status and text."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@dataclass
class Shelf:
    """One account's records of one kind: their number, which have changed and when, and their pages.

    `batches` are the changes in order: the time, and the numbers of the changed records.
    """

    kind: str
    size: int
    created: str
    revisions: dict[int, tuple[int, str]] = field(default_factory=dict)
    batches: list[tuple[str, Sequence[int]]] = field(default_factory=list)
    pages: dict[tuple[int, int, int], bytes] = field(default_factory=dict)

    def copy(self) -> "Shelf":
        """Return the same goods for another account."""
        return Shelf(self.kind, self.size, self.created, dict(self.revisions), list(self.batches), dict(self.pages))

    def prepare(self) -> None:
        """Create the pages of the whole list and of the latest change, where missing."""
        for first in {0, len(self.batches)}:
            numbers = self._numbers(first)
            for start in range(0, max(1, len(numbers)), MOST):
                self.page(first, start, MOST)

    def change(self, numbers: Sequence[int], moment: str) -> None:
        """Create new revisions of these records."""
        for number in numbers:
            self.revisions[number] = (self.revisions.get(number, (0, ""))[0] + 1, moment)
        self.batches.append((moment, sorted(numbers)))
        touched = {(0, number - number % MOST, MOST) for number in numbers}
        self.pages = {
            key: page for key, page in self.pages.items() if key[0] == 0 and key[2] == MOST and key not in touched
        }
        self.prepare()

    def first_batch(self, since: str | None) -> int:
        """Return the first change after a time; 0 is the original state."""
        if since is None or since <= self.created:
            return 0
        return 1 + sum(moment < since for moment, _ in self.batches)

    def page(self, first: int, start: int, limit: int) -> bytes:
        """Return the body of a page, created once."""
        key = (first, start, limit)
        if key not in self.pages:
            self.pages[key] = self._page(self._numbers(first), start, limit)
        return self.pages[key]

    def page_until(self, first: int, until: str, start: int, limit: int) -> bytes:
        """Return the page without what is stamped later."""
        if until >= max([self.created, *(moment for moment, _ in self.batches)]):
            return self.page(first, start, limit)
        return self._page([one for one in self._numbers(first) if self._state(one)[1] <= until], start, limit)

    def _page(self, numbers: Sequence[int], start: int, limit: int) -> bytes:
        token = str(start + limit) if start + limit < len(numbers) else None
        return self.body(numbers[start : start + limit], token)

    def _numbers(self, first: int) -> Sequence[int]:
        """Return the numbers of the records that changed in the batches from `first` on."""
        if first == 0:
            return range(self.size)
        return sorted({number for _, batch in self.batches[first - 1 :] for number in batch})

    def body(self, numbers: Iterable[int], token: str | None) -> bytes:
        """Return the envelope of a list."""
        records = [self.record(number) for number in numbers]
        rest = json.dumps({"next_token": token, "total_count": len(records)})[1:]
        return b'{"data":[' + b",".join(records) + b"]," + rest.encode()

    def record(self, number: int) -> bytes:
        """Return one record in its current state."""
        revision, stamp = self._state(number)
        return encoded(self.kind, number, revision=revision, created=self.created, stamp=stamp)

    def _state(self, number: int) -> tuple[int, str]:
        """Return a record's revision and when it was made."""
        return self.revisions.get(number, (0, self.created))

    def number_of(self, external_id: str) -> int | None:
        """Return the number of the record with this id; None if there is none."""
        digits = external_id.rpartition("-")[2]
        number = int(digits) if digits.isdecimal() else -1
        return number if 0 <= number < self.size and identity(self.kind, number) == external_id else None


class BenchmarkWms:
    """All accounts' shelves, the clock and the delay."""

    def __init__(self, sizes: dict[str, int], latency: float = 0.0) -> None:
        self.latency, self.ahead = latency, 0.0
        created = iso(datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2))
        self.shared = {kind: Shelf(kind, sizes[kind], created) for kind in MAKERS}
        self.own: dict[str, dict[str, Shelf]] = {}
        self.asked: Counter[str] = Counter()
        self._dates = (0, b"")
        for shelf in self.shared.values():
            shelf.prepare()

    def now(self) -> float:
        """Return the WMS's clock."""
        return time.time() + self.ahead

    def date(self) -> bytes:
        """Return the Date header's value."""
        second = int(self.now())
        if self._dates[0] != second:
            self._dates = (second, formatdate(second, usegmt=True).encode())
        return self._dates[1]

    def control(self, command: str, asked: dict[str, object]) -> object:
        """Carry out one command of the benchmark."""
        if command == "change":
            return self._change(str(asked["kind"]), float(str(asked["share"])), asked.get("account"))
        if command == "latency":
            self.latency = float(str(asked["ms"])) / 1000
        elif command == "clock":
            self.ahead += float(str(asked["ahead"]))
        elif command == "stats":
            stats, self.asked = dict(self.asked), Counter()
            return stats
        else:
            raise HttpError(404, f"no command {command}")
        return {}

    def _change(self, kind: str, share: float, account: object) -> dict[str, int]:
        """Change every n-th record, others each time; of all accounts unless one is named."""
        if account is not None and str(account) not in self.own:
            self.own[str(account)] = {name: shelf.copy() for name, shelf in self.shared.items()}
        targets = [self.own[str(account)]] if account is not None else [self.shared, *self.own.values()]
        moment = iso(datetime.fromtimestamp(self.now(), UTC))
        changed = 0
        for shelves in targets:
            shelf = shelves[kind]
            step = max(1, round(1 / share))
            numbers = range(len(shelf.batches) % step, shelf.size, step)
            shelf.change(numbers, moment)
            changed += len(numbers)
        return {"changed": changed}

    def read(self, account: str, path: str, query: dict[str, str]) -> bytes:
        """Return the body for a GET of the API. Raises HttpError for what it does not have."""
        family, _, rest = path.removeprefix("/").partition("/")
        if family == "connections":
            return self._connection(rest)
        kind, _, external_id = rest.partition("/")
        if family != "wms" or kind not in MAKERS:
            raise HttpError(404, f"no such path {path}")
        shelf = self.own.get(account, self.shared)[kind]
        self.asked[kind] += 1
        if external_id:
            number = shelf.number_of(unquote(external_id))
            if number is None:
                raise HttpError(404, "no such record")
            return b'{"data":' + shelf.record(number) + b"}"
        return _list(shelf, query)

    def _connection(self, connection_id: str) -> bytes:
        """Return a connection whose crawls have all just begun."""
        began = iso(datetime.fromtimestamp(self.now() - 3, UTC))
        schedules = [{"function_name": f"get_{name}", "last_crawl_start": began} for name in CRAWLS]
        named = {"connection_id": connection_id, "integration_name": "bench", "integration_display_name": "Bench"}
        self.asked["connections"] += 1
        return json.dumps({"data": {**named, "sync_schedules": schedules, "errors": []}}).encode()


def _list(shelf: Shelf, query: dict[str, str]) -> bytes:
    if "ids[in]" in query:
        numbers = [shelf.number_of(one) for one in query["ids[in]"].split(",")]
        return shelf.body([number for number in numbers if number is not None], None)
    unknown = query.keys() - {"limit", "page_token", *SINCE, *UNTIL}
    limit, start = query.get("limit", str(MOST)), query.get("page_token", "0")
    if unknown or not limit.isdecimal() or not 1 <= int(limit) <= MOST or not start.isdecimal():
        raise HttpError(422, f"not understood: {sorted(unknown) or query}")
    since = next((query[name] for name in SINCE if name in query), None)
    until = next((query[name] for name in UNTIL if name in query), None)
    if until is not None:
        return shelf.page_until(shelf.first_batch(since), until, int(start), int(limit))
    return shelf.page(shelf.first_batch(since), int(start), int(limit))


class Conversation(asyncio.Protocol):
    """One client's kept-alive connection; one request after the other."""

    def __init__(self, world: BenchmarkWms) -> None:
        self.world = world
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[: end + 2]
            found = LENGTH.search(head)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self.buffer) < whole:
                return
            body, self.buffer = self.buffer[end + 4 : whole], self.buffer[whole:]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        """Send the response to one request, after the delay if it is the API's."""
        method, target, _ = head.split(b" ", 2)
        path, _, query = target.decode("latin-1").partition("?")
        delay = 0.0
        status = 200
        try:
            if path.startswith("/_control/"):
                answer = json.dumps(self.world.control(path.rpartition("/")[2], json.loads(body or b"{}"))).encode()
            else:
                delay = self.world.latency
                answer = self._read(method, head, path, query)
        except HttpError as refused:
            status, answer = refused.status, json.dumps({"error": refused.words, "origin": "trackstar"}).encode()
        sent = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nDate: %b\r\nContent-Length: %d\r\n\r\n" % (
            status,
            responses[status].encode(),
            self.world.date(),
            len(answer),
        )
        if delay:
            asyncio.get_running_loop().call_later(delay, self._send, sent, answer)
        else:
            self._send(sent, answer)

    def _read(self, method: bytes, head: bytes, path: str, query: str) -> bytes:
        token = TOKEN.search(head)
        if not token:
            raise HttpError(401, "no such access token")
        if method != b"GET":
            raise HttpError(501, "this WMS is only read")
        return self.world.read(token[1].decode("latin-1"), path, dict(parse_qsl(query, keep_blank_values=True)))

    def _send(self, head: bytes, body: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(head + body if len(body) < 4096 else head)
            if len(body) >= 4096:
                self.transport.write(body)


async def serve(world: BenchmarkWms, port: int) -> None:
    """Serve until cancelled; prints the port first."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(world), HOST, port, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wms", description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--size", action="append", default=[], metavar="KIND=N", help=f"of {', '.join(MAKERS)}")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    asked = parser.parse_args()
    sizes = {kind: int(size) for kind, _, size in (one.partition("=") for one in asked.size)}
    if unknown := sizes.keys() - MAKERS.keys():
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    asyncio.run(serve(BenchmarkWms({**SIZES, **sizes}, asked.latency_ms / 1000), asked.port))


if __name__ == "__main__":
    main()
