"""How wake-ups travel through Redis.

While it is away requests are kept in the table of runs, and a cluster that starts waits for it. Once it is back, work
goes on within some ten seconds: so long does django-q2 sleep before it asks again.
"""

from typing import Any

import redis
from django.conf import settings
from django_q.brokers import redis_broker
from redis.backoff import NoBackoff
from redis.retry import Retry


class Redis(redis_broker.Redis):  # type: ignore[misc]  # django-q2 has no types
    """django-q2's, without patience: a Redis that is down must not hold up the person who asked for a sync.

    By itself the client would try eleven times, for up to five seconds each.
    """

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        """A client that fails at once, and waits for an answer no longer than a blocking read takes."""
        return redis.Redis.from_url(
            settings.Q_BROKER_URL, socket_connect_timeout=2, socket_timeout=3, retry=Retry(NoBackoff(), 0)
        )
