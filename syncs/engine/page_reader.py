"""Reading an entity's pages: each one is a transaction of rows, checkpoint, counters and lease."""

from collections.abc import Mapping
from datetime import datetime

from django.utils.timezone import now

from integrations.connectors.base import Page
from integrations.http.client import Client
from integrations.models import Connection, Status
from integrations.services import set_status
from packr.warehouse.mirror import query_planner, writer
from packr.warehouse.mirror.write_plan import make_drafts

from ..models import Mode, Phase
from ..runs import rejected_records, seen_keys
from . import completion, missing_rows
from .prefetch import PagePrefetcher, PreparedPage
from .run_slice import RunSlice

# So many new rows are a connection that the database does not know yet, and so many a table.
ANALYZE_AFTER_ROWS = 1_000
ANALYZE_FULLY_AFTER_ROWS = 10_000


def read_pages(turn: RunSlice, client: Client) -> None:
    """Write pages until the slice or the walk ends. A page that was fetched is written, even past the slice."""
    if turn.checkpoint.cursor is None:
        turn.checkpoint.crawled = turn.connection.connector.crawled(client).get(turn.entity)
    with PagePrefetcher(turn, client) as walk:
        for drafted in walk:
            _write(turn, walk, drafted)


def _write(turn: RunSlice, prefetcher: PagePrefetcher, drafted: PreparedPage) -> None:
    moment = now()
    run = turn.run
    is_last = drafted.page.cursor is None
    with turn.writing():
        known = _known(turn, drafted.page)
        page = drafted.page.parse(known)
        drafts = drafted.drafts if page is drafted.page else make_drafts(page.records, page.sources)
        plan = writer.plan(turn.connection.pk, turn.entity, drafts, now=moment, clock=page.clock, cause=turn.cause)
        prefetcher.resume_reading()  # from here on the database works, and this thread waits for it
        applied = writer.write(plan)
        applied.unchanged += len(known)
        applied.row_keys.extend(known.values())
        if page.rejected or turn.schedule_state.has_rejected:
            understood = [draft.external_id for draft in drafts]
            turn.schedule_state.has_rejected = rejected_records.keep(run, page.rejected, [*understood, *known], moment)
        turn.count(
            pages=1,
            seen=len(drafts) + len(known) + len(page.rejected),
            created=applied.created,
            updated=applied.updated,
            unchanged=applied.unchanged,
            stale=applied.stale,
            rejected=len(page.rejected),
        )
        if turn.schedule.watermark is None:
            _tell_planner(turn, run.created - applied.created)
        if not is_last or run.mode == Mode.FULL:
            seen_keys.keep(run, page, applied.row_keys, applied.recheck_ids if run.mode == Mode.FULL else [])
        _advance(turn, page, moment)
        if is_last and run.mode != Mode.FULL:
            completion.complete_walk(turn, missing_rows.unexpected_empty_list(run))
    _learn(turn.connection, page)


def _tell_planner(turn: RunSlice, before: int) -> None:
    """Let the database know of what a first sync brings, before it looks it up by plans made for something else."""
    if before < ANALYZE_AFTER_ROWS <= turn.run.created:
        query_planner.analyze_if_believed_empty(turn.connection.pk, turn.entity, turn.run.created)
    if before < ANALYZE_FULLY_AFTER_ROWS <= turn.run.created:
        query_planner.analyze_tables(turn.entity)


def _known(turn: RunSlice, page: Page) -> Mapping[str, int]:
    """The row keys, by id, of what was left unread and is what the mirror knows already."""
    sources = {one.external_id: one.source for one in page.unparsed}
    return writer.recognised_by_source(turn.connection.pk, turn.entity, sources) if sources else {}


def _advance(turn: RunSlice, page: Page, moment: datetime) -> None:
    """Where the run resumes, and what is known of the WMS's time."""
    checkpoint = turn.checkpoint
    if checkpoint.cursor is None:  # only the walk's first answer: a later clock would promise too much
        checkpoint.clock = page.clock
    checkpoint.cursor = page.cursor
    if page.cursor is None:  # with the last page, or a worker killed right after it would read them all again
        checkpoint.phase = Phase.RECHECK_STALE
    ceiling = (page.clock or moment) + writer.MAX_FUTURE_STAMP
    # A stamp on a later page may be of a change made while we read: what was changed with it on an earlier page was
    # not seen. So only what is as old as the run counts; of our clock no more than how much time has passed.
    passed = moment - (turn.run.started_at or moment)
    stamps = [stamp - passed for record in page.records if (stamp := record.updated_at) and stamp <= ceiling]
    checkpoint.newest = max([*stamps, *filter(None, [checkpoint.newest])], default=None)


def _learn(connection: Connection, page: Page) -> None:
    """Note what the WMS's answer told about the account, and that it answered at all."""
    learned = {**connection.learned, **page.learned}
    if learned != connection.learned:
        connection.learned = learned
        Connection.objects.filter(pk=connection.pk).update(learned=learned)
    if connection.status == Status.UNREACHABLE:
        set_status(connection, Status.CONNECTED)
