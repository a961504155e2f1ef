"""Freshness: how the age of the data compares with its cadence, for one schedule or as a database filter."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q

from integrations.connectors.registry import CONNECTORS
from integrations.models import Status

from ..models import EntitySchedule

MIN_GRACE = timedelta(seconds=60)
GRACE_SHARE = 0.2  # of the cadence


class Freshness(models.TextChoices):
    """The freshness of an entity. Independent of whether its last run succeeded."""

    FRESH = "fresh", "Fresh"
    NEVER = "never", "Never synced"
    LATE = "late", "Late"
    STALE = "stale", "Stale"
    PAUSED = "paused", "Paused"
    OFF = "off", "Off"
    NOT_OFFERED = "not_offered", "Not offered"


WORST_FIRST = (
    Freshness.STALE,
    Freshness.LATE,
    Freshness.NEVER,
    Freshness.PAUSED,
    Freshness.FRESH,
    Freshness.OFF,
    Freshness.NOT_OFFERED,
)
BEHIND = (Freshness.LATE, Freshness.STALE)


def freshness(schedule: EntitySchedule, moment: datetime) -> Freshness:
    """Return the freshness of a schedule's data at `moment`. `freshness_filter` is the same rule in the database."""
    if not schedule.enabled:
        return Freshness.OFF if schedule.offered or schedule.as_of else Freshness.NOT_OFFERED
    if schedule.paused_until and schedule.paused_until > moment:
        return Freshness.PAUSED
    if schedule.as_of is None:
        return Freshness.NEVER
    age = moment - schedule.as_of
    if age <= fresh_for(schedule.cadence):
        return Freshness.FRESH
    return Freshness.LATE if age <= late_for(schedule.cadence) else Freshness.STALE


def fresh_for(cadence: timedelta) -> timedelta:
    """Return the age up to which data with this cadence is fresh: the cadence plus some grace."""
    return cadence + max(MIN_GRACE, cadence * GRACE_SHARE)


def late_for(cadence: timedelta) -> timedelta:
    """Return the age up to which data with this cadence is late; older data is stale."""
    return max(2 * cadence, fresh_for(cadence))


def freshness_filter(wanted: Iterable[str], moment: datetime) -> Q:
    """Return the condition for schedules with one of these freshness states at `moment`.

    Only live connections count, and only entities with runs of their own: the others have their parent's freshness.
    """
    off = Q(enabled=False)
    paused = Q(enabled=True, paused_until__gt=moment)
    active = Q(enabled=True) & (Q(paused_until=None) | Q(paused_until__lte=moment))
    behind = by_cadence(lambda cadence: Q(as_of__lt=moment - fresh_for(cadence)))
    stale = by_cadence(lambda cadence: Q(as_of__lt=moment - late_for(cadence)))
    conditions = {
        Freshness.NOT_OFFERED: off & Q(offered=False, as_of=None),
        Freshness.OFF: off & (Q(offered=True) | Q(as_of__isnull=False)),
        Freshness.PAUSED: paused,
        Freshness.NEVER: active & Q(as_of=None),
        Freshness.FRESH: active & Q(as_of__isnull=False) & ~behind,
        Freshness.LATE: active & behind & ~stale,
        Freshness.STALE: active & stale,
    }
    matches = reduce(or_, (conditions[Freshness(state)] for state in wanted))
    return matches & is_live() & has_own_runs()


def by_cadence(condition: Callable[[timedelta], Q]) -> Q:
    """Return the condition for schedules that meet `condition` of their own cadence.

    Few different cadences are in use, so each gets its own comparison and an index can serve it.
    """
    intervals = EntitySchedule.objects.order_by().values_list("every_seconds", flat=True).distinct()
    matches = (Q(every_seconds=one) & condition(EntitySchedule(every_seconds=one).cadence) for one in intervals)
    return reduce(or_, matches, Q(pk__in=()))


def is_live() -> Q:
    """Return the condition for rows whose connection is not disconnected."""
    return ~Q(connection__status=Status.DISCONNECTED)


def has_own_runs() -> Q:
    """Return the condition for schedules of entities that the WMS offers and that are not read with another entity."""
    own = [
        Q(connection__wms=slug, entity__in=set(connector.entities()) - set(connector.read_with))
        for slug, connector in CONNECTORS.items()
    ]
    return reduce(or_, own)
