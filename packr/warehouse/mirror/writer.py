"""A page of records to rows, writing only what changed.

The stored digests of the page's ids are read first; a record that is the same causes no write at all. The same
function gives the same result on SQLite and PostgreSQL. It runs inside the caller's transaction.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET

from integrations.connectors.decoding import SOURCE_BYTES
from integrations.entities import Entity
from integrations.records import Order, OrderShipment, Record

from ..models.change_causes import NOBODY_KNOWS, Cause
from . import digests, sql, write_protection
from . import history_recorder as history
from .digests import Stamps
from .schema import TABLES, Table
from .sql import StoredRow, StoredRows
from .write_protection import Found, WriteProtection

# A stamp further ahead of the WMS's own clock is stored, but nothing follows from it.
MAX_FUTURE_STAMP = timedelta(hours=1)
NO_SOURCES: Mapping[str, bytes] = {}


@dataclass
class WriteResult:
    """What a page did. `keys` are the row keys of every record it had; `doubtful` the ids that came back older."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    doubtful: list[str] = field(default_factory=list)


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A record with what it is stored as, made before anything is known of its row: while another page is written."""

    external_id: str
    record: Record
    text: bytes
    body: bytes


class Change(msgspec.Struct, frozen=True, gc=False):
    """A record that has to be written: what it is stored as, and the row that it changes, if there is one."""

    external_id: str
    record: Record
    digest: bytes
    text: bytes
    stamps: Stamps
    known: StoredRow | None


@dataclass
class _Plan:
    """What a page means for the rows: the counts, what to write, and what has only a new stamp."""

    applied: WriteResult = field(default_factory=WriteResult)
    changes: list[Change] = field(default_factory=list)
    stamps: list[Change] = field(default_factory=list)


@dataclass(frozen=True)
class _Page:
    """Where a page of records goes, and how far it is believed."""

    table: Table
    connection_id: int
    drafts: Sequence[Draft]
    now: datetime
    ceiling: datetime
    trust: bool = False
    asked: datetime | None = None
    sources: Mapping[str, bytes] = field(default_factory=dict)
    cause: Cause = NOBODY_KNOWS
    shielded: bool = True
    meanwhile: Callable[[], None] = lambda: None


def make_drafts(records: Iterable[Record]) -> list[Draft]:
    """What to `apply` of these records, each id once: the one read last."""
    return [_draft(record) for record in {record.external_id: record for record in records}.values()]


def _draft(record: Record) -> Draft:
    text = digests.text(record)
    return Draft(str(record.external_id), record, text, digests.body(text))


def apply(
    connection_id: int,
    entity: Entity,
    drafts: Sequence[Draft],
    *,
    now: datetime,
    clock: datetime | None = None,
    trust: bool = False,
    asked: datetime | None = None,
    sources: Mapping[str, bytes] = NO_SOURCES,
    cause: Cause | None = None,
    shielded: bool = True,
    meanwhile: Callable[[], None] = lambda: None,
) -> WriteResult:
    """Write a page of records (`drafts`). A version older than ours is dropped as stale, unless we `trust` the page.

    What a person's action changed is kept from older answers, trusted or not, unless the page itself is the answer to
    an action: then it is not `shielded`.

    `clock` is the WMS's, ours where it has none: no row counts as newer for a stamp that lies far ahead of it. What
    was `asked` for at some moment says nothing against a row that was changed since: no trust there. `sources`, by
    id, let `recognised` know the records again. `cause` is why: it stands in the history of what changed. `meanwhile`
    is called when everything has been asked of the database and it is about to write: it takes its time from here on.
    """
    ceiling = (clock or now) + MAX_FUTURE_STAMP
    why = cause or NOBODY_KNOWS
    table = TABLES[entity]
    return _apply(_Page(table, connection_id, drafts, now, ceiling, trust, asked, sources, why, shielded, meanwhile))


def recognised_by_source(connection_id: int, entity: Entity, sources: Mapping[str, bytes]) -> dict[str, int]:
    """The row keys, by id, of those whose row was read from the very same source: nothing is to be done for them."""
    present = sql.present(TABLES[entity].model, connection_id, list(sources), SOURCE_BYTES)
    return {external_id: id_ for external_id, id_, source in present if source == sources[external_id]}


def _apply(page: _Page, change_no: int | None = None) -> WriteResult:
    """Write the page, as the change `change_no` when the caller has one already."""
    if not page.drafts:
        return WriteResult()
    ids = [draft.external_id for draft in page.drafts]
    standing = sql.stored(page.table.model, page.connection_id, ids)
    guard = _guard(page, standing, ids)
    plan = _compare(page, standing.rows, guard)
    if plan.changes and change_no is None:
        # Other writers wait from here on. What one of them wrote since the digests were read counts as well.
        change_no = sql.next_change_no(page.connection_id)
        if change_no != standing.change_no + 1:
            standing = sql.stored(page.table.model, page.connection_id, ids)
            guard = _guard(page, standing, ids)
            plan = _compare(page, standing.rows, guard)
    guard.settle(page.now)
    keys = {external_id: known.id for external_id, known in standing.rows.items()}
    keys |= _new_keys(page.table, plan.changes)
    page.meanwhile()
    if plan.changes:
        assert change_no is not None
        _write(page, plan.changes, keys, change_no)
    if plan.stamps:
        _restamp(page, plan.stamps)
    plan.applied.keys.extend(keys[external_id] for external_id in ids)
    return plan.applied


def _guard(page: _Page, standing: StoredRows, ids: Sequence[str]) -> WriteProtection:
    guarded = page.shielded and standing.shielded
    return (
        write_protection.protection_for(page.connection_id, page.table.entity, ids, page.now)
        if guarded
        else WriteProtection()
    )


def _compare(page: _Page, stored: Mapping[str, StoredRow], guard: WriteProtection) -> _Plan:
    plan = _Plan()
    applied = plan.applied
    older: list[tuple[Change, StoredRow]] = []
    for change in _changes(page, stored):
        known = change.known
        if known is None:
            applied.created += 1
            plan.changes.append(change)
        elif guard.shields and guard.keeps(change.external_id, _found(change, known)):
            applied.stale += 1
        elif digests.is_same(change.digest, known.digest) and not known.removed:
            applied.unchanged += 1
        elif digests.is_older(change.stamps, digests.stamps(known.digest), page.ceiling):
            older.append((change, known))
        else:
            _differs(plan, change, known)
    trusted = _trusted(page, [known for _, known in older])
    for change, known in older:
        if known.id in trusted:
            _differs(plan, change, known)
        else:
            applied.stale += 1
            applied.doubtful.append(change.external_id)
    return plan


def _found(change: Change, known: StoredRow) -> Found:
    return Found(change.record, change.stamps, digests.same_body(change.digest, known.digest))


def _differs(plan: _Plan, change: Change, known: StoredRow) -> None:
    if digests.same_body(change.digest, known.digest) and not known.removed:
        plan.applied.unchanged += 1
        plan.stamps.append(change)
    else:
        plan.applied.updated += 1
        plan.changes.append(change)


def _trusted(page: _Page, rows: Sequence[StoredRow]) -> set[int]:
    """The keys of those rows over which an older version may win: as they were when the WMS was asked."""
    if not page.trust or not rows:
        return set()
    keys = [known.id for known in rows]
    if page.asked is None:
        return set(keys)
    return {key for key, changed_at in sql.changed_at(page.table.model, keys).items() if changed_at <= page.asked}


def _changes(page: _Page, stored: Mapping[str, StoredRow]) -> Iterator[Change]:
    """Each record as it would be stored; where the WMS left fields out, completed with what is stored."""
    partial: list[tuple[Record, StoredRow]] = []
    for draft in page.drafts:
        known = stored.get(draft.external_id)
        change = _change(page, draft, known)
        if known is not None and not digests.is_same(change.digest, known.digest) and _has_gaps(draft.record):
            partial.append((draft.record, known))
        else:
            yield change
    if partial:
        bodies = sql.bodies(page.table.model, [known.id for _, known in partial])
        for record, known in partial:
            yield _change(page, _draft(_complete(page.table, record, bodies[known.id])), known)


def _change(page: _Page, draft: Draft, known: StoredRow | None) -> Change:
    """What the WMS did not send of the stamps stays as it is stored."""
    record = draft.record
    updated_at, version_at = digests.stamps(known.digest) if known and _has_no_stamp(record) else (None, None)
    stamps = (
        updated_at if record.updated_at is UNSET else record.updated_at,
        version_at if record.version_at is UNSET else record.version_at,
    )
    source = page.sources.get(draft.external_id, digests.NO_SOURCE)
    return Change(draft.external_id, record, digests.digest(draft.body, stamps, source), draft.text, stamps, known)


def _has_no_stamp(record: Record) -> bool:
    return record.updated_at is UNSET or record.version_at is UNSET


def _has_gaps(record: Record) -> bool:
    return any(getattr(record, name) is UNSET for name in record.__struct_fields__)


def _complete(table: Table, record: Record, stored_body: Mapping[str, Any]) -> Record:
    """The record with every field it leaves out taken from the stored body."""
    whole = msgspec.convert(stored_body, table.record_type)
    sent = {name: value for name in record.__struct_fields__ if (value := getattr(record, name)) is not UNSET}
    return msgspec.structs.replace(whole, **sent)


def _write(page: _Page, changes: Sequence[Change], keys: Mapping[str, int], change_no: int) -> None:
    """Write what differs, to the rows with these keys."""
    table = page.table
    new = [change for change in changes if change.known is None]
    old = [(change, change.known) for change in changes if change.known is not None]
    before = sql.bodies(table.model, [known.id for _, known in old]) if old and history.is_tracked(table.entity) else {}
    # Rows are made as they are sent: meanwhile the database writes those before them.
    sql.insert(table, len(new), (_row(page, change, keys[change.external_id], change_no) for change in new))
    if old:
        rows = [_row(page, change, known.id, change_no) for change, known in old]
        sql.update(table, rows, [known.digest for _, known in old])
    for lines in table.lines:
        made = ((page.connection_id, keys[one.external_id], *row) for one in changes for row in lines.rows(one.record))
        sql.replace_lines(lines, [known.id for _, known in old], len(changes), made)
    if table.entity == Entity.ORDERS:
        shipments = _write_shipments(page, changes, change_no)
        had_some = [one.external_id for one in changes if one.known and _shipments(one.record) is not None]
        if had_some:
            gone = sql.remove_other_shipments(page.connection_id, had_some, shipments, change_no, page.now)
            _note_removed(page, Entity.ORDER_SHIPMENTS, gone, change_no)
    _note(page, changes, keys, before, change_no)


def _note(
    page: _Page,
    changes: Sequence[Change],
    keys: Mapping[str, int],
    before: Mapping[int, Mapping[str, Any]],
    change_no: int,
) -> None:
    """Keep in the history what changed, and why."""
    entity = page.table.entity
    if not history.is_tracked(entity) or (page.cause.first and not before):
        return
    steps = [
        history.Step(
            row_id=keys[one.external_id],
            before=before[one.known.id] if one.known else None,
            after=one.text,
            stamp=one.stamps[0],
            returned=one.known is not None and one.known.removed,
        )
        for one in changes
    ]
    history.write(history.Change(page.connection_id, entity, change_no, page.now, page.cause), steps)


def _note_removed(page: _Page, entity: Entity, row_ids: Sequence[int], change_no: int) -> None:
    if row_ids and history.is_tracked(entity):
        change = history.Change(page.connection_id, entity, change_no, page.now, page.cause)
        history.write_removed(change, TABLES[entity].model, row_ids)


def _restamp(page: _Page, stamps: Sequence[Change]) -> None:
    """Store new stamps of records that are the same; the shipments inside an order bear its stamp."""
    rows = [(*one.stamps, one.digest, one.known.id, one.known.digest) for one in stamps if one.known]
    sql.restamp(page.table.model, rows)
    if page.table.entity == Entity.ORDERS:
        _write_shipments(page, stamps)


def _new_keys(table: Table, changes: Sequence[Change]) -> dict[str, int]:
    """A row key for each record that is new."""
    new = [change.external_id for change in changes if change.known is None]
    return dict(zip(new, sql.new_keys(table.model, len(new)), strict=True)) if new else {}


def _row(page: _Page, change: Change, key: int, change_no: int) -> sql.Row:
    """The values of the key, of sql.BASE and of the table's own columns."""
    record = change.record
    base = (
        key,
        page.connection_id,
        record.external_id,
        record.created_at or None,
        *change.stamps,
        change.digest,
        change.text.decode(),
        change_no,
        page.now,
        None,
    )
    return (*base, *page.table.columns(record))


