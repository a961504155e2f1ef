"""A page of records to rows, writing only what changed.

The stored digests of the page's ids are read first; a record that is the same causes no write at all. The same
function gives the same result on SQLite and PostgreSQL. It runs inside the caller's transaction.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import UNSET

from integrations.entities import Entity
from integrations.records import Order, OrderShipment, Record

from . import sql
from .sql import Stored
from .tables import TABLES, Table, body

ENCODER = msgspec.json.Encoder(order="sorted")


@dataclass
class Applied:
    """What a page did. `keys` are the row keys of every record it had; `doubtful` the ids that came back older."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    doubtful: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """A record that has to be written, with the digest and the text of its body and its two stamps."""

    record: Record
    digest: bytes
    text: bytes
    stamps: "Stamps"


Stamps = tuple[datetime | None, datetime | None]


def distinct(records: Sequence[Record]) -> list[Record]:
    """The records of a page, each id once: the one read last."""
    return list({record.external_id: record for record in records}.values())


def apply(
    connection_id: int,
    entity: Entity,
    records: Sequence[Record],
    *,
    now: datetime,
    trust: bool = False,
    asked: datetime | None = None,
) -> Applied:
    """Write a page of distinct records. A version older than ours is dropped as stale, unless we `trust` the page.

    What was `asked` for at some moment says nothing against a row that was changed since: no trust there.
    """
    table = TABLES[entity]
    stored = sql.stored(table.model, connection_id, [str(record.external_id) for record in records])
    trusted = _Trust(trust, asked)
    applied, changes, stamps = _compare(table, records, stored, trusted)
    change_no = 0
    if changes:
        change_no = sql.next_change_no(connection_id)
        # Other writers wait from here on. What one of them wrote since the digests were read counts as well.
        ids = [str(change.record.external_id) for change in changes]
        current = sql.stored(table.model, connection_id, ids)
        if current != {id_: stored[id_] for id_ in ids if id_ in stored}:
            stored |= current
            applied, changes, stamps = _compare(table, records, stored, trusted)
    keys = {external_id: known.id for external_id, known in stored.items()}
    if changes:
        keys |= _write(table, connection_id, changes, stored, now, change_no, guarded=not trust)
    if stamps:
        rows = [(*one.stamps, keys[str(one.record.external_id)], one.digest) for one in stamps]
        sql.restamp(table.model, rows)
    if entity == Entity.ORDERS and (changes or stamps):
        _write_shipments(connection_id, [one.record for one in (*changes, *stamps)], now)
    applied.keys.extend(keys[str(record.external_id)] for record in records)
    return applied


@dataclass(frozen=True, slots=True)
class _Trust:
    """Whether an older version may win: if at all, then over a row as it was when the WMS was asked."""

    given: bool
    asked: datetime | None

    def covers(self, known: Stored) -> bool:
        return self.given and (self.asked is None or known.changed_at <= self.asked)


def _compare(
    table: Table, records: Sequence[Record], stored: Mapping[str, Stored], trusted: _Trust
) -> tuple[Applied, list[Change], list[Change]]:
    """What the page means for the rows: the counts, what to write, and what has only a new stamp."""
    applied = Applied()
    changes: list[Change] = []
    stamps: list[Change] = []
    for record, digest, text in _bodies(table, records, stored):
        known = stored.get(str(record.external_id))
        change = Change(record, digest, text, _stamps(record, known))
        if known is None:
            applied.created += 1
            changes.append(change)
        elif is_older(record, known) and not trusted.covers(known):
            applied.stale += 1
            applied.doubtful.append(str(record.external_id))
        elif digest != known.digest or known.removed:
            applied.updated += 1
            changes.append(change)
        else:
            applied.unchanged += 1
            if change.stamps != (known.updated_at, known.version_at):
                stamps.append(change)
    return applied, changes, stamps


def _stamps(record: Record, known: Stored | None) -> Stamps:
    """The stamps a record's row has after it: what the WMS did not send stays as it is stored."""
    updated_at, version_at = (known.updated_at, known.version_at) if known else (None, None)
    return (
        updated_at if record.updated_at is UNSET else record.updated_at,
        version_at if record.version_at is UNSET else record.version_at,
    )


