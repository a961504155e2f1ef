"""Wake-ups: messages without content that make a worker look at the table of runs.

Lost, late or doubled ones cost nothing: the tick and the once-a-second look of `qcluster` find what is due anyway.
"""

import logging

from django_q.tasks import async_task

log = logging.getLogger(__name__)


def wake() -> None:
    """Ask the cluster to look for work at once. A broker that is down delays the start, it does not lose the run."""
    try:
        async_task("syncs.tasks.work", q_options={"save": False})
    except OSError as error:  # redis.ConnectionError is one too
        log.warning("The message broker can't be reached (%s); the run starts with the next tick.", error)
