"""A row's digest: the source it was read from, 16 bytes that tell its body from every other, then its two stamps.

So one value tells whether a record is the same, and where it is not, whether only its stamps are new and whether it is
an older version. By the source a record is recognised before it is read at all (`decoding.ItemMapping`).
"""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from struct import Struct

import msgspec
from msgspec import UNSET, structs

from integrations.connectors.decoding import SOURCE_BYTES, VERSION_BYTES
from integrations.records import Record

# Fields in the order in which they are declared; keys of dictionaries sorted.
ENCODER = msgspec.json.Encoder(order="deterministic")
BODY = 16  # bytes
NO_SOURCE = bytes(SOURCE_BYTES)
STAMPS = Struct(">qq")  # microseconds since 1970
NO_STAMP = -(2**63)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Stamps = tuple[datetime | None, datetime | None]  # updated_at, version_at


def text(record: Record) -> bytes:
    """The record as JSON, without what has columns of its own and what is no data: id, stamp and version.

    Shipments inside an order stay whole, so that the order's digest tells of every change in them.
    """
    return ENCODER.encode(structs.replace(record, external_id=UNSET, updated_at=UNSET, version_at=UNSET))


def body(text: bytes) -> bytes:
    """What tells a body (`text`) from every other."""
    return blake2b(text, digest_size=BODY).digest()


def digest(body: bytes, stamps: Stamps, source: bytes = NO_SOURCE) -> bytes:
    """The digest of what has this body (`body`), these stamps and this source."""
    updated_at, version_at = stamps
    return source + body + STAMPS.pack(_micros(updated_at), _micros(version_at))


def stamps(found: bytes) -> Stamps:
    """The stamps in a digest."""
    updated_at, version_at = STAMPS.unpack_from(found, SOURCE_BYTES + BODY)
    return _moment(updated_at), _moment(version_at)


def is_same(found: bytes, known: bytes) -> bool:
    """Whether a record's digest says nothing new. A source of this version of Packr is news to a row without one."""
    return found == known or (
        found[SOURCE_BYTES:] == known[SOURCE_BYTES:]
        and (found[:VERSION_BYTES] == known[:VERSION_BYTES] or found[:SOURCE_BYTES] == NO_SOURCE)
    )


def same_body(found: bytes, known: bytes) -> bool:
    """Whether two digests are of the same body, whatever its stamps and its source."""
    return found[SOURCE_BYTES : SOURCE_BYTES + BODY] == known[SOURCE_BYTES : SOURCE_BYTES + BODY]


def is_older(found: Stamps, known: Stamps, ceiling: datetime) -> bool:
    """Whether a version is older than the known one: by the copy's stamps if both have one, else by the WMS's.

    A known stamp later than `ceiling` can't be believed, and says nothing.
    """
    (updated_at, version_at), (known_updated_at, known_version_at) = found, known
    if version_at and known_version_at:
        return version_at < known_version_at <= ceiling
    if updated_at and known_updated_at:
        return updated_at < known_updated_at <= ceiling
    return False


def _micros(moment: datetime | None) -> int:
    if moment is None:
        return NO_STAMP
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds  # twice as fast as a division


def _moment(micros: int) -> datetime | None:
    return None if micros == NO_STAMP else EPOCH + timedelta(microseconds=micros)
