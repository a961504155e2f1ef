"""The second look of a full run: at what came back older than ours, and at what did not come at all."""

from collections.abc import Sequence

from django.utils.timezone import now

from integrations.connectors.base import Page
from integrations.http.client import Client
from packr.warehouse.mirror import writer
from packr.warehouse.mirror.write_plan import WritePolicy

from ..runs import seen_keys
from . import completion, missing_rows
from .run_slice import RunSlice


def recheck_stale(turn: RunSlice, client: Client) -> bool:
    """Read the next records that came back older than ours once more: if they still say so, the WMS is right.

    Returns whether there were any; the checkpoint's cursor is the number of the last page looked at.
    """
    page = seen_keys.doubtful_page(turn.run, after=turn.checkpoint.cursor or 0)
    if page is None:
        return False
    asked = now()
    size = turn.resource.lookup_size
    batches = [page.doubtful[start : start + size] for start in range(0, len(page.doubtful), size)]
    found = [_look_up(turn, client, ids) for ids in batches]
    records = [record for one in found for record in one.records]
    with turn.writing():
        policy = WritePolicy.recheck(asked)
        applied = writer.apply(turn.connection.pk, turn.entity, records, now=now(), policy=policy, cause=turn.cause)
        turn.count(
            stale=applied.stale - len(applied.row_keys),
            updated=applied.updated,
            unchanged=applied.unchanged + applied.created,
        )
        turn.checkpoint.cursor = page.number
    return True


def recheck_missing(turn: RunSlice, client: Client) -> None:
    """Look the next records up that the walk did not see, and remove what is not there either; end the run when done.

    The checkpoint's cursor is the key of the last row looked at.
    """
    rows = missing_rows.rows(turn.run, after=turn.checkpoint.cursor or 0, limit=turn.resource.lookup_size)
    if turn.checkpoint.cursor is None:
        verdict = missing_rows.check_removals(turn.run) if rows else missing_rows.unexpected_empty_list(turn.run)
        if verdict.state:
            return completion.finish_walk(turn, verdict)
    if not rows:
        return completion.finish_walk(turn)
    asked = now()
    found = _look_up(turn, client, [external_id for _, external_id in rows])
    present = {str(record.external_id) for record in found.records} | {
        one.external_id for one in found.rejected if one.external_id
    }
    gone = [id_ for id_, external_id in rows if external_id not in present]
    with turn.writing():
        applied = writer.apply(turn.connection.pk, turn.entity, found.records, now=now(), cause=turn.cause)
        removed = writer.remove(turn.connection.pk, turn.entity, gone, now=now(), asked=asked, cause=turn.cause)
        turn.count(
            seen=len(applied.row_keys),
            updated=applied.updated,
            created=applied.created,
            unchanged=applied.unchanged,
            stale=applied.stale,
            removed=removed,
        )
        turn.checkpoint.cursor = rows[-1][0]
    return None


def _look_up(turn: RunSlice, client: Client, ids: Sequence[str]) -> Page:
    assert turn.resource.lookup is not None
    return turn.resource.lookup(client, ids)
