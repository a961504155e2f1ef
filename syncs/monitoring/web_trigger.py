"""Every web request is an occasion to look after the syncs: the web is up when no worker is."""

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
    """Lets one of many threads through once in a while."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.last: float | None = None

    def is_due(self, every: timedelta) -> bool:
        moment = time.monotonic()
        with self.lock:
            if self.last is not None and moment - self.last < every.total_seconds():
                return False
            self.last = moment
            return True


throttle = Throttle()


@receiver(request_finished)
def check_after_response(**kwargs: Any) -> None:
    """Check once a minute, when the answer is on its way already: nobody waits for it, and no request fails by it."""
    every: timedelta | None = settings.WEB_WATCHES_EVERY
    if every is None or not throttle.is_due(every):
        return
    try:
        watchdog.check(every=every)
    except Exception:  # whatever it is, it was not this request's doing
        log.exception("The watchdog could not look after the syncs.")
