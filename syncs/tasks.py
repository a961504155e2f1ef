"""The tasks of django-q2: functions without arguments that may run late, twice or never."""

import time

from django.conf import settings
from django.utils.timezone import now

from packr.warehouse import actions

from .engine.worker_pool import WorkerPool
from .monitoring import retention
from .process import heartbeats
from .runs.planner import queue_due

WORK_SECONDS = 20.0


def tick() -> None:
    """Insert the runs that fall due in the next 90 seconds. Prune old data once an hour."""
    moment = now()
    queue_due(moment)
    heartbeats.record(heartbeats.TICK)
    retention.prune_if_due(moment)


def work() -> None:
    """Run due syncs of several accounts in parallel for about 20 seconds."""
    WorkerPool(time.monotonic() + WORK_SECONDS, settings.LANES).work()


def settle() -> None:
    """Reconcile the unknown actions that are due."""
    actions.settle(seconds=WORK_SECONDS)
