"""Wake-ups through Redis.

While Redis is down, requests stay in the table of runs and a starting cluster waits. Once it is back, work resumes
within about ten seconds, the time that django-q2 sleeps between two tries.
"""

from typing import Any

import redis
from django.conf import settings
from django_q.brokers import redis_broker
from redis.backoff import NoBackoff
from redis.retry import Retry


class Redis(redis_broker.Redis):  # type: ignore[misc]  # django-q2 has no types
    """django-q2's broker without retries, so that nobody who requests a sync waits for a Redis that is down.

    By default the client would try eleven times, for up to five seconds each.
    """

    @staticmethod
    def get_connection(list_key: str | None = None) -> Any:
        """Return a client that fails immediately and waits for a response only as long as a blocking read takes."""
        return redis.Redis.from_url(
            settings.Q_BROKER_URL, socket_connect_timeout=2, socket_timeout=3, retry=Retry(NoBackoff(), 0)
        )