def is_older(record: Record, known: Stored) -> bool:
    """Whether a record is an older version than the row: by the copy's stamps if both have one, else by the WMS's."""
    if record.version_at and known.version_at:
        return record.version_at < known.version_at
    if record.updated_at and known.updated_at:
        return record.updated_at < known.updated_at
    return False


def _bodies(
    table: Table, records: Sequence[Record], stored: Mapping[str, Stored]
) -> Iterator[tuple[Record, bytes, bytes]]:
    """Each record with its digest and body; where the WMS left fields out, completed with what is stored."""
    partial: list[Record] = []
    for record in records:
        digest, text = _encode(record)
        known = stored.get(str(record.external_id))
        if known is not None and digest != known.digest and _has_gaps(record):
            partial.append(record)
        else:
            yield record, digest, text
    if partial:
        bodies = sql.bodies(table.model, [stored[str(record.external_id)].id for record in partial])
        for record in partial:
            whole = _complete(table, record, bodies[stored[str(record.external_id)].id])
            yield whole, *_encode(whole)


def _encode(record: Record) -> tuple[bytes, bytes]:
    text = ENCODER.encode(body(record))
    return blake2b(text, digest_size=16).digest(), text


def _has_gaps(record: Record) -> bool:
    return any(getattr(record, name) is UNSET for name in record.__struct_fields__)


def _complete(table: Table, record: Record, stored_body: Mapping[str, Any]) -> Record:
    """The record with every field it leaves out taken from the stored body."""
    whole = msgspec.convert(stored_body, table.record_type)
    sent = {name: value for name in record.__struct_fields__ if (value := getattr(record, name)) is not UNSET}
    return msgspec.structs.replace(whole, **sent)


def _write(
    table: Table,
    connection_id: int,
    changes: Sequence[Change],
    stored: Mapping[str, Stored],
    now: datetime,
    change_no: int,
    *,
    guarded: bool,
) -> dict[str, int]:
    """Write the changes and their lines. Returns the row keys of all of them."""
    rows = [_row(table, connection_id, change, change_no, now) for change in changes]
    sql.upsert(table, rows, guarded=guarded)
    external_ids = [str(change.record.external_id) for change in changes]
    keys = {id_: stored[id_].id for id_ in external_ids if id_ in stored}
    parents = list(keys.values())
    keys |= sql.keys(table.model, connection_id, [id_ for id_ in external_ids if id_ not in stored])
    for lines in table.lines:
        rows = [(keys[str(one.record.external_id)], *row) for one in changes for row in lines.rows(one.record)]
        sql.replace_lines(lines, parents, rows)
    return keys


def _row(table: Table, connection_id: int, change: Change, change_no: int, now: datetime) -> sql.Row:
    """The values of sql.BASE and of the table's own columns."""
    record = change.record
    base = (
        connection_id,
        record.external_id,
        record.created_at or None,
        *change.stamps,
        change.digest,
        change.text.decode(),
        change_no,
        now,
        None,
    )
    return base + table.columns(record)


def _write_shipments(connection_id: int, orders: Sequence[Record], now: datetime) -> None:
    """The shipments that came inside orders, as a set per order: what an order no longer has is removed."""
    parents = [order for order in orders if isinstance(order, Order) and isinstance(order.shipments, list)]
    if not parents:
        return
    shipments: list[OrderShipment] = [one for order in parents for one in order.shipments or ()]
    kept = distinct(shipments)
    apply(connection_id, Entity.ORDER_SHIPMENTS, kept, now=now, trust=True)
    order_ids = [str(order.external_id) for order in parents]
    sql.remove_other_shipments(connection_id, order_ids, [str(one.external_id) for one in kept], now)


def remove(
    connection_id: int, entity: Entity, row_ids: Sequence[int], *, now: datetime, asked: datetime | None = None
) -> int:
    """Mark rows as no longer in the WMS: kept, hidden, restored when they are seen again. Returns how many.

    A row that was changed after the WMS was `asked` for it stays.
    """
    if not row_ids:
        return 0
    change_no = sql.next_change_no(connection_id)  # other writers wait from here on
    model = TABLES[entity].model
    if asked is not None:
        row_ids = sql.unchanged_since(model, row_ids, asked)
    if entity == Entity.ORDERS:
        sql.remove_shipments_of(connection_id, row_ids, now)
    return sql.remove(model, row_ids, change_no, now)
