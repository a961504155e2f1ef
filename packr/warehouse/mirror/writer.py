"""Writing a page of records to rows, only what changed, inside the caller's transaction.

The digests stored for the page's ids are read first; a record that is the same causes no write. The result is the
same on SQLite and PostgreSQL.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from integrations import records
from integrations.connectors.decoding import SOURCE_BYTES
from integrations.entities import Entity
from integrations.records import Record

from ..models import Order
from ..models.change_causes import UNKNOWN_CAUSE, Cause
from . import history_recorder as history
from . import sql, write_protection
from .schema import TABLES
from .write_plan import (
    SYNC,
    Draft,
    RowChange,
    WriteContext,
    WritePlan,
    WritePolicy,
    WriteResult,
    make_drafts,
    make_plan,
)

# A stamp further ahead of the WMS's clock is stored, but is not believed.
MAX_FUTURE_STAMP = timedelta(hours=1)


def apply(
    connection_id: int,
    entity: Entity,
    found: Iterable[Record],
    *,
    now: datetime,
    clock: datetime | None = None,
    policy: WritePolicy = SYNC,
    cause: Cause = UNKNOWN_CAUSE,
) -> WriteResult:
    """Write records as `plan` and `write` do, in one step."""
    return write(plan(connection_id, entity, make_drafts(found), now=now, clock=clock, policy=policy, cause=cause))


def plan(
    connection_id: int,
    entity: Entity,
    drafts: Sequence[Draft],
    *,
    now: datetime,
    clock: datetime | None = None,
    policy: WritePolicy = SYNC,
    cause: Cause = UNKNOWN_CAUSE,
) -> WritePlan:
    """Compare a page with the stored rows. Return what to `write`, in the same transaction.

    `clock` is the WMS's time, or None if it sends none. `cause` is kept in the history of what changes.
    """
    latest_stamp = (clock or now) + MAX_FUTURE_STAMP
    return make_plan(WriteContext(TABLES[entity], connection_id, now, latest_stamp, policy, cause), drafts)


def write(plan: WritePlan) -> WriteResult:
    """Write what a page changes. Raises RowsChanged if a row is no longer what the page was compared with."""
    plan.protection.settle(plan.context.now)
    _write_rows(plan)
    return plan.result


def recognised_by_source(connection_id: int, entity: Entity, sources: Mapping[str, bytes]) -> dict[str, int]:
    """Return the row keys, by id, of the present rows that were read from these very sources (by id)."""
    present = sql.present(TABLES[entity].model, connection_id, list(sources), SOURCE_BYTES)
    return {external_id: id_ for external_id, id_, source in present if source == sources[external_id]}


def _write_rows(plan: WritePlan) -> None:
    if plan.changes:
        _write_changes(plan)
    if plan.restamps:
        _restamp(plan)


def _write_changes(plan: WritePlan) -> None:
    context, changes, keys = plan.context, plan.changes, plan.row_keys
    table = context.table
    new = [change for change in changes if change.known is None]
    old = [(change, change.known) for change in changes if change.known is not None]
    old_keys = [known.id for _, known in old]
    before = sql.bodies(table.model, old_keys) if history.is_tracked(table.entity) else {}
    # Rows are made as they are sent: meanwhile the database writes those before them.
    sql.insert(table, len(new), (_row(plan, change) for change in new))
    sql.update(table, [_row(plan, change) for change, _ in old], [known.digest for _, known in old])
    for lines in table.lines:
        rows = (
            (context.connection_id, keys[change.external_id], *row)
            for change in changes
            for row in lines.rows(change.record)
        )
        sql.replace_lines(lines, old_keys, len(changes), rows)
    if table.entity == Entity.ORDERS:
        shipment_ids = _write_shipments(context, changes, plan.change_no)
        updated = [change.external_id for change, _ in old if _shipments(change.record) is not None]
        gone = sql.remove_shipments_of(
            context.connection_id, updated, plan.change_no, context.now, kept=set(shipment_ids)
        )
        _record_removed(context, Entity.ORDER_SHIPMENTS, gone, plan.change_no)
    _record_history(plan, before)


def _record_history(plan: WritePlan, before: Mapping[int, Mapping[str, Any]]) -> None:
    context = plan.context
    if not history.is_tracked(context.table.entity) or (context.cause.first and not before):
        return
    updates = [
        history.RowUpdate(
            row_id=plan.row_keys[change.external_id],
            before=before[change.known.id] if change.known else None,
            after=change.body,
            stamp=change.stamps[0],
            returned=change.known is not None and change.known.removed,
        )
        for change in plan.changes
    ]
    history.record_updates(_change_context(context, context.table.entity, plan.change_no), updates)


def _record_removed(context: WriteContext, entity: Entity, row_ids: Sequence[int], change_no: int) -> None:
    if row_ids and history.is_tracked(entity):
        history.record_removals(_change_context(context, entity, change_no), TABLES[entity].model, row_ids)


def _change_context(context: WriteContext, entity: Entity, change_no: int) -> history.ChangeContext:
    return history.ChangeContext(context.connection_id, entity, change_no, context.now, context.cause)


def _restamp(plan: WritePlan) -> None:
    """Store the new stamps of unchanged records. Shipments inside an order carry the order's stamp."""
    context = plan.context
    rows = [
        (*change.stamps, change.digest, change.known.id, change.known.digest)
        for change in plan.restamps
        if change.known
    ]
    sql.restamp(context.table.model, rows)
    if context.table.entity == Entity.ORDERS:
        _write_shipments(context, plan.restamps)


