"""Comparing a page of records with the stored rows: what to write, and what to leave as it is."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import msgspec
from msgspec import UNSET

from integrations.records import Record

from ..models.change_causes import UNKNOWN_CAUSE, Cause
from . import digests, sql, write_protection
from .digests import Stamps
from .schema import Table
from .sql import StoredRow
from .write_protection import FoundRecord, WriteProtection


@dataclass(frozen=True, slots=True)
class WritePolicy:
    """Which stored rows a page of records may overwrite.

    `applies_older`: an older version of a record replaces a newer row, unless the row changed after `requested_at`,
    when the WMS was asked. `ignores_protection`: the page may undo an accepted action.
    """

    applies_older: bool = False
    requested_at: datetime | None = None
    ignores_protection: bool = False

    @classmethod
    def recheck(cls, requested_at: datetime) -> Self:
        """Return the policy for records read a second time: an older version that the WMS repeats is right."""
        return cls(applies_older=True, requested_at=requested_at)

    @classmethod
    def lookup(cls) -> Self:
        """Return the policy for a record read by its id, whose row the caller has locked and found unchanged since."""
        return cls(applies_older=True)

    @classmethod
    def action(cls) -> Self:
        """Return the policy for the WMS's answer to an action, which write protection must not block."""
        return cls(applies_older=True, ignores_protection=True)


SYNC = WritePolicy()


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A record in its stored form, made before its row is read, while another page is written."""

    external_id: str
    record: Record
    body: bytes
    body_hash: bytes
    source: bytes


class RowChange(msgspec.Struct, frozen=True, gc=False):
    """A record to write, and the row it changes (None: the record is new)."""

    external_id: str
    record: Record
    digest: bytes
    body: bytes
    stamps: Stamps
    known: StoredRow | None


@dataclass
class WriteResult:
    """What a page changed: counts, the row key of each of its records, and the ids to read again in the WMS."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    row_keys: "array[int]" = field(default_factory=lambda: array("q"))
    recheck_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WriteContext:
    """Where a page is written, why, and under which policy. Stamps after `latest_stamp` are not believed."""

    table: Table
    connection_id: int
    now: datetime
    latest_stamp: datetime
    policy: WritePolicy = SYNC
    cause: Cause = UNKNOWN_CAUSE


@dataclass
class WritePlan:
    """The rows that a page changes: `changes` are written in full, `restamps` get new stamps only.

    The changes are numbered `change_no`.
    """

    context: WriteContext
    change_no: int = 0
    protection: WriteProtection = field(default_factory=WriteProtection)
    changes: list[RowChange] = field(default_factory=list)
    restamps: list[RowChange] = field(default_factory=list)
    row_keys: dict[str, int] = field(default_factory=dict)
    result: WriteResult = field(default_factory=WriteResult)


def make_drafts(records: Iterable[Record], sources: Mapping[str, bytes] | None = None) -> list[Draft]:
    """Return a draft of each record; where an id repeats, of its last one.

    `sources` are the source digests by id, by which the writer recognises the same records the next time.
    """
    by_id = {str(record.external_id): record for record in records}
    known = sources or {}
    return [_draft(record, known.get(external_id, digests.NO_SOURCE)) for external_id, record in by_id.items()]


def _draft(record: Record, source: bytes) -> Draft:
    body = digests.encode_body(record)
    return Draft(str(record.external_id), record, body, digests.hash_body(body), source)


def make_plan(context: WriteContext, drafts: Sequence[Draft], change_no: int | None = None) -> WritePlan:
    """Return what the page changes. The caller may already have a `change_no`; otherwise the plan takes one if needed.

    Once a plan has changes, the connection's other writers wait until the transaction ends.
    """
    if not drafts:
        return WritePlan(context)
    plan = _compare(context, drafts)
    if plan.changes and change_no is None:
        change_no = sql.next_change_no(context.connection_id)
        if change_no != plan.change_no + 1:  # another writer committed since the rows were read
            plan = _compare(context, drafts)
    plan.change_no = change_no or plan.change_no
    new = [change.external_id for change in plan.changes if change.known is None]
    if new:
        plan.row_keys.update(zip(new, sql.new_keys(context.table.model, len(new)), strict=True))
    plan.result.row_keys.extend(plan.row_keys[draft.external_id] for draft in drafts)
    return plan


