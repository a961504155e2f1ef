"""When Packr looks again for the outcome of an action whose answer was lost."""

from datetime import datetime, timedelta

# How long after each other; the last goes on until the doubt is given up.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600))
LONGEST_DOUBT = timedelta(hours=24)
# So long may the same be sent once more, where that does no harm; what comes later would surprise.
REPEATS_FOR = timedelta(minutes=15)
# So long has a process to find out about one action before another may.
LEASE = timedelta(minutes=2)


def next_look(asked_at: datetime, looks: int, now: datetime) -> datetime | None:
    """When to look again after so many looks; None once it is no use any more."""
    if now - asked_at > LONGEST_DOUBT:
        return None
    return now + WAITS[min(looks, len(WAITS) - 1)]
