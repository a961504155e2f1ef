"""Several lanes side by side in one worker: threads that take runs and rest while there are none."""

import logging
import threading
import time

from django.db import DatabaseError, connections

from ..process import heartbeats, shutdown
from ..runs.claims import claim
from . import runner

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = 5.0
POLL_INTERVAL = 1.0


class WorkerPool:
    """Threads that take lanes until a moment (monotonic): each one that finds work lets another one look for more.

    One that finds nothing rests until it is called again: it keeps its session with the database, and to make a new
    one would cost as much as a run. When all of them rest there is nothing to do, and the crew ends.
    """

    def __init__(self, until: float, size: int) -> None:
        self.until, self.size = until, size
        self.changed = threading.Condition()
        self.there = self.resting = self.calls = 0
        self.threads: list[threading.Thread] = []
        self.is_over = False

    def work(self) -> None:
        """Begin with one thread, and show until the end that this worker lives."""
        self.call()
        beat_at = _record_heartbeat()
        while not self._ends_within(POLL_INTERVAL):
            # Who rests is called by those that find work, and they may be busy for a whole slice.
            self.call()
            if time.monotonic() - beat_at >= HEARTBEAT_INTERVAL:
                beat_at = _record_heartbeat()
        for thread in self.threads:
            thread.join()

    def call(self) -> None:
        """Let one more look for work: one that rests or, if there is room and time, a new one."""
        with self.changed:
            if self.is_over or not self._is_time():
                return
            if self.resting > self.calls:
                self.calls += 1
                self.changed.notify_all()
            elif not self.calls and self.there < self.size:
                self.threads.append(threading.Thread(target=self._run, daemon=True))
                self.threads[-1].start()
                self.there += 1

    def _ends_within(self, seconds: float) -> bool:
        with self.changed:
            if not self._is_time():
                self._end()
            return self.changed.wait_for(lambda: not self.there, seconds)

    def _is_time(self) -> bool:
        return time.monotonic() < self.until and not shutdown.is_requested()

    def _run(self) -> None:
        try:
            while self._is_time():
                if claimed := claim():
                    self.call()
                    runner.work(claimed)
                elif not self._rest():
                    break
        finally:
            connections.close_all()
            self._leave()

    def _rest(self) -> bool:
        """Wait for a call; False when there is nothing more to do."""
        with self.changed:
            self.resting += 1
            if self.resting == self.there:
                self._end()
            self.changed.wait_for(lambda: self.calls or self.is_over)
            self.resting -= 1
            if self.is_over:
                return False
            self.calls -= 1
        return True

    def _leave(self) -> None:
        with self.changed:
            self.there -= 1
            if self.resting == self.there:
                self._end()
            self.changed.notify_all()

    def _end(self) -> None:
        self.is_over = True
        self.changed.notify_all()


def _record_heartbeat() -> float:
    """Note that this worker lives; a database that fails is no reason to leave the threads alone. Returns the time."""
    try:
        heartbeats.record_process(heartbeats.WORKER)
    except DatabaseError as error:
        log.warning("This worker can't show that it lives at the moment: %s", error)
        connections["default"].close()
    return time.monotonic()
