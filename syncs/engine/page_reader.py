"""Reading an entity's pages. Each page is one transaction of rows, checkpoint, counters and lease."""

from collections.abc import Mapping
from datetime import datetime

from django.utils.timezone import now

from integrations.connection_status import set_status
from integrations.connectors.base import Page
from integrations.http.client import Client
from integrations.models import Connection, Status
from packr.warehouse.mirror import query_planner, writer
from packr.warehouse.mirror.write_plan import make_drafts

from ..models import Mode, Phase
from ..runs import rejected_records, seen_keys
from . import completion, missing_rows
from .prefetch import PagePrefetcher, PreparedPage
from .run_slice import RunSlice

# A connection with this many new rows is analysed if PostgreSQL believes its tables to be empty; with the larger
# number, its tables are analysed in any case.
ANALYZE_AFTER_ROWS = 1_000
ANALYZE_FULLY_AFTER_ROWS = 10_000


def read_pages(run_slice: RunSlice, client: Client) -> None:
    """Write pages until the slice or the list ends. A fetched page is written even after the slice has ended."""
    if run_slice.checkpoint.cursor is None:
        run_slice.checkpoint.crawled = run_slice.connection.connector.crawled(client).get(run_slice.entity)
    with PagePrefetcher(run_slice, client) as prefetcher:
        for prepared in prefetcher:
            _write_page(run_slice, prefetcher, prepared)


def _write_page(run_slice: RunSlice, prefetcher: PagePrefetcher, prepared: PreparedPage) -> None:
    moment = now()
    run, connection, entity = run_slice.run, run_slice.connection, run_slice.entity
    is_last = prepared.page.cursor is None
    with run_slice.writing():
        known = _recognise(run_slice, prepared.page)
        page = prepared.page.parse(known)
        drafts = prepared.drafts if page is prepared.page else make_drafts(page.records, page.sources)
        plan = writer.plan(connection.pk, entity, drafts, now=moment, clock=page.clock, cause=run_slice.cause)
        prefetcher.resume_parsing()  # from here on this thread waits for the database
        applied = writer.write(plan)
        applied.unchanged += len(known)
        applied.row_keys.extend(known.values())
        state = run_slice.schedule_state
        if page.rejected or state.has_rejected:
            accepted = [*(draft.external_id for draft in drafts), *known]
            state.has_rejected = rejected_records.keep(run, page.rejected, accepted, moment)
        run_slice.count(
            pages=1,
            seen=len(drafts) + len(known) + len(page.rejected),
            created=applied.created,
            updated=applied.updated,
            unchanged=applied.unchanged,
            stale=applied.stale,
            rejected=len(page.rejected),
        )
        if run_slice.is_first_sync:
            _analyze(run_slice, run.created - applied.created)
        if not is_last or run.mode == Mode.FULL:
            seen_keys.keep(run, page, applied.row_keys, applied.recheck_ids if run.mode == Mode.FULL else [])
        _advance(run_slice, page, moment)
        if is_last and run.mode != Mode.FULL:
            completion.complete_pass(run_slice, missing_rows.unexpected_empty_list(run))
    _update_connection(connection, page)


def _analyze(run_slice: RunSlice, created_before: int) -> None:
    """Update the planner's statistics for the rows of a first sync, before later pages are looked up by old plans."""
    created = run_slice.run.created
    if created_before < ANALYZE_AFTER_ROWS <= created:
        query_planner.analyze_if_outdated(run_slice.connection.pk, run_slice.entity, created)
    if created_before < ANALYZE_FULLY_AFTER_ROWS <= created:
        query_planner.analyze_tables(run_slice.entity)


def _recognise(run_slice: RunSlice, page: Page) -> Mapping[str, int]:
    """Return the row keys, by id, of the unparsed items whose source bytes equal the mirror's."""
    sources = {item.external_id: item.source for item in page.unparsed}
    return writer.recognised_by_source(run_slice.connection.pk, run_slice.entity, sources) if sources else {}


def _advance(run_slice: RunSlice, page: Page, moment: datetime) -> None:
    """Move the checkpoint behind this page."""
    checkpoint = run_slice.checkpoint
    if checkpoint.cursor is None:  # the clock of later pages would promise too much
        checkpoint.clock = page.clock
    checkpoint.cursor = page.cursor
    if page.cursor is None:  # stored with the last page, or a worker killed right after it would read all pages again
        checkpoint.phase = Phase.RECHECK_STALE
    ceiling = (page.clock or moment) + writer.MAX_FUTURE_STAMP
    # A change made during the pass may be seen on a later page while others, made with it, were missed on earlier
    # pages. So stamps count only up to the start of the run. Packr's clock is used for the elapsed time only.
    elapsed = moment - (run_slice.run.started_at or moment)
    stamps = [stamp - elapsed for record in page.records if (stamp := record.updated_at) and stamp <= ceiling]
    checkpoint.newest = max([*stamps, *filter(None, [checkpoint.newest])], default=None)


def _update_connection(connection: Connection, page: Page) -> None:
    """Store what the response says about the account, and that the WMS is reachable."""
    learned = {**connection.learned, **page.learned}
    if learned != connection.learned:
        connection.learned = learned
        Connection.objects.filter(pk=connection.pk).update(learned=learned)
    if connection.status == Status.UNREACHABLE:
        set_status(connection, Status.CONNECTED)
