"""What django-q2 calls: functions without arguments that may come late, twice or never."""

import time

from django.conf import settings
from django.utils.timezone import now

from packr.warehouse import actions

from .engine.worker_pool import WorkerPool
from .monitoring import retention
from .process import heartbeats
from .runs.planner import queue_due

WORK_SECONDS = 20.0  # seconds


def tick() -> None:
    """Insert the runs that fall due in the next minute and a half; once an hour remove what is past its time."""
    moment = now()
    queue_due(moment)
    heartbeats.record(heartbeats.TICK)
    retention.prune_if_due(moment)


def work() -> None:
    """Work off what is ready for some twenty seconds, several accounts side by side, then end."""
    WorkerPool(time.monotonic() + WORK_SECONDS, settings.LANES).work()


def settle() -> None:
    """Find out what became of the actions that are due to be looked after."""
    actions.settle(seconds=WORK_SECONDS)
