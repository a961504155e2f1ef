"""Wake-ups: messages without content that make a worker look at the table of runs.

Lost, late or doubled ones cost nothing: the tick and the once-a-second look of `qcluster` find what is due anyway.
"""

import logging

from django.db import DatabaseError
from django_q.brokers import get_broker
from django_q.tasks import async_task
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


def wake() -> None:
    """Ask the cluster to look for work at once. A broker that is down delays the start, it does not lose the run.

    Where a message waits already nobody is free, and a second one would only stand before the next tick.
    """
    _send("syncs.tasks.work", unless_queued=True)


def tick() -> None:
    """Ask the cluster to plan what falls due, without waiting for the minute."""
    _send("syncs.tasks.tick")


def settle() -> None:
    """Ask the cluster to find out what became of actions whose answer was lost."""
    _send("syncs.tasks.settle", unless_queued=True)


def _send(task: str, *, unless_queued: bool = False) -> None:
    try:
        if not (unless_queued and get_broker().queue_size()):
            async_task(task, save=False)
    except (OSError, RedisError, DatabaseError) as error:
        log.warning("The message broker can't be reached (%s); what is due is found with the next tick.", error)
