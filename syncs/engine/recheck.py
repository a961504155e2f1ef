"""The recheck of a full run: stale records and missing rows are read again before the WMS is believed."""

from collections.abc import Sequence

from django.utils.timezone import now

from integrations.connectors.base import Page
from integrations.http.client import Client
from packr.warehouse.mirror import writer
from packr.warehouse.mirror.write_plan import WritePolicy

from ..runs import seen_keys
from . import completion, missing_rows
from .run_slice import RunSlice


def recheck_stale(run_slice: RunSlice, client: Client) -> bool:
    """Read the stale records of the next page again. If the WMS repeats the older version, it is right.

    Return whether there were any. The checkpoint's cursor is the number of the last rechecked page.
    """
    page = seen_keys.next_recheck_page(run_slice.run, after=run_slice.checkpoint.cursor or 0)
    if page is None:
        return False
    asked = now()
    size = run_slice.resource.lookup_size
    batches = [page.doubtful[start : start + size] for start in range(0, len(page.doubtful), size)]
    records = [record for ids in batches for record in _look_up(run_slice, client, ids).records]
    key, entity, cause = run_slice.connection.pk, run_slice.entity, run_slice.cause
    with run_slice.writing():
        applied = writer.apply(key, entity, records, now=now(), policy=WritePolicy.recheck(asked), cause=cause)
        run_slice.count(
            stale=applied.stale - len(applied.row_keys),
            updated=applied.updated,
            unchanged=applied.unchanged + applied.created,
        )
        run_slice.checkpoint.cursor = page.number
    return True


def recheck_missing(run_slice: RunSlice, client: Client) -> None:
    """Look up the next missing rows and remove those that the WMS no longer has. End the pass after the last one.

    The checkpoint's cursor is the key of the last rechecked row.
    """
    run, checkpoint = run_slice.run, run_slice.checkpoint
    rows = missing_rows.rows(run, after=checkpoint.cursor or 0, limit=run_slice.resource.lookup_size)
    if checkpoint.cursor is None:
        check = missing_rows.check_removals(run) if rows else missing_rows.unexpected_empty_list(run)
        if check.state:
            return completion.finish_pass(run_slice, check)
    if not rows:
        return completion.finish_pass(run_slice)
    asked = now()
    found = _look_up(run_slice, client, [external_id for _, external_id in rows])
    present = {str(record.external_id) for record in found.records}
    present.update(rejected.external_id for rejected in found.rejected if rejected.external_id)
    gone = [row_id for row_id, external_id in rows if external_id not in present]
    key, entity, cause = run_slice.connection.pk, run_slice.entity, run_slice.cause
    with run_slice.writing():
        applied = writer.apply(key, entity, found.records, now=now(), cause=cause)
        removed = writer.remove(key, entity, gone, now=now(), asked=asked, cause=cause)
        run_slice.count(
            seen=len(applied.row_keys),
            updated=applied.updated,
            created=applied.created,
            unchanged=applied.unchanged,
            stale=applied.stale,
            removed=removed,
        )
        checkpoint.cursor = rows[-1][0]
    return None


def _look_up(run_slice: RunSlice, client: Client, ids: Sequence[str]) -> Page:
    assert run_slice.resource.lookup is not None
    return run_slice.resource.lookup(client, ids)
