"""Wake-ups: messages without content that make a worker look for due runs.

Lost, late or duplicate ones do no harm: the tick and the check of `qcluster` every second find due runs anyway.
"""

import logging

from django.db import DatabaseError
from django_q.brokers import get_broker
from django_q.tasks import async_task
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


def wake() -> None:
    """Ask the cluster to look for due runs immediately. If the broker is down, the run starts later.

    Sends nothing if a message is queued already: then no worker is free, and a second one would only delay the tick.
    """
    _send("syncs.tasks.work", unless_queued=True)


def tick() -> None:
    """Ask the cluster to plan due runs now, before the next minute."""
    _send("syncs.tasks.tick")


def settle() -> None:
    """Ask the cluster to reconcile unknown actions."""
    _send("syncs.tasks.settle", unless_queued=True)


def _send(task: str, *, unless_queued: bool = False) -> None:
    try:
        if not (unless_queued and get_broker().queue_size()):
            async_task(task, save=False)
    except (OSError, RedisError, DatabaseError) as error:
        log.warning("The message broker can't be reached (%s). The next tick finds due runs.", error)
