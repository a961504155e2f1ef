"""The threads of a worker: how many look for work, when they sleep, and when they end."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncs.engine import worker_pool
from syncs.engine.worker_pool import WorkerPool
from syncs.process import shutdown

LONG = 60.0  # seconds; no test takes that long unless it hangs


class Work:
    """A sequence of numbered jobs that replaces the table of runs. `hold` is called with each job."""

    def __init__(self, pieces: int, hold: Callable[[int], None] = lambda piece: None) -> None:
        self.left, self.hold = list(range(pieces)), hold
        self.done: list[int] = []
        self.threads: set[int] = set()
        self.closed = 0

    def claim(self) -> Any:
        self.threads.add(threading.get_ident())
        return (self.left.pop(),) if self.left else None

    def work(self, claimed: tuple[int]) -> None:
        self.hold(claimed[0])
        self.done.append(claimed[0])


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Work], Work]]:
    def give(work: Work) -> Work:
        monkeypatch.setattr(worker_pool, "claim", work.claim)
        monkeypatch.setattr(worker_pool.runner, "work", work.work)
        monkeypatch.setattr(worker_pool, "_record_heartbeat", time.monotonic)
        monkeypatch.setattr(worker_pool, "POLL_INTERVAL", 0.01)
        return work

    yield give
    shutdown.request(False)


def until_done(size: int) -> WorkerPool:
    """Run a pool to its end."""
    working = WorkerPool(time.monotonic() + LONG, size)
    working.work()
    assert (working.alive, working.sleeping) == (0, 0)
    return working


def test_pool_runs_everything_and_ends(given: Callable[[Work], Work]) -> None:
    work = given(Work(50))
    until_done(4)
    assert sorted(work.done) == list(range(50))


def test_pool_ends_immediately_without_work(given: Callable[[Work], Work]) -> None:
    work = given(Work(0))
    until_done(4)
    assert len(work.threads) == 1


def test_pool_runs_as_many_threads_as_lanes(given: Callable[[Work], Work]) -> None:
    side_by_side = threading.Barrier(4, timeout=LONG)
    work = given(Work(8, hold=lambda piece: void(side_by_side.wait())))
    until_done(4)
    assert len(work.done) == 8
    assert len(work.threads) == 4


def test_sleeping_thread_is_woken_for_new_work(given: Callable[[Work], Work]) -> None:
    """While one thread is busy, a sleeping one takes new work."""
    came = threading.Event()

    def hold(piece: int) -> None:
        if piece == 0:
            work.left += [1, 2, 3]
            assert came.wait(LONG)
        elif not work.left:
            came.set()

    work = given(Work(1, hold=hold))
    until_done(2)
    assert work.done == [3, 2, 1, 0]
    assert len(work.threads) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_failed_thread_does_not_block_the_end(given: Callable[[Work], Work]) -> None:
    def hold(piece: int) -> None:
        if piece % 3 == 0:
            raise ValueError

    work = given(Work(30, hold=hold))
    working = WorkerPool(time.monotonic() + LONG, 4)
    working.work()
    assert working.alive == 0
    assert {piece % 3 for piece in work.done} <= {1, 2}


def test_pool_claims_nothing_after_stop_request(given: Callable[[Work], Work]) -> None:
    work = given(Work(50, hold=lambda piece: shutdown.request()))
    until_done(1)
    assert len(work.done) == 1


def test_pool_claims_nothing_after_its_deadline(given: Callable[[Work], Work]) -> None:
    work = given(Work(50))
    working = WorkerPool(time.monotonic(), 4)
    working.work()
    assert work.done == []


def void(result: object) -> None:
    """Ignore a result."""
