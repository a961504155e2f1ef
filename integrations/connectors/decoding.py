"""From the bytes of a page to records, losing no more than the one record that is bad.

The fast way decodes each record straight into the connector's wire struct. What it refuses (a half surrogate, NaN, a
wrong type) is decoded once more with the standard reader, cleaned, and only then rejected with its reason.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from ..errors import ConnectorError, Kind
from ..http.client import GOES_ON, Answer, not_json
from ..records import Record
from .base import Page, Rejected, Unopened, Unread
from .parsing import clean, identifier

EXCERPT_LENGTH = 500
HERE = Path(__file__).parent
OBJECT_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
LIST_DECODER = msgspec.json.Decoder(list[msgspec.Raw])
# Readers of JSON give up at a thousand levels.
TOO_DEEP = 200
# What opens and closes a level; texts as a whole, so that what stands in them is not taken for a bracket.
BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
# A source: by which version of Packr's code an item is read, then a digest of its bytes.
VERSION, SOURCE = 2, 8  # bytes
REFUSED = (ValueError, ArithmeticError, RecursionError, msgspec.MsgspecError)
W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A page taken apart: its records, what was rejected, and the rest of the envelope as plain JSON values.

    `sources` tell from which bytes a record (by its id) was read; `unopened` are items that nobody has looked at yet.
    """

    records: Sequence[Record]
    rejected: Sequence[Rejected]
    rest: dict[str, Any]
    sources: Mapping[str, bytes] = field(default_factory=dict)
    unopened: Unopened | None = None


class _Head(msgspec.Struct):
    id: str | int | None = None


HEAD = msgspec.json.Decoder(_Head)


class Shape(Generic[W]):
    """How one kind of item looks on the wire, and how it becomes a record."""

    def __init__(self, wire: type[W], to_record: Callable[[W], Record]) -> None:
        self.wire = wire
        self.to_record = to_record
        self.decoder = msgspec.json.Decoder(wire)
        self.version = _version(to_record)

    def page(self, answer: Answer, items: str, *, lazily: bool = False) -> Decoded:
        """The records under the key `items` of an answer; ConnectorError(contract) when it is no such page.

        `lazily`: leave it unopened.
        """
        try:
            whole = OBJECT_DECODER.decode(answer.body)
            raw = LIST_DECODER.decode(whole.pop(items))
            rest = {key: msgspec.json.decode(value) for key, value in whole.items()}
        except KeyError:
            raise no_list(items) from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._slow_page(answer, items)
        if lazily:
            return Decoded((), (), rest, unopened=_Closed(self, raw))
        return self._collect(raw, rest, self._from_bytes)

    def one(self, answer: Answer, item: str) -> Decoded:
        """The one record under the key `item` of an answer; ConnectorError(contract) when there is none."""
        whole = _whole(answer)
        if not isinstance(whole, dict) or not isinstance(whole.get(item), dict):
            raise no_list(item)
        return self.convert([whole.pop(item)], whole)

    def convert(self, values: Sequence[Any], rest: dict[str, Any] | None = None) -> Decoded:
        """The records of items that are already plain JSON values."""
        return self._collect(values, rest or {}, self._from_plain)

    def _slow_page(self, answer: Answer, items: str) -> Decoded:
        whole = _whole(answer)
        if not isinstance(whole, dict) or not isinstance(whole.get(items), list):
            raise no_list(items)
        return self.convert(whole.pop(items), whole)

    def _collect(self, raw: Sequence[Any], rest: dict[str, Any], read: Callable[[Any], Record]) -> Decoded:
        records: list[Record] = []
        rejected: list[Rejected] = []
        sources: dict[str, bytes] = {}
        for item in raw:
            try:
                record = read(item)
            except REFUSED as error:
                rejected.append(_rejected(item, error))
            else:
                records.append(record)
                if isinstance(item, msgspec.Raw):
                    sources[str(record.external_id)] = self._source(item)
        return Decoded(records, rejected, rest, sources)

    def read(self, raw: Sequence[msgspec.Raw]) -> Page:
        """A page of these items, all read."""
        found = self._collect(raw, {}, self._from_bytes)
        return Page(found.records, found.rejected, sources=found.sources)

    def open(self, raw: Sequence[msgspec.Raw]) -> Page:
        """A page of these items, unread but for those whose id (under the key `id`) can't be told."""
        unread: list[Unread] = []
        others: list[msgspec.Raw] = []
        for item in raw:
            try:
                external_id = identifier(HEAD.decode(item).id)
            except (*REFUSED, UnicodeDecodeError):
                others.append(item)  # not lost: it is read at once, and rejected with its reason
            else:
                unread.append(Unread(external_id, self._source(item), item, self._understand))
        return replace(self.read(others), unread=unread)

    def _understand(self, item: msgspec.Raw) -> Record | Rejected:
        try:
            return self._from_bytes(item)
        except REFUSED as error:
            return _rejected(item, error)

    def _source(self, item: msgspec.Raw) -> bytes:
        return self.version + blake2b(item, digest_size=SOURCE - VERSION).digest()

    def _from_bytes(self, raw: msgspec.Raw) -> Record:
        text = bytes(raw)
        if b"\\" not in text or b"\\u0000" not in text:  # one byte is looked for in a tenth of the time
            try:
                return self.to_record(self.decoder.decode(text))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                pass  # not lost: the careful way below reads it again and says what is wrong with it
        return self._from_plain(_plain(text))

    def _from_plain(self, value: Any) -> Record:
        return self.to_record(msgspec.convert(clean(value), self.wire))


