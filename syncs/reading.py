"""Reading an entity's pages: each one is a transaction of rows, checkpoint, counters and lease.

While a page is written the next one is fetched. The page in hand lies in the spool meanwhile, so that a killed worker
still costs one page and not two.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.timezone import now

from integrations.connector import Page, Rejected
from integrations.http import Client, Told
from integrations.models import Connection, Status
from integrations.services import set_status
from packr.warehouse import writer

from . import absence, endings, rejections, seen, spool
from .models import Mode, Phase
from .turn import Turn


@dataclass(frozen=True)
class _Fetched:
    """A page, what it was read from, and what to write of its records: made while the page before is written."""

    page: Page
    told: Told
    drafts: Sequence[writer.Draft]


def read(turn: Turn, client: Client) -> None:
    """Write pages until the slice or the walk ends. A page that was fetched is written, even past the slice."""
    checkpoint = turn.checkpoint
    if checkpoint.cursor is None:
        checkpoint.crawled = turn.connection.connector.crawled(client).get(turn.entity)
    client.recall(spool.take(turn.run, checkpoint.cursor))
    fetched: _Fetched | None = _fetch(turn, client, checkpoint.cursor)
    if fetched and _is_behind(turn, fetched.page):
        turn.run.until = None
        fetched = _fetch(turn, client, checkpoint.cursor)
    with ExitStack() as stack:
        stack.callback(spool.drop, turn.run)
        stack.callback(client.recall, {})
        pool = stack.enter_context(ThreadPoolExecutor(1))
        while fetched:
            client.learned |= fetched.page.learned
            ahead = None if turn.is_over else _fetch_ahead(turn, client, pool, fetched)
            _write(turn, fetched)
            fetched = ahead.result() if ahead else _next(turn, client)


def _is_behind(turn: Turn, page: Page) -> bool:
    """Whether the WMS's clock jumped past the end of what a new run asks for: its last changes would be left out."""
    until = turn.run.until
    if turn.run.mode == Mode.WINDOW:
        return False
    return turn.is_new and until is not None and page.clock is not None and page.clock > until


def _next(turn: Turn, client: Client) -> _Fetched | None:
    """The page after the one just written, when the walk and the slice go on."""
    cursor, is_reading = turn.checkpoint.cursor, turn.checkpoint.phase == Phase.READ
    return None if cursor is None or turn.is_over or not is_reading else _fetch(turn, client, cursor)


def _fetch(turn: Turn, client: Client, cursor: Any) -> _Fetched:
    told = client.told = Told()
    try:
        page = turn.resource.fetch(client, turn.ask, cursor)
        return _Fetched(page, told, writer.drafts(page.records))
    finally:
        client.told = None


def _fetch_ahead(turn: Turn, client: Client, pool: ThreadPoolExecutor, fetched: _Fetched) -> "Future[_Fetched] | None":
    page = fetched.page
    if page.cursor is None:
        return None
    # The first worker of an incremental chose the moment it ends at; should it die now, the next one chooses another.
    if turn.is_new and turn.run.until and turn.run.mode == Mode.INCREMENTAL:
        return None
    if not spool.keep(turn.run, turn.checkpoint.cursor, fetched.told):
        return None
    return pool.submit(_fetch, turn, client, page.cursor)


def _write(turn: Turn, fetched: _Fetched) -> None:
    moment = now()
    run = turn.run
    is_last = fetched.page.cursor is None
    with turn.writing():
        page, known = _read_unknown(turn, fetched.page)
        drafts = fetched.drafts if page is fetched.page else writer.drafts(page.records)
        applied = writer.apply(
            turn.connection.pk,
            turn.entity,
            drafts,
            now=moment,
            clock=page.clock,
            sources=page.sources,
            cause=turn.cause,
        )
        applied.unchanged += len(known)
        applied.keys.extend(known.values())
        if page.rejected or turn.knows_rejected:
            understood = [draft.external_id for draft in drafts]
            turn.knows_rejected = rejections.keep(run, page.rejected, [*understood, *known], moment)
        turn.count(
            pages=1,
            seen=len(drafts) + len(known) + len(page.rejected),
            created=applied.created,
            updated=applied.updated,
            unchanged=applied.unchanged,
            stale=applied.stale,
            rejected=len(page.rejected),
        )
        if not is_last or run.mode == Mode.FULL:
            seen.keep(run, page, applied.keys, applied.doubtful if run.mode == Mode.FULL else [])
        _advance(turn, page, moment)
        if is_last and run.mode != Mode.FULL:
            endings.end(turn, absence.suspicious_zero(run))
    _learn(turn.connection, page)


def _read_unknown(turn: Turn, page: Page) -> tuple[Page, Mapping[str, int]]:
    """The page with what the mirror does not know read; and the row keys, by id, of what it knows already."""
    unread = {one.external_id: one for one in page.unread}
    # Without a clock the stamps have to tell the time, and only what was read shows its stamp.
    sources = {one.external_id: one.source for one in unread.values()} if page.clock else {}
    known = writer.recognised(turn.connection.pk, turn.entity, sources) if sources else {}
    found = [one.read() for external_id, one in unread.items() if external_id not in known]
    records = [one for one in found if not isinstance(one, Rejected)]
    whole = replace(
        page,
        records=[*page.records, *records],
        rejected=[*page.rejected, *(one for one in found if isinstance(one, Rejected))],
        sources={**page.sources, **{external_id: one.source for external_id, one in unread.items()}},
    )
    return (whole if unread else page), known


def _advance(turn: Turn, page: Page, moment: datetime) -> None:
    """Where the run resumes, and what is known of the WMS's time."""
    checkpoint = turn.checkpoint
    if checkpoint.cursor is None:  # only the walk's first answer: a later clock would promise too much
        checkpoint.clock = page.clock
    checkpoint.cursor = page.cursor
    if page.cursor is None:  # with the last page, or a worker killed right after it would read them all again
        checkpoint.phase = Phase.DOUBTS
    ceiling = (page.clock or moment) + writer.BELIEVABLE
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
