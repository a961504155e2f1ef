"""Pacing: keeps the reads of a client below the WMS's rate limit."""

import time


class Pacing:
    """A limit of reads per second, or none."""

    def __init__(self, reads_per_second: float | None = None) -> None:
        self._interval = 1 / reads_per_second if reads_per_second else 0.0
        self._next_at = 0.0

    def wait(self) -> None:
        """Sleep until the next read is due: a fraction of a second at most. Longer waits are states of the run."""
        if not self._interval:
            return
        now = time.monotonic()
        if self._next_at > now:
            time.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._interval