def _compare(context: WriteContext, drafts: Sequence[Draft]) -> WritePlan:
    ids = [draft.external_id for draft in drafts]
    stored = sql.stored(context.table.model, context.connection_id, ids)
    plan = WritePlan(context, stored.change_no)
    plan.row_keys = {external_id: known.id for external_id, known in stored.rows.items()}
    if stored.is_protected and not context.policy.ignores_protection:
        plan.protection = write_protection.protection_for(context.connection_id, context.table.entity, ids, context.now)
    older = _sort(plan, _changes(context, drafts, stored.rows))
    appliable = _appliable(context, older)
    for change, known in older:
        if known.id in appliable:
            _add_difference(plan, change, known)
        else:
            plan.result.stale += 1
            plan.result.recheck_ids.append(change.external_id)
    return plan


def _sort(plan: WritePlan, changes: Iterable[RowChange]) -> list[tuple[RowChange, StoredRow]]:
    """Add each change to the plan, except versions older than their rows, which are returned."""
    result, protection, latest_stamp = plan.result, plan.protection, plan.context.latest_stamp
    older: list[tuple[RowChange, StoredRow]] = []
    for change in changes:
        known = change.known
        if known is None:
            result.created += 1
            plan.changes.append(change)
        elif protection.actions and protection.blocks(change.external_id, _found(change, known)):
            result.stale += 1
        elif digests.is_same(change.digest, known.digest) and not known.removed:
            result.unchanged += 1
        elif digests.is_older(change.stamps, digests.stamps(known.digest), latest_stamp):
            older.append((change, known))
        else:
            _add_difference(plan, change, known)
    return older


def _found(change: RowChange, known: StoredRow) -> FoundRecord:
    return FoundRecord(change.record, change.stamps, digests.has_same_body(change.digest, known.digest))


def _add_difference(plan: WritePlan, change: RowChange, known: StoredRow) -> None:
    if digests.has_same_body(change.digest, known.digest) and not known.removed:
        plan.result.unchanged += 1
        plan.restamps.append(change)
    else:
        plan.result.updated += 1
        plan.changes.append(change)


def _appliable(context: WriteContext, older: Sequence[tuple[RowChange, StoredRow]]) -> set[int]:
    """Return the keys of the rows that the policy lets an older version replace."""
    policy = context.policy
    if not policy.applies_older or not older:
        return set()
    keys = [known.id for _, known in older]
    if policy.requested_at is not None:
        keys = sql.unchanged_since(context.table.model, keys, policy.requested_at)
    return set(keys)


def _changes(context: WriteContext, drafts: Sequence[Draft], stored: Mapping[str, StoredRow]) -> Iterator[RowChange]:
    """Yield each record as it would be stored. Fields that the WMS left out are filled from the stored row."""
    partial: list[tuple[Draft, StoredRow]] = []
    for draft in drafts:
        known = stored.get(draft.external_id)
        change = _change(draft, known)
        if known is not None and not digests.is_same(change.digest, known.digest) and _has_gaps(draft.record):
            partial.append((draft, known))
        else:
            yield change
    if partial:
        bodies = sql.bodies(context.table.model, [known.id for _, known in partial])
        for draft, known in partial:
            whole = _complete(context.table, draft.record, bodies[known.id])
            yield _change(_draft(whole, draft.source), known)


def _change(draft: Draft, known: StoredRow | None) -> RowChange:
    """Return the change of a row to this draft. Stamps that the WMS did not send stay as they are stored."""
    record = draft.record
    updated_at, version_at = record.updated_at, record.version_at
    if updated_at is UNSET or version_at is UNSET:
        stored = digests.stamps(known.digest) if known else (None, None)
        updated_at = stored[0] if updated_at is UNSET else updated_at
        version_at = stored[1] if version_at is UNSET else version_at
    stamps = (updated_at, version_at)
    digest = digests.digest(draft.body_hash, stamps, draft.source)
    return RowChange(draft.external_id, record, digest, draft.body, stamps, known)


def _has_gaps(record: Record) -> bool:
    return any(getattr(record, name) is UNSET for name in record.__struct_fields__)


def _complete(table: Table, record: Record, stored_body: Mapping[str, Any]) -> Record:
    """Return the record with each field it leaves out taken from the stored body."""
    whole = msgspec.convert(stored_body, table.record_type)
    sent = {name: value for name in record.__struct_fields__ if (value := getattr(record, name)) is not UNSET}
    return msgspec.structs.replace(whole, **sent)
