"""What django-q2 calls: functions without arguments that may come late, twice or never."""

import time

from django.conf import settings
from django.utils.timezone import now

from packr.warehouse import actions

from .engine.worker_pool import Crew
from .monitoring import retention
from .process import heartbeats
from .runs.planner import queue_due

WORKS_FOR = 20.0  # seconds


def tick() -> None:
    """Insert the runs that fall due in the next minute and a half; once an hour remove what is past its time."""
    moment = now()
    queue_due(moment)
    heartbeats.beat(heartbeats.TICK)
    retention.prune_in_turn(moment)


def work() -> None:
    """Work off what is ready for some twenty seconds, several accounts side by side, then end."""
    Crew(time.monotonic() + WORKS_FOR, settings.LANES).work()


def settle() -> None:
    """Find out what became of the actions that are due to be looked after."""
    actions.settle(seconds=WORKS_FOR)
