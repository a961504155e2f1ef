"""What django-q2 calls: functions without arguments that may come late, twice or never."""

import logging
import threading
import time

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils.timezone import now

from . import beats, engine, history, stopping
from .schedule import queue_due
from .services import claim

log = logging.getLogger(__name__)

WORKS_FOR = 20.0  # seconds
BEATS_EVERY = 5.0


def tick() -> None:
    """Insert the runs that fall due in the next minute and a half; once an hour remove what is past its time."""
    moment = now()
    queue_due(moment)
    beats.beat(beats.TICK)
    history.prune_in_turn(moment)


def work() -> None:
    """Work off what is ready for some twenty seconds, several accounts side by side, then end."""
    crew = Crew(time.monotonic() + WORKS_FOR, settings.LANES)
    crew.grow()
    crew.join()


class Crew:
    """Threads that take lanes: each one that found work lets another one look for more."""

    def __init__(self, until: float, size: int) -> None:
        self.until = until
        self.size = size
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []

    def grow(self) -> None:
        """Start one more thread, if there is room and time."""
        with self.lock:
            self.threads = [thread for thread in self.threads if thread.is_alive()]
            if len(self.threads) < self.size and time.monotonic() < self.until:
                thread = threading.Thread(target=self._run, daemon=True)
                self.threads.append(thread)
                thread.start()

    def join(self) -> None:
        """Wait until every thread has ended, and show meanwhile that this worker lives."""
        beat_at = _show_life()
        while alive := [thread for thread in list(self.threads) if thread.is_alive()]:
            alive[0].join(timeout=1)
            if time.monotonic() - beat_at >= BEATS_EVERY:
                beat_at = _show_life()

    def _run(self) -> None:
        try:
            while time.monotonic() < self.until and not stopping.asked() and (claimed := claim()):
                self.grow()
                engine.work(claimed)
        finally:
            connections.close_all()


def _show_life() -> float:
    """Note that this worker lives; a database that fails is no reason to leave the threads alone. Returns the time."""
    try:
        beats.beat_of_process(beats.WORKER)
    except DatabaseError as error:
        log.warning("This worker can't show that it lives at the moment: %s", error)
        connections["default"].close()
    return time.monotonic()
