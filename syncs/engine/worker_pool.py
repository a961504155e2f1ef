"""Several lanes in one worker: threads that claim runs and sleep while there are none."""

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
    """Threads that claim runs until a deadline (monotonic). Each one that finds a run wakes or starts another one.

    A thread that finds none sleeps until it is woken. It keeps its database session, since a new one costs as much as a
    run. When all threads sleep there is nothing to do, and the pool ends.
    """

    def __init__(self, until: float, size: int) -> None:
        self.until, self.size = until, size
        self.changed = threading.Condition()
        self.alive = self.sleeping = self.wake_ups = 0
        self.threads: list[threading.Thread] = []
        self.is_over = False

    def work(self) -> None:
        """Start with one thread and record heartbeats until all threads have ended."""
        self.wake()
        beat_at = _record_heartbeat()
        while not self._ends_within(POLL_INTERVAL):
            # Sleeping threads are woken by those that find work, but these may be busy for a whole slice.
            self.wake()
            if time.monotonic() - beat_at >= HEARTBEAT_INTERVAL:
                beat_at = _record_heartbeat()
        for thread in self.threads:
            thread.join()

    def wake(self) -> None:
        """Let one more thread look for work: a sleeping one or, if there is room and time, a new one."""
        with self.changed:
            if self.is_over or not self._has_time():
                return
            if self.sleeping > self.wake_ups:
                self.wake_ups += 1
                self.changed.notify_all()
            elif not self.wake_ups and self.alive < self.size:
                self.threads.append(threading.Thread(target=self._run, daemon=True))
                self.threads[-1].start()
                self.alive += 1

    def _ends_within(self, seconds: float) -> bool:
        with self.changed:
            if not self._has_time():
                self._end()
            return self.changed.wait_for(lambda: not self.alive, seconds)

    def _has_time(self) -> bool:
        return time.monotonic() < self.until and not shutdown.is_requested()

    def _run(self) -> None:
        try:
            while self._has_time():
                if claimed := claim():
                    self.wake()
                    runner.work(claimed)
                elif not self._sleep():
                    break
        finally:
            connections.close_all()
            self._leave()

    def _sleep(self) -> bool:
        """Wait to be woken. Return False if the pool has ended."""
        with self.changed:
            self.sleeping += 1
            if self.sleeping == self.alive:
                self._end()
            self.changed.wait_for(lambda: self.wake_ups or self.is_over)
            self.sleeping -= 1
            if self.is_over:
                return False
            self.wake_ups -= 1
        return True

    def _leave(self) -> None:
        with self.changed:
            self.alive -= 1
            if self.sleeping == self.alive:
                self._end()
            self.changed.notify_all()

    def _end(self) -> None:
        self.is_over = True
        self.changed.notify_all()


def _record_heartbeat() -> float:
    """Record that this worker is alive and return the time. A database error must not end the threads."""
    try:
        heartbeats.record_process(heartbeats.WORKER)
    except DatabaseError as error:
        log.warning("This worker can't record its heartbeat at the moment: %s", error)
        connections["default"].close()
    return time.monotonic()
