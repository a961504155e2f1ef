"""The django-q2 schedule that runs the tick every minute, and its repair."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django_q.models import Schedule

EXPECTED: dict[str, Any] = {
    "name": "tick",
    "func": "syncs.tasks.tick",
    "schedule_type": Schedule.MINUTES,
    "minutes": 1,
    "repeats": -1,
    "cluster": None,
    "hook": None,
    "args": None,
    "kwargs": None,
    "intended_date_kwarg": None,
}
"""Any other value of one of these keeps the tick from running."""

# A tick that is planned for later than this does not run every minute.
MAX_DELAY = timedelta(minutes=2)


def ensure(now: datetime) -> bool:
    """Repair the schedule so that the tick runs every minute. Return whether it would not have run in time."""
    found = list(_ticks())
    if len(found) == 1 and _runs_in_time(found[0], now):
        return False
    with transaction.atomic():
        found = list(_ticks().select_for_update())
        right = [schedule for schedule in found if _runs_in_time(schedule, now)]
        kept = (right or found or [Schedule()])[0]
        if not right:
            for name, value in {**EXPECTED, "next_run": now}.items():
                setattr(kept, name, value)
            kept.save()
        _ticks().exclude(pk=kept.pk).delete()
    return not right


def _ticks() -> "QuerySet[Any]":
    found: QuerySet[Any] = Schedule.objects.filter(Q(name=EXPECTED["name"]) | Q(func=EXPECTED["func"]))
    return found.order_by("pk")


def _runs_in_time(schedule: Any, now: datetime) -> bool:
    planned: datetime | None = schedule.next_run
    # None and an empty string mean the same.
    is_right = all((getattr(schedule, name) or None) == value for name, value in EXPECTED.items())
    return is_right and planned is not None and planned <= now + MAX_DELAY
