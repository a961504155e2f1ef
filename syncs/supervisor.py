"""A django-q2 cluster that recovers from freezes and leaves no processes behind.

django-q2 alone freezes when an idle worker is killed while it holds the queue's lock, hangs when its process group is
asked to stop, and leaves orphans when its parent is killed. So the parent watches the cluster's progress, keeps
its children in another process group, lets them die with it, and restarts a cluster that makes no progress.
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
# A wake-up that takes longer is frozen.
FROZEN_AFTER_SECONDS = settings.WAKE_UP_TIMEOUT + 15
# A cluster that leaves ready runs untouched for this long is frozen; working ones claim them within a second.
IDLE_LIMIT_SECONDS = 10.0
STOP_TIMEOUT = 40.0
# Once no worker holds a lane, a stopping cluster that takes longer hangs, for instance on a dead monitor's lock.
KILL_AFTER_SECONDS = 5.0
MAX_RESTARTS, RESTART_PERIOD = 5, 120.0
FROZEN_EXIT_CODE = 75  # asks the process manager for a restart
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
        self.restarts: deque[float] = deque(maxlen=MAX_RESTARTS)
        self.watched_at = time.monotonic()

    def run(self) -> int:
        """Supervise the cluster until told to stop. Return the exit code."""
        os.register_at_fork(after_in_child=self._in_child)
        pre_execute.connect(self._record_start, weak=False)
        post_execute.connect(self._record_end, weak=False)
        ensure(now())
        heartbeats.record_process(heartbeats.CLUSTER)
        self._start()
        if not shutdown.is_requested():
            wakeups.tick()
        checked_at = 0.0
        while not shutdown.is_requested():
            time.sleep(POLL_INTERVAL)
            if not self._is_healthy():
                if not self._restart():
                    return FROZEN_EXIT_CODE
            elif time.monotonic() - checked_at >= READY_CHECK_INTERVAL:
                checked_at = time.monotonic()
                self._send_wake_up()
                self._watch_if_due()
        self._stop()
        return 0

    def _in_child(self) -> None:
        """Let a forked child die with the parent, in its own group so that signals reach only the parent."""
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == self.pid:
            os.setpgid(0, 0)

    def _record_start(self, **kwargs: Any) -> None:
        self.started.value = time.monotonic()

    def _record_end(self, **kwargs: Any) -> None:
        self.done.value = time.monotonic()

    def _request_stop(self, *args: Any) -> None:
        shutdown.request()

    def _listen(self) -> None:
        signal.signal(signal.SIGTERM, self._request_stop)
        signal.signal(signal.SIGINT, self._request_stop)

    def _start(self) -> None:
        """Start a cluster as soon as the broker responds, unless told to stop before that."""
        self._listen()
        self._wait_for_broker()
        if shutdown.is_requested():
            return
        connections.close_all()  # a connection must not cross the fork
        self.cluster = Cluster()
        # Replace the cluster's own signal handlers before it forks, so that no stop signal is lost while it starts.
        self._listen()
        self.idle_since = self.busy_since = None
        try:
            self.cluster.start()
        except RuntimeError as error:  # the broker has just gone away; the next check finds a dead cluster
            log.error("The cluster could not start: %s", error)

    def _wait_for_broker(self) -> None:
        """Wait until the broker responds or this process is asked to stop; a cluster without a broker ends."""
        has_warned = False
        while not shutdown.is_requested():
            try:
                get_broker().queue_size()
            except (DatabaseError, OSError, RedisError) as error:
                if not has_warned:
                    log.warning(
                        "The message broker can't be reached (%s). The cluster starts once it is back. Due runs wait "
                        "until then, and nothing is lost.",
                        error,
                    )
                has_warned = True
                connections.close_all()
            else:
                if has_warned:
                    log.info("The message broker is back; the cluster starts.")
                return
            time.sleep(READY_CHECK_INTERVAL)
            self._watch_if_due()

    def _is_healthy(self) -> bool:
        assert self.cluster is not None
        if not self.cluster.sentinel.is_alive():
            log.error("The cluster's guard process died; restarting the cluster.")
            return False
        moment = time.monotonic()
        if self.busy_since and moment - max(self.busy_since, self.done.value) > FROZEN_AFTER_SECONDS:
            log.error("No background task was finished for %s s; restarting the cluster.", FROZEN_AFTER_SECONDS)
            return False
        if self.idle_since and moment - max(self.idle_since, self.started.value) > IDLE_LIMIT_SECONDS:
            log.error("No worker claimed a ready run for %s s; restarting the cluster.", IDLE_LIMIT_SECONDS)
            return False
        return True

    def _send_wake_up(self) -> None:
        """Send a wake-up if a run is ready and none is queued. Record since when there has been no progress."""
        try:
            moment = now()
            ready = sql.is_any_ready(moment)
            queued = get_broker().queue_size()
            if ready and not queued:
                wakeups.wake()
            is_idle = ready and not Lane.objects.filter(leased_until__gt=moment).exists()
            self.idle_since = (self.idle_since or time.monotonic()) if is_idle else None
            is_busy = queued > 0 or self.started.value > self.done.value
            self.busy_since = (self.busy_since or time.monotonic()) if is_busy else None
        except (DatabaseError, OSError, RedisError) as error:
            log.warning("The database or the broker can't be reached at the moment: %s", error)
            self.idle_since = self.busy_since = None  # no worker can work now, which is not the fault of the cluster
            connections.close_all()

    def _watch_if_due(self) -> None:
        if time.monotonic() - self.watched_at >= WATCHDOG_INTERVAL:
            self.watched_at = time.monotonic()
            self._watch()

    def _watch(self) -> None:
        """Record a heartbeat and run the watchdog."""
        began = time.monotonic()
        try:
            heartbeats.record_process(heartbeats.CLUSTER)
            watchdog.check()
        except DatabaseError as error:
            log.warning("The watchdog can't reach the database at the moment: %s", error)
            connections.close_all()
        except Exception:  # an error in the watchdog must not end the workers
            log.exception("The watchdog failed.")
            connections.close_all()
        self._discount(time.monotonic() - began)

    def _discount(self, seconds: float) -> None:
        """Exclude time in which the cluster was not observed from the time without progress."""
        self.idle_since = self.idle_since + seconds if self.idle_since else None
        self.busy_since = self.busy_since + seconds if self.busy_since else None

    def _restart(self) -> bool:
        """Restart the cluster. Return False after too many restarts in a short time."""
        moment = time.monotonic()
        if len(self.restarts) == MAX_RESTARTS and moment - self.restarts[0] < RESTART_PERIOD:
            log.error("The cluster was restarted %s times and still makes no progress; giving up.", MAX_RESTARTS)
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
            log.info("The cluster's processes have ended already.")
        sentinel.join(5)

    def _stop(self) -> None:
        """Let the workers finish their pages, then end the cluster. Kill it if it hangs."""
        if self.cluster is None:
            return
        sentinel = self.cluster.sentinel
        self.cluster.stop_event.set()
        stop_requested = last_worked = time.monotonic()
        while sentinel.is_alive():
            sentinel.join(POLL_INTERVAL)
            moment = time.monotonic()
            if self._is_working():
                last_worked = moment
            if moment - stop_requested > STOP_TIMEOUT or moment - last_worked > KILL_AFTER_SECONDS:
                log.warning("The cluster did not stop and is killed. No data is lost.")
                self._kill()

    def _is_working(self) -> bool:
        """Return whether a worker of this machine holds a lane."""
        held = Lane.objects.filter(leased_until__gt=now(), worker__startswith=f"{socket.gethostname()}:")
        try:
            return held.exists()
        except DatabaseError:
            return False  # then no page can be written either