@dataclass(frozen=True, slots=True)
class _Closed:
    """`Unopened` items of one shape."""

    shape: Shape[Any]
    raw: Sequence[msgspec.Raw]

    def opened(self) -> Page:
        return self.shape.open(self.raw)

    def read(self) -> Page:
        return self.shape.read(self.raw)


def _version(to_record: Callable[..., Any]) -> bytes:
    """Tells the code that makes records of items from any other: what it is written in, down to the last file."""
    connector = Path(sys.modules[to_record.__module__].__file__ or "").parent
    code = (*connector.glob("*.py"), *(HERE.parent / "records").glob("*.py"))
    files = [*sorted(code), HERE / "decoding.py", HERE / "parsing.py"]
    return blake2b(b"\0".join(file.read_bytes() for file in files), digest_size=VERSION).digest()


def _whole(answer: Answer) -> Any:
    try:
        return _plain(answer.body)
    except ValueError as error:
        raise not_json(answer) from error


def _plain(body: bytes) -> Any:
    """JSON by the standard reader, forgiving in what one record may hold; ValueError when it is not JSON at all."""
    text = body.decode("utf-8-sig", "replace")
    try:
        return _read(text)
    except RecursionError:
        return _read(shallow(text))


def _read(text: str) -> Any:
    return json.loads(text, parse_float=_decimal, parse_int=_integer, parse_constant=Decimal)


def shallow(text: str) -> str:
    """The same JSON with null for whatever lies more than TOO_DEEP levels deep.

    So one record that is nested without end can be told from the others of its page. Nothing is lost unseen: no field
    that Packr reads may be that deep (values.plain refuses it far earlier).
    """
    kept: list[str] = []
    depth = start = 0
    for token in BRACKETS.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            if depth == TOO_DEEP + 1:
                kept += [text[start : token.start()], "null"]
        elif token[0] in ("]", "}"):
            if depth == TOO_DEEP + 1:
                start = token.end()
            depth -= 1
    return "".join([*kept, text[start:] if depth <= TOO_DEEP else ""])


def _integer(text: str) -> int | Decimal:
    # Python refuses integers of more than 4,300 digits; as a Decimal only their record is rejected.
    return int(text) if len(text) < 100 else Decimal(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal("NaN")  # an exponent beyond what Decimal can hold: only its record is rejected


def _rejected(item: Any, error: Exception) -> Rejected:
    try:
        plain = clean(_plain(bytes(item)) if isinstance(item, msgspec.Raw) else item)
        excerpt = json.dumps(plain, default=str, ensure_ascii=False)[:EXCERPT_LENGTH]
    except (ValueError, RecursionError):
        return Rejected(None, str(error)[:EXCERPT_LENGTH], "")
    found = plain.get("id") if isinstance(plain, dict) else None
    return Rejected(str(found)[:200] if isinstance(found, str | int) else None, str(error)[:EXCERPT_LENGTH], excerpt)


def no_list(items: str) -> ConnectorError:
    """The error for an answer that is JSON but holds no list of items where one should be."""
    return ConnectorError(
        Kind.CONTRACT,
        f"The WMS's answer does not have the form its documentation promises. {GOES_ON} Contact support if this lasts.",
        detail=f"no list under {items!r}",
    )
