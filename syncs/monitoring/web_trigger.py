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


_lock = threading.Lock()
_last_check: float | None = None


@receiver(request_finished)
def check_after_response(**kwargs: Any) -> None:
    """Run a watchdog check at most once a minute. The response is sent already, so nobody waits for the check."""
    every: timedelta | None = settings.WEB_WATCHES_EVERY
    if every is None or not _is_due(every):
        return
    try:
        watchdog.check(every=every)
    except Exception:  # A failed check must not fail the request that happened to trigger it.
        log.exception("The watchdog check after a web request failed.")


def _is_due(every: timedelta) -> bool:
    """Return True in one of the process's threads once per `every`."""
    global _last_check
    moment = time.monotonic()
    with _lock:
        if _last_check is not None and moment - _last_check < every.total_seconds():
            return False
        _last_check = moment
        return True
