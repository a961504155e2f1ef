"""Row digests: the digest of the source bytes, a hash of the record's body, and its two stamps.

Comparing two digests shows whether a record is unchanged, has only new stamps, or is an older version. The source
digest recognises an unchanged record before it is parsed (`decoding.ItemMapping`).
"""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from struct import Struct

import msgspec
from msgspec import UNSET, structs

from integrations.connectors.decoding import SOURCE_BYTES, VERSION_BYTES
from integrations.records import Record

# Fields in the order of their declaration, dictionaries by sorted keys.
ENCODER = msgspec.json.Encoder(order="deterministic")
BODY_BYTES = 16
NO_SOURCE = bytes(SOURCE_BYTES)
STAMPS = Struct(">qq")  # microseconds since 1970
NO_STAMP = -(2**63)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Stamps = tuple[datetime | None, datetime | None]  # updated_at, version_at


def encode_body(record: Record) -> bytes:
    """Return the record as JSON, without its id and stamps, which have columns of their own.

    Shipments inside an order keep theirs, so that the order's digest changes with them.
    """
    return ENCODER.encode(structs.replace(record, external_id=UNSET, updated_at=UNSET, version_at=UNSET))


def hash_body(body: bytes) -> bytes:
    """Return a hash of an encoded body."""
    return blake2b(body, digest_size=BODY_BYTES).digest()


def digest(body_hash: bytes, stamps: Stamps, source: bytes = NO_SOURCE) -> bytes:
    """Return the digest of a record with this body, these stamps and this source digest."""
    updated_at, version_at = stamps
    return source + body_hash + STAMPS.pack(_micros(updated_at), _micros(version_at))


def stamps(found: bytes) -> Stamps:
    """Return the stamps in a digest."""
    updated_at, version_at = STAMPS.unpack_from(found, SOURCE_BYTES + BODY_BYTES)
    return _moment(updated_at), _moment(version_at)


def is_same(found: bytes, known: bytes) -> bool:
    """Return whether a record is unchanged. One with a source digest counts as changed if its row has none."""
    return found == known or (
        found[SOURCE_BYTES:] == known[SOURCE_BYTES:]
        and (found[:VERSION_BYTES] == known[:VERSION_BYTES] or found[:SOURCE_BYTES] == NO_SOURCE)
    )


def has_same_body(found: bytes, known: bytes) -> bool:
    """Return whether two digests are of the same body; their stamps and sources may differ."""
    return found[SOURCE_BYTES : SOURCE_BYTES + BODY_BYTES] == known[SOURCE_BYTES : SOURCE_BYTES + BODY_BYTES]


def is_older(found: Stamps, known: Stamps, latest_stamp: datetime) -> bool:
    """Return whether a version is older than the known one, by `version_at` if both have it, else by `updated_at`.

    A known stamp after `latest_stamp` is not believed.
    """
    (updated_at, version_at), (known_updated_at, known_version_at) = found, known
    if version_at and known_version_at:
        return version_at < known_version_at <= latest_stamp
    if updated_at and known_updated_at:
        return updated_at < known_updated_at <= latest_stamp
    return False


def _micros(moment: datetime | None) -> int:
    if moment is None:
        return NO_STAMP
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds  # twice as fast as a division


def _moment(micros: int) -> datetime | None:
    return None if micros == NO_STAMP else EPOCH + timedelta(microseconds=micros)
