"""Pages fetched ahead of writing: while one page is written, the next is parsed and the one after it is requested.

The WMS works without a pause as long as parsing and writing take less time than its responses. Responses whose page is
not written yet are kept in the response cache, so a killed worker costs one page and not three.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Self

from django.conf import settings

from integrations.connectors.base import Cursor, Page
from integrations.http.client import Client
from integrations.http.recording import RecordedResponses, ResponseRecording
from packr.warehouse.mirror.write_plan import Draft, make_drafts

from ..models import Mode, Phase
from . import response_cache
from .run_slice import RunSlice


@dataclass(frozen=True)
class PreparedPage:
    """A page with the drafts of its records. `cursor` is the one that the page was requested with."""

    cursor: Cursor | None
    page: Page
    drafts: Sequence[Draft]


@dataclass(frozen=True)
class _FetchedPage:
    """A page as the connector returned it, with the responses that it was made of."""

    cursor: Cursor | None
    page: Page
    responses: RecordedResponses


# None: the list has ended, or the slice may not fetch ahead any more.
_Fetching = Future[_FetchedPage | None]


class PagePrefetcher:
    """Iterator of one slice's pages in order, from the run's checkpoint on.

    Each page must be written before the next one is taken. An error of the connector is raised after the pages before
    it. Leaving the context waits for the request in progress, since no other worker may send requests beside it.
    """

    def __init__(self, run_slice: RunSlice, client: Client) -> None:
        self._run_slice, self._client = run_slice, client
        self._threads = ThreadPoolExecutor(2)
        self._may_prefetch = True
        # Only one thread runs Python code at a time. A writer that waited for the interpreter after each of its short
        # queries would keep the database idle, so parsing waits instead.
        self._may_parse = Event()
        self._may_parse.set()
        self._cached: list[Cursor | None] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._may_prefetch = False
        self._may_parse.set()
        self._threads.shutdown(cancel_futures=True)
        for cursor in self._cached:
            response_cache.drop(self._run_slice.run, cursor)

    def __iter__(self) -> Iterator[PreparedPage]:
        run_slice, checkpoint = self._run_slice, self._run_slice.checkpoint
        fetched = self._fetch_first()
        # A new incremental run has just chosen the end of its window, which is stored with its first page. Until then
        # another worker would choose another end and could not use responses fetched ahead.
        may_prefetch = not run_slice.is_new or run_slice.run.until is None or run_slice.run.mode != Mode.INCREMENTAL
        while True:
            yield from self._pages_from(fetched, may_prefetch=may_prefetch and settings.PREFETCH)
            if checkpoint.cursor is None or checkpoint.phase != Phase.READ or run_slice.should_yield():
                return
            fetched, may_prefetch = self._fetch(checkpoint.cursor), True

    def resume_parsing(self) -> None:
        """Let the next page be parsed now, while the database writes the page in hand."""
        self._may_parse.set()

    def _pages_from(self, fetched: _FetchedPage, *, may_prefetch: bool) -> Iterator[PreparedPage]:
        """Yield this page and the pages fetched ahead of it, until the list or the slice ends."""
        if fetched.page.cursor is None or not may_prefetch or self._run_slice.should_yield():
            yield self._prepare(fetched)
            self._drop(fetched.cursor)
            return
        is_fetched: _Fetching = Future()
        is_fetched.set_result(fetched)
        preparing, following = self._start(is_fetched)
        while prepared := preparing.result():
            self._may_prefetch = not self._run_slice.should_yield()
            self._may_parse.clear()
            preparing, following = self._start(following)
            yield prepared
            self._may_parse.set()
            self._drop(prepared.cursor)

    def _start(self, fetching: _Fetching) -> tuple[Future[PreparedPage | None], _Fetching]:
        """Start two tasks for when a page is fetched: request the page after it, then prepare it."""
        is_requested = Event()
        following = self._threads.submit(self._fetch_after, fetching, is_requested)
        following.add_done_callback(lambda _: is_requested.set())  # whether it was requested or not
        return self._threads.submit(self._prepare_fetched, fetching, is_requested), following

    def _prepare_fetched(self, fetching: _Fetching, is_next_requested: Event) -> PreparedPage | None:
        is_next_requested.wait()
        fetched = fetching.result()
        return self._prepare(fetched) if fetched else None

    def _prepare(self, fetched: _FetchedPage) -> PreparedPage:
        page = fetched.page
        # Without the WMS's clock the stamps tell its time, and only parsed records have stamps.
        if self._run_slice.is_mostly_known and page.clock:
            page = page.identify()
        else:
            self._may_parse.wait()
            page = page.parse()
        return PreparedPage(fetched.cursor, page, make_drafts(page.records, page.sources))

    def _fetch_after(self, fetching: _Fetching, is_requested: Event) -> _FetchedPage | None:
        """Return the page after this one. None if there is none or if it may not be fetched ahead."""
        fetched = fetching.result()
        if fetched is None or fetched.page.cursor is None:
            return None
        if not self._may_prefetch or self._run_slice.deadline_reached:
            return None
        if not response_cache.keep(self._run_slice.run, fetched.cursor, fetched.responses):
            return None
        self._cached.append(fetched.cursor)
        return self._fetch(fetched.page.cursor, is_requested)

    def _fetch_first(self) -> _FetchedPage:
        run, checkpoint = self._run_slice.run, self._run_slice.checkpoint
        fetched = self._fetch(checkpoint.cursor)
        clock = fetched.page.clock
        if self._run_slice.is_new and run.mode != Mode.WINDOW and run.until and clock and clock > run.until:
            # The clock of the WMS has jumped past the end of the window: without an end no change is left out.
            run.until = None
            fetched = self._fetch(checkpoint.cursor)
        return fetched

    def _fetch(self, cursor: Cursor | None, is_requested: Event | None = None) -> _FetchedPage:
        """Return a page, from the responses that a killed worker left or else from the WMS.

        `is_requested` is set when a request has been sent.
        """
        run_slice, client = self._run_slice, self._client
        cached = response_cache.take(run_slice.run, cursor)
        if cached:
            self._cached.append(cursor)
        recording = ResponseRecording(cached, on_sent=is_requested.set if is_requested else None)
        with client.recorded_by(recording):
            page = run_slice.resource.fetch(client, run_slice.fetch_request, cursor)
        client.learned |= page.learned
        return _FetchedPage(cursor, page, recording.responses)

    def _drop(self, cursor: Cursor | None) -> None:
        """Delete the cached responses of a written page."""
        if cursor in self._cached:
            self._cached.remove(cursor)
            response_cache.drop(self._run_slice.run, cursor)
