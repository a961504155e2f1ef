"""A walk through an entity's pages, ahead of what is written: while one page is written, the next one is read and the
one after that is asked for. So the WMS is asked without a pause, as long as reading and writing take less than it does.

What was answered and is not written lies in the spool, so that a killed worker costs one page and not three.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Self

from integrations.connectors.base import Cursor, Page
from integrations.http.client import Client
from integrations.http.recording import RecordedResponses, ResponseRecording
from packr.warehouse.mirror.write_plan import Draft, make_drafts

from ..models import Mode, Phase
from . import response_cache
from .run_slice import RunSlice


@dataclass(frozen=True)
class PreparedPage:
    """A page with what to write of its records. `place` is the cursor that it was asked for with."""

    place: Cursor | None
    page: Page
    drafts: Sequence[Draft]


@dataclass(frozen=True)
class _FetchedPage:
    """A page as it came, and what the WMS answered for it."""

    place: Cursor | None
    page: Page
    told: RecordedResponses


# None: there is no page after the one before, or it is not asked for ahead.
_Asked = Future[_FetchedPage | None]


class PagePrefetcher:
    """The pages of one slice in order, from where the run stands; each is written before the next one is asked of this.

    Raises what the connector raises, once the pages before it are written. Leaving it waits for the question that is
    under way: another worker must not ask beside it.
    """

    def __init__(self, turn: RunSlice, client: Client) -> None:
        self._turn, self._client = turn, client
        self._asker, self._reader = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._goes_on = True
        # Only one thread has the interpreter. A writer that had to wait for it at each of its short questions would
        # keep the database waiting.
        self._has_time = Event()
        self._has_time.set()
        self._asked: _Asked | None = None  # the page after the one in hand
        self._kept: list[Cursor | None] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._goes_on = False
        self._has_time.set()
        for pool in (self._reader, self._asker):
            pool.shutdown(cancel_futures=True)
        for place in self._kept:
            response_cache.drop(self._turn.run, place)

    def __iter__(self) -> Iterator[PreparedPage]:
        drafted: PreparedPage | None = self._first()
        while drafted:
            self._goes_on = not self._turn.gives_way()
            self._has_time.clear()
            following, reading = self._go_on(self._asked) if self._asked else (None, None)
            yield drafted
            self._has_time.set()
            self._drop(drafted.place)
            drafted, self._asked = reading.result() if reading else None, following
            drafted = drafted or self._next()

    def resume_reading(self) -> None:
        """Let the next page be read now, while the database writes the page in hand."""
        self._has_time.set()

    def _first(self) -> PreparedPage:
        turn = self._turn
        fetched = self._fetch(turn.checkpoint.cursor)
        if _is_clock_ahead_of_window(turn, fetched.page):
            turn.run.until = None
            fetched = self._fetch(turn.checkpoint.cursor)
        # The first worker of an incremental chose the moment it ends at; should it die now, the next one chooses
        # another.
        chose = turn.is_new and turn.run.until is not None and turn.run.mode == Mode.INCREMENTAL
        return self._begin(fetched, goes_on=not chose)

    def _next(self) -> PreparedPage | None:
        """The page after the one just written, when none was fetched ahead and the walk and the slice go on."""
        checkpoint = self._turn.checkpoint
        if checkpoint.cursor is None or checkpoint.phase != Phase.READ or self._turn.gives_way():
            return None
        return self._begin(self._fetch(checkpoint.cursor))

    def _begin(self, fetched: _FetchedPage, *, goes_on: bool = True) -> PreparedPage:
        """A page that nothing is fetched ahead of yet."""
        self._goes_on = goes_on and not self._turn.gives_way()
        self._asked = None
        if fetched.page.cursor is None or not self._goes_on:
            return self._draft(fetched)
        is_there: _Asked = Future()
        is_there.set_result(fetched)
        self._asked, reading = self._go_on(is_there)
        drafted = reading.result()
        assert drafted  # what was fetched can be read
        return drafted

    def _go_on(self, asked: _Asked) -> tuple[_Asked, Future[PreparedPage | None]]:
        """As soon as a page is there: ask for the one after it, then read it."""
        is_asked = Event()
        following = self._asker.submit(self._ask_after, asked, is_asked)
        following.add_done_callback(lambda _: is_asked.set())  # however that ends
        return following, self._reader.submit(self._read, asked, is_asked)

    def _read(self, asked: _Asked, is_asked: Event) -> PreparedPage | None:
        """In the reader's thread: what was asked for, once the WMS has the next question to work on."""
        is_asked.wait()
        fetched = asked.result()
        return self._draft(fetched) if fetched else None

    def _draft(self, fetched: _FetchedPage) -> PreparedPage:
        page = fetched.page
        # Without a clock the stamps have to tell the time, and only what was read shows its stamp.
        if self._turn.is_known and page.clock:
            page = page.identify()
        else:
            self._has_time.wait()
            page = page.parse()
        return PreparedPage(fetched.place, page, make_drafts(page.records, page.sources))

    def _ask_after(self, asked: _Asked, is_asked: Event) -> _FetchedPage | None:
        """In the asker's thread: the page after this one, if there is one and it is time for it."""
        fetched = asked.result()
        if fetched is None or not self._may_ask_after(fetched):
            return None
        return self._fetch(fetched.page.cursor, is_asked)

    def _may_ask_after(self, fetched: _FetchedPage) -> bool:
        if fetched.page.cursor is None or not self._goes_on or self._turn.deadline_reached:
            return False
        if not response_cache.keep(self._turn.run, fetched.place, fetched.told):
            return False
        self._kept.append(fetched.place)
        return True

    def _fetch(self, place: Cursor | None, is_asked: Event | None = None) -> _FetchedPage:
        """The page at this place, by what was told to a worker that did not live to write it or by asking the WMS.

        `is_asked` is set when the WMS has been asked.
        """
        recalled = response_cache.take(self._turn.run, place)
        if recalled:
            self._kept.append(place)
        recording = ResponseRecording(recalled, on_sent=is_asked.set if is_asked else None)
        with self._client.recorded_by(recording):
            page = self._turn.resource.fetch(self._client, self._turn.ask, place)
        self._client.learned |= page.learned
        return _FetchedPage(place, page, recording.responses)

    def _drop(self, place: Cursor | None) -> None:
        """Forget what is kept of a page that is written."""
        if place in self._kept:
            self._kept.remove(place)
            response_cache.drop(self._turn.run, place)


def _is_clock_ahead_of_window(turn: RunSlice, page: Page) -> bool:
    """Whether the WMS's clock jumped past the end of what a new run asks for: its last changes would be left out."""
    until = turn.run.until
    if turn.run.mode == Mode.WINDOW:
        return False
    return turn.is_new and until is not None and page.clock is not None and page.clock > until
