"""A django-q2 cluster that can't freeze, and leaves nothing behind.

django-q2 by itself freezes when an idle worker is killed (it held the queue's lock), hangs when its whole process group
is told to stop, and leaves orphans when its parent is killed. So the parent watches progress, keeps its children out of
its own process group, lets them die with it, and starts the cluster anew when it stands still.
"""

import ctypes
import logging
import os
import signal
import time
from collections import deque
from multiprocessing import Value
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections, transaction
from django.utils.timezone import now
from django_q.brokers import get_broker
from django_q.cluster import Cluster
from django_q.models import Schedule
from django_q.signals import post_execute, pre_execute
from redis.exceptions import RedisError

from . import stopping, wakeups
from .models import Lane
from .services import ready_runs

log = logging.getLogger(__name__)

LOOKS_EVERY = 0.25
ASKS_EVERY = 1.0
# A wake-up that is not done by then never will be.
STANDSTILL = settings.WAKE_UP_TIMEOUT + 15
# Work that is ready while no worker holds any lane: they would have taken it within a second.
NOBODY_WORKS = 10.0
STOPS_WITHIN = 40.0
MOST_RESTARTS, RESTARTS_IN = 5, 120.0
FROZEN = 75  # exit code: start me again
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None)


class Supervisor:
    """The parent process of one cluster."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.started, self.done = Value("d", 0.0), Value("d", 0.0)
        self.cluster: Cluster | None = None
        self.idle_since: float | None = None
        self.busy_since: float | None = None
        self.restarts: deque[float] = deque(maxlen=MOST_RESTARTS)

    def run(self) -> int:
        """Until told to stop; returns the exit code."""
        os.register_at_fork(after_in_child=self._in_child)
        pre_execute.connect(self._note_start, weak=False)
        post_execute.connect(self._note_done, weak=False)
        make_tick()
        self._start()
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        wakeups.tick()
        asked_at = 0.0
        while not stopping.asked():
            time.sleep(LOOKS_EVERY)
            if not self._is_well():
                if not self._restart():
                    return FROZEN
            elif time.monotonic() - asked_at >= ASKS_EVERY:
                asked_at = time.monotonic()
                self._look_for_work()
        self._stop()
        return 0

    def _in_child(self) -> None:
        """After every fork: die with the parent, and let signals to the parent's group reach only the parent."""
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == self.pid:
            os.setpgid(0, 0)

    def _note_start(self, **kwargs: Any) -> None:
        self.started.value = time.monotonic()

    def _note_done(self, **kwargs: Any) -> None:
        self.done.value = time.monotonic()

    def _ask_to_stop(self, *args: Any) -> None:
        stopping.ask()

    def _start(self) -> None:
        connections.close_all()  # a connection must not cross the fork
        handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        self.cluster = Cluster()
        self.idle_since = self.busy_since = None
        self.cluster.start()
        signal.signal(signal.SIGTERM, handlers[0])
        signal.signal(signal.SIGINT, handlers[1])

    def _is_well(self) -> bool:
        assert self.cluster is not None
        if not self.cluster.sentinel.is_alive():
            log.error("The cluster's guard process died; the cluster is started anew.")
            return False
        moment = time.monotonic()
        if self.busy_since and moment - max(self.busy_since, self.done.value) > STANDSTILL:
            log.error("No background task was finished for %s s; the cluster is started anew.", STANDSTILL)
            return False
        if self.idle_since and moment - max(self.idle_since, self.started.value) > NOBODY_WORKS:
            log.error("Work was ready for %s s and no worker took it; the cluster is started anew.", NOBODY_WORKS)
            return False
        return True

    def _look_for_work(self) -> None:
        """Send a wake-up when a run is ready and none is on its way; note since when nothing moves."""
        try:
            moment = now()
            ready = ready_runs(moment).exists()
            queued = get_broker().queue_size()
            if ready and not queued:
                wakeups.wake()
            nobody = ready and not Lane.objects.filter(leased_until__gt=moment).exists()
            self.idle_since = (self.idle_since or time.monotonic()) if nobody else None
            busy = queued > 0 or self.started.value > self.done.value
            self.busy_since = (self.busy_since or time.monotonic()) if busy else None
        except (DatabaseError, OSError, RedisError) as error:
            log.warning("The database or the broker can't be asked for work at the moment: %s", error)
            connections.close_all()

    def _restart(self) -> bool:
        """Start the cluster anew; False when that was of no use too often."""
        moment = time.monotonic()
        if len(self.restarts) == MOST_RESTARTS and moment - self.restarts[0] < RESTARTS_IN:
            log.error("The cluster was started anew %s times and still stands; giving up.", MOST_RESTARTS)
            self._kill()
            return False
        self.restarts.append(moment)
        self._kill()
        self._start()
        return True

    def _kill(self) -> None:
        assert self.cluster is not None
        sentinel = self.cluster.sentinel
        try:
            os.killpg(sentinel.pid, signal.SIGKILL)
        except ProcessLookupError:
            log.info("The cluster's processes are gone already.")
        sentinel.join(5)

    def _stop(self) -> None:
        """Let the pages in hand be written, then end; what hangs is killed."""
        assert self.cluster is not None
        signal.signal(signal.SIGALRM, lambda *args: self._kill())
        signal.setitimer(signal.ITIMER_REAL, STOPS_WITHIN)
        self.cluster.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)


def make_tick() -> None:
    """See to it that django-q2 runs the tick every minute: one schedule, whatever was there before."""
    tick = {"func": "syncs.tasks.tick", "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1}
    with transaction.atomic():
        schedule, _ = Schedule.objects.update_or_create(name="tick", defaults=tick)
        Schedule.objects.filter(func=tick["func"]).exclude(pk=schedule.pk).delete()
