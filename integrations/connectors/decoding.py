"""From the bytes of a response to records. An invalid item costs only its own record.

The fast way decodes each item straight into the mapping's raw type. An item it refuses (half a surrogate pair, NaN, a
wrong type) is decoded again with the standard library, cleaned, and only then rejected with a reason.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

from ..errors import CONTACT_SUPPORT, ConnectorError, Kind
from ..http.client import Answer, not_json
from ..records import Record
from .base import Page, Rejected, UnparsedItem
from .parsing import clean, identifier

MAX_EXCERPT_LENGTH = 500
MAX_REJECTED_ID_LENGTH = 200
OBJECT_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
LIST_DECODER = msgspec.json.Decoder(list[msgspec.Raw])
# JSON parsers give up at a thousand levels.
MAX_DEPTH = 200
# The brackets that open and close a level. Strings match as a whole, so that brackets inside them don't count.
BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
# A source is the version of the mapping, then a digest of the item's bytes.
VERSION_BYTES, SOURCE_BYTES = 2, 8
PARSE_ERRORS = (ValueError, ArithmeticError, RecursionError, msgspec.MsgspecError)
R = TypeVar("R")


class _WithId(msgspec.Struct):
    id: str | int | None = None


ID_DECODER = msgspec.json.Decoder(_WithId)


class ItemMapping(Generic[R]):
    """How items of one kind become records: `raw_type` is an item as the WMS sends it, `parse` makes the record.

    `version` is part of each row's source. Raise it whenever the records of the same items change: the next full sync
    then parses and compares every item once. An unchanged version leaves known items unparsed.
    """

    def __init__(self, raw_type: type[R], parse: Callable[[R], Record], *, version: int) -> None:
        self.raw_type = raw_type
        self.parse = parse
        self.decoder = msgspec.json.Decoder(raw_type, float_hook=Decimal)
        self.version = version.to_bytes(VERSION_BYTES)

    def decode_page(self, answer: Answer, key: str, *, lazily: bool = False) -> tuple[Page, dict[str, Any]]:
        """Return the page of records under `key` in the answer's envelope, and the rest of the envelope.

        `lazily` leaves the items unparsed. Raises ConnectorError(contract) if the answer holds no such list.
        """
        try:
            envelope = OBJECT_DECODER.decode(answer.body)
            raw = LIST_DECODER.decode(envelope.pop(key))
            rest = {name: msgspec.json.decode(value) for name, value in envelope.items()}
        except KeyError:
            raise no_list(key) from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._decode_slowly(answer, key)
        page = Page((), raw_items=_RawItems(self, raw)) if lazily else self.parse_items(raw)
        return replace(page, clock=answer.clock), rest

    def decode_record(self, answer: Answer, key: str) -> Page:
        """Return a page of the one record under `key`. Raises ConnectorError(contract) if the answer has none."""
        envelope = _parse_json(answer)
        if not isinstance(envelope, dict) or not isinstance(envelope.get(key), dict):
            raise no_list(key)
        return replace(self.convert([envelope[key]]), clock=answer.clock)

    def convert(self, items: Sequence[Any]) -> Page:
        """Return a page of the records of items that are already plain JSON values."""
        return self._collect(items, self._parse_plain)

    def parse_items(self, raw: Sequence[msgspec.Raw]) -> Page:
        """Return a page of these items, parsed."""
        return self._collect(raw, self._parse_bytes)

    def identify_items(self, raw: Sequence[msgspec.Raw]) -> Page:
        """Return a page of these items, unparsed, except those without a valid id (under the key `id`)."""
        unparsed: list[UnparsedItem] = []
        others: list[msgspec.Raw] = []
        for item in raw:
            try:
                external_id = identifier(ID_DECODER.decode(item).id)
            except (*PARSE_ERRORS, UnicodeDecodeError):
                others.append(item)  # parsed immediately, and rejected with a reason
            else:
                unparsed.append(UnparsedItem(external_id, self._source(item), item, self._parse_or_reject))
        return replace(self.parse_items(others), unparsed=unparsed)

    def _decode_slowly(self, answer: Answer, key: str) -> tuple[Page, dict[str, Any]]:
        envelope = _parse_json(answer)
        if not isinstance(envelope, dict) or not isinstance(envelope.get(key), list):
            raise no_list(key)
        return replace(self.convert(envelope.pop(key)), clock=answer.clock), envelope

    def _collect(self, items: Sequence[Any], parse: Callable[[Any], Record]) -> Page:
        records: list[Record] = []
        rejected: list[Rejected] = []
        sources: dict[str, bytes] = {}
        for item in items:
            try:
                record = parse(item)
            except PARSE_ERRORS as error:
                rejected.append(_reject(item, error))
            else:
                records.append(record)
                if isinstance(item, msgspec.Raw):
                    sources[str(record.external_id)] = self._source(item)
        return Page(records, rejected, sources=sources)

    def _parse_or_reject(self, item: msgspec.Raw) -> Record | Rejected:
        try:
            return self._parse_bytes(item)
        except PARSE_ERRORS as error:
            return _reject(item, error)

    def _source(self, item: msgspec.Raw) -> bytes:
        return self.version + blake2b(item, digest_size=SOURCE_BYTES - VERSION_BYTES).digest()

    def _parse_bytes(self, raw: msgspec.Raw) -> Record:
        text = bytes(raw)
        if b"\\" not in text or b"\\u0000" not in text:  # finding a single byte takes a tenth of the time
            try:
                return self.parse(self.decoder.decode(text))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                pass  # the slow way below either repairs the item or says what is wrong with it
        return self._parse_plain(_load(text))

    def _parse_plain(self, value: Any) -> Record:
        return self.parse(msgspec.convert(clean(value), self.raw_type))


@dataclass(frozen=True, slots=True)
class _RawItems:
    """The items of one page, not yet looked at (see base.RawItems)."""

    mapping: ItemMapping[Any]
    items: Sequence[msgspec.Raw]

    def __len__(self) -> int:
        return len(self.items)

    def identify(self) -> Page:
        return self.mapping.identify_items(self.items)

    def parse(self) -> Page:
        return self.mapping.parse_items(self.items)


def _parse_json(answer: Answer) -> Any:
    try:
        return _load(answer.body)
    except ValueError as error:
        raise not_json(answer) from error


def _load(body: bytes) -> Any:
    """Parse JSON leniently, so that odd values cost only their own record. Raises ValueError if it is no JSON."""
    text = body.decode("utf-8-sig", "replace")
    try:
        return _loads(text)
    except RecursionError:
        return _loads(prune_depth(text))


def _loads(text: str) -> Any:
    return json.loads(text, parse_float=_to_decimal, parse_int=_to_integer, parse_constant=Decimal)


def prune_depth(text: str) -> str:
    """Return the same JSON with null for everything below MAX_DEPTH levels.

    One endlessly nested record then leaves the other records of its page readable. No data is lost unnoticed: Packr
    reads no field that deep (`parsing.plain` rejects it far earlier).
    """
    kept: list[str] = []
    depth = start = 0
    for token in BRACKETS.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += [text[start : token.start()], "null"]
        elif token[0] in ("]", "}"):
            if depth == MAX_DEPTH + 1:
                start = token.end()
            depth -= 1
    return "".join([*kept, text[start:] if depth <= MAX_DEPTH else ""])


def _to_integer(text: str) -> int | Decimal:
    # Python refuses integers of more than 4,300 digits. As a Decimal, only their own record is rejected.
    return int(text) if len(text) < 100 else Decimal(text)


def _to_decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal("NaN")  # an exponent that Decimal can't hold: only its own record is rejected


def _reject(item: Any, error: Exception) -> Rejected:
    reason = str(error)[:MAX_EXCERPT_LENGTH]
    try:
        value = clean(_load(bytes(item)) if isinstance(item, msgspec.Raw) else item)
        excerpt = json.dumps(value, default=str, ensure_ascii=False)[:MAX_EXCERPT_LENGTH]
    except (ValueError, RecursionError):
        return Rejected(None, reason, "")
    found = value.get("id") if isinstance(value, dict) else None
    return Rejected(str(found)[:MAX_REJECTED_ID_LENGTH] if isinstance(found, str | int) else None, reason, excerpt)


def no_list(key: str) -> ConnectorError:
    """Return the error for an answer that is JSON but has no item or list of items under `key`."""
    return ConnectorError(
        Kind.CONTRACT,
        "The response of the WMS does not have the documented form.",
        CONTACT_SUPPORT,
        detail=f"no list under {key!r}",
    )
