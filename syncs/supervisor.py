"""A django-q2 cluster that can't freeze, and leaves nothing behind.

django-q2 by itself freezes when an idle worker is killed (it held the queue's lock), hangs when its whole process group
is told to stop, and leaves orphans when its parent is killed. So the parent watches progress, keeps its children out of
its own process group, lets them die with it, and starts the cluster anew when it stands still.
"""

import ctypes
import logging
import os
import signal
import socket
import time
from collections import deque
from multiprocessing import Value
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils.timezone import now
from django_q.brokers import get_broker
from django_q.cluster import Cluster
from django_q.signals import post_execute, pre_execute
from redis.exceptions import RedisError

from .models import Lane
from .monitoring import watchdog
from .process import heartbeats, shutdown, wakeups
from .process.tick_schedule import ensure
from .runs import sql

log = logging.getLogger(__name__)

POLL_INTERVAL = 0.25
READY_CHECK_INTERVAL = 1.0
WATCHDOG_INTERVAL = 15.0
# A wake-up that is not done by then never will be.
FROZEN_AFTER = settings.WAKE_UP_TIMEOUT + 15
# Work that is ready while no worker holds any lane: they would have taken it within a second.
NOBODY_WORKS = 10.0
STOP_TIMEOUT = 40.0
# Told to stop, and no worker holds a lane any more: then django-q2 itself hangs, for instance on a dead monitor's lock.
KILL_AFTER = 5.0
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
        self.watched_at = time.monotonic()

    def run(self) -> int:
        """Until told to stop; returns the exit code."""
        os.register_at_fork(after_in_child=self._in_child)
        pre_execute.connect(self._note_start, weak=False)
        post_execute.connect(self._note_done, weak=False)
        ensure(now())
        heartbeats.record_process(heartbeats.CLUSTER)
        self._start()
        if not shutdown.is_requested():
            wakeups.tick()
        asked_at = 0.0
        while not shutdown.is_requested():
            time.sleep(POLL_INTERVAL)
            if not self._is_well():
                if not self._restart():
                    return FROZEN
            elif time.monotonic() - asked_at >= READY_CHECK_INTERVAL:
                asked_at = time.monotonic()
                self._look_for_work()
                self._watch_in_turn()
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
        shutdown.request()

    def _listen(self) -> None:
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)

    def _start(self) -> None:
        """Start a cluster as soon as the broker answers; none when told to stop before that."""
        self._listen()
        self._wait_for_broker()
        if shutdown.is_requested():
            return
        connections.close_all()  # a connection must not cross the fork
        self.cluster = Cluster()
        # In place of its own handlers, before it forks: being told to stop while it starts must not be lost.
        self._listen()
        self.idle_since = self.busy_since = None
        try:
            self.cluster.start()
        except RuntimeError as error:  # the broker went away just now; the next look finds a cluster that died
            log.error("The cluster could not start: %s", error)

    def _wait_for_broker(self) -> None:
        """Until the broker answers or this process is told to stop; without it a cluster would end at once."""
        is_told = False
        while not shutdown.is_requested():
            try:
                get_broker().queue_size()
            except (DatabaseError, OSError, RedisError) as error:
                if not is_told:
                    log.warning(
                        "The message broker can't be reached (%s). The cluster starts once it is back; until then what "
                        "is due waits, and nothing is lost.",
                        error,
                    )
                is_told = True
                connections.close_all()
            else:
                if is_told:
                    log.info("The message broker is back; the cluster starts.")
                return
            time.sleep(READY_CHECK_INTERVAL)
            self._watch_in_turn()

    def _is_well(self) -> bool:
        assert self.cluster is not None
        if not self.cluster.sentinel.is_alive():
            log.error("The cluster's guard process died; the cluster is started anew.")
            return False
        moment = time.monotonic()
        if self.busy_since and moment - max(self.busy_since, self.done.value) > FROZEN_AFTER:
            log.error("No background task was finished for %s s; the cluster is started anew.", FROZEN_AFTER)
            return False
        if self.idle_since and moment - max(self.idle_since, self.started.value) > NOBODY_WORKS:
            log.error("Work was ready for %s s and no worker took it; the cluster is started anew.", NOBODY_WORKS)
            return False
        return True

    def _look_for_work(self) -> None:
        """Send a wake-up when a run is ready and none is on its way; note since when nothing moves."""
        try:
            moment = now()
            ready = sql.is_any_ready(moment)
            queued = get_broker().queue_size()
            if ready and not queued:
                wakeups.wake()
            nobody = ready and not Lane.objects.filter(leased_until__gt=moment).exists()
            self.idle_since = (self.idle_since or time.monotonic()) if nobody else None
            busy = queued > 0 or self.started.value > self.done.value
            self.busy_since = (self.busy_since or time.monotonic()) if busy else None
        except (DatabaseError, OSError, RedisError) as error:
            log.warning("The database or the broker can't be asked for work at the moment: %s", error)
            self.idle_since = self.busy_since = None  # nobody can work now, and the cluster's workers are not why
            connections.close_all()

    def _watch_in_turn(self) -> None:
        if time.monotonic() - self.watched_at >= WATCHDOG_INTERVAL:
            self.watched_at = time.monotonic()
            self._watch()

    def _watch(self) -> None:
        """Show that this process lives, and look after everything that should run."""
        began = time.monotonic()
        try:
            heartbeats.record_process(heartbeats.CLUSTER)
            watchdog.check()
        except DatabaseError as error:
            log.warning("The database can't be asked for what should have run at the moment: %s", error)
            connections.close_all()
        except Exception:  # a fault of the watchdog must not end the workers
            log.exception("The watchdog could not look after the syncs.")
            connections.close_all()
        self._overlook(time.monotonic() - began)

    def _overlook(self, seconds: float) -> None:
        """For so long nobody looked whether the cluster works: that time must not pass for a standstill."""
        self.idle_since = self.idle_since + seconds if self.idle_since else None
        self.busy_since = self.busy_since + seconds if self.busy_since else None

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
        if self.cluster is None:
            return
        sentinel = self.cluster.sentinel
        self.cluster.stop_event.set()
        asked = worked = time.monotonic()
        while sentinel.is_alive():
            sentinel.join(POLL_INTERVAL)
            moment = time.monotonic()
            if self._works():
                worked = moment
            if moment - asked > STOP_TIMEOUT or moment - worked > KILL_AFTER:
                log.warning("The cluster did not end by itself; it is killed. Nothing is lost by that.")
                self._kill()

    def _works(self) -> bool:
        """Whether a worker of this machine holds a lane."""
        held = Lane.objects.filter(leased_until__gt=now(), worker__startswith=f"{socket.gethostname()}:")
        try:
            return held.exists()
        except DatabaseError:
            return False  # then no page can be written either