def _row(plan: WritePlan, change: RowChange) -> sql.Row:
    """Return the values of the key, of sql.BASE and of the table's own columns."""
    context, record = plan.context, change.record
    return (
        plan.row_keys[change.external_id],
        context.connection_id,
        record.external_id,
        record.created_at or None,
        *change.stamps,
        change.digest,
        change.body.decode(),
        plan.change_no,
        context.now,
        None,
        *context.table.columns(record),
    )


def _write_shipments(context: WriteContext, orders: Sequence[RowChange], change_no: int | None = None) -> list[str]:
    """Write the shipments inside these orders. Return their ids."""
    drafts = make_drafts(shipment for order in orders for shipment in _shipments(order.record) or ())
    table = TABLES[Entity.ORDER_SHIPMENTS]
    _write_rows(make_plan(replace(context, table=table, policy=WritePolicy.lookup()), drafts, change_no))
    return [draft.external_id for draft in drafts]


def _shipments(order: Record) -> list[records.OrderShipment] | None:
    """Return the set of an order's shipments; None if the WMS did not send it."""
    return order.shipments if isinstance(order, records.Order) and isinstance(order.shipments, list) else None


def remove(
    connection_id: int,
    entity: Entity,
    row_ids: Sequence[int],
    *,
    now: datetime,
    asked: datetime | None = None,
    cause: Cause = UNKNOWN_CAUSE,
) -> int:
    """Mark rows as no longer in the WMS: kept, hidden, restored when they are seen again. Return how many.

    Rows that changed after `asked`, when the WMS was asked for them, stay. So do rows that an action has just created.
    """
    if not row_ids:
        return 0
    change_no = sql.next_change_no(connection_id)  # other writers wait from here on
    context = WriteContext(TABLES[entity], connection_id, now, now, cause=cause)
    model = context.table.model
    row_ids = write_protection.exclude_protected(model, connection_id, entity, row_ids, now)
    if asked is not None:
        row_ids = sql.unchanged_since(model, row_ids, asked)
    if entity == Entity.ORDERS:
        order_ids = list(Order.objects.filter(id__in=row_ids).values_list("external_id", flat=True))
        shipments = sql.remove_shipments_of(connection_id, order_ids, change_no, now)
        _record_removed(context, Entity.ORDER_SHIPMENTS, shipments, change_no)
    removed = sql.remove(model, row_ids, change_no, now)
    if removed:
        _record_removed(context, entity, row_ids, change_no)
    return removed
