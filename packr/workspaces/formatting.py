"""Texts for times, durations, numbers and names, the same on pages and in the API, admin and mails."""

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.template import Context

MONTH = timedelta(days=30)


STEPS = (
    (timedelta(days=1), "day", "days"),
    (timedelta(hours=1), "hour", "hours"),
    (timedelta(minutes=1), "min", "min"),
)


def zone_of(context: Context) -> tzinfo:
    """Return the time zone of the page's workspace; UTC without one."""
    place = context.get("place")
    return ZoneInfo(place.workspace.timezone) if place else UTC


def ago(value: datetime, now: datetime) -> str:
    """Return a relative time: `just now`, `2 days ago`, `in 3 min`. Empty for a month or more."""
    gap = abs(now - value)
    if gap >= MONTH:
        return ""
    if gap < timedelta(minutes=1):
        return "just now" if value <= now else "in a moment"
    for size, one, many in STEPS:
        count = gap // size
        if count:
            words = f"{count} {one if count == 1 else many}"
            return f"{words} ago" if value <= now else f"in {words}"
    raise AssertionError(gap)


def day(value: datetime, zone: tzinfo) -> str:
    """Return the date in the zone: `21 Nov 2026`."""
    local = value.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def exact(value: datetime, zone: tzinfo) -> str:
    """Return local time, zone and UTC: `21 Nov 2026, 14:05:09 CET (13:05 UTC)`."""
    local, world = value.astimezone(zone), value.astimezone(UTC)
    name = local.tzname() or "UTC"
    if name[0] in "+-":
        name = f"UTC{name}"
    written = f"{day(value, zone)}, {local:%H:%M:%S} {name}"
    if name == "UTC":
        return written
    other_day = "" if local.date() == world.date() else f"{world.day} {world:%b}, "
    return f"{written} ({other_day}{world:%H:%M} UTC)"


def span(length: timedelta) -> str:
    """Return a duration: `8 s`, `1 min 20 s`, `2 h 5 min`, `3 days`."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def quantity(value: Decimal | int | str | None) -> str:
    """Return a number of units with thousands separators and no trailing zeros: `1,240`, `0.5`. Empty for None."""
    if value is None or value == "":
        return ""
    text = f"{Decimal(value):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole_days(count: Decimal | None) -> str:
    """Return a number of whole days, or `under 1`. Empty for None."""
    if count is None:
        return ""
    return f"{int(count):,}" if count >= 1 or count == 0 else "under 1"


def money(value: Decimal | str | None, currency: str | None = None) -> str:
    """Return an amount with at least two decimals and its currency: `58.40 USD`. Empty for None."""
    if value is None or value == "":
        return ""
    whole, _, part = f"{Decimal(value):,f}".partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')} {currency or ''}".strip()


def named(person: Any) -> str:
    """Return a person's full name or user name; `Somebody` if the account was deleted."""
    if person is None:
        return "Somebody"
    return str(person.get_full_name() or person.get_username())


def listed(names: list[str]) -> str:
    """Return names as part of a sentence: `Dana`, `Dana and Lee`, `Dana, Lee and Kim`."""
    *most, last = names or [""]
    return f"{', '.join(most)} and {last}" if most else last
