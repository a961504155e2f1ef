"""Watchdog checks after web requests: the web process is up even when no worker is."""

import logging
import threading
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.signals import request_finished
from django.dispatch import receiver

from . import watchdog

log = logging.getLogger(__name__)


class Throttle:
    """Lets one of many threads pass once per interval."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.last: float | None = None

    def is_due(self, every: timedelta) -> bool:
        """Return whether `every` has passed since this last returned True."""
        moment = time.monotonic()
        with self.lock:
            if self.last is not None and moment - self.last < every.total_seconds():
                return False
            self.last = moment
            return True


throttle = Throttle()


@receiver(request_finished)
def check_after_response(**kwargs: Any) -> None:
    """Run a watchdog check at most once a minute. The response is sent already, so nobody waits for the check."""
    every: timedelta | None = settings.WEB_WATCHES_EVERY
    if every is None or not throttle.is_due(every):
        return
    try:
        watchdog.check(every=every)
    except Exception:  # A failed check must not fail the request that happened to trigger it.
        log.exception("The watchdog check after a web request failed.")