def _write_shipments(page: _Page, orders: Sequence[Change], change_no: int | None = None) -> list[str]:
    """Write the shipments that came inside orders. Returns their ids."""
    kept = make_drafts(shipment for one in orders for shipment in _shipments(one.record) or ())
    if kept:
        table = TABLES[Entity.ORDER_SHIPMENTS]
        inside = _Page(table, page.connection_id, kept, page.now, page.ceiling, trust=True, cause=page.cause)
        _apply(inside, change_no)
    return [shipment.external_id for shipment in kept]


def _shipments(order: Record) -> list[OrderShipment] | None:
    """The shipments of an order, as a set; None when the WMS did not say."""
    return order.shipments if isinstance(order, Order) and isinstance(order.shipments, list) else None


def remove(
    connection_id: int,
    entity: Entity,
    row_ids: Sequence[int],
    *,
    now: datetime,
    asked: datetime | None = None,
    cause: Cause | None = None,
) -> int:
    """Mark rows as no longer in the WMS: kept, hidden, restored when they are seen again. Returns how many.

    A row that was changed after the WMS was `asked` for it stays, and so does one that an action has only just made.
    """
    if not row_ids:
        return 0
    change_no = sql.next_change_no(connection_id)  # other writers wait from here on
    model = TABLES[entity].model
    row_ids = write_protection.exclude_protected(model, connection_id, entity, row_ids, now)
    if asked is not None:
        row_ids = sql.unchanged_since(model, row_ids, asked)
    page = _Page(TABLES[entity], connection_id, (), now, now, cause=cause or NOBODY_KNOWS)
    if entity == Entity.ORDERS:
        shipments = sql.remove_shipments_of(connection_id, row_ids, change_no, now)
        _note_removed(page, Entity.ORDER_SHIPMENTS, shipments, change_no)
    removed = sql.remove(model, row_ids, change_no, now)
    if removed:
        _note_removed(page, entity, row_ids, change_no)
    return removed
