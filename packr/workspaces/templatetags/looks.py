"""How Packr writes moments, durations, numbers and states, the same on every page."""

import secrets
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import mark_safe

register = template.Library()

MONTH = timedelta(days=30)
STEPS = (
    (timedelta(days=1), "day", "days"),
    (timedelta(hours=1), "hour", "hours"),
    (timedelta(minutes=1), "min", "min"),
)


def zone_of(context: Context) -> tzinfo:
    """The time zone of the workspace that the page is about; UTC where there is none."""
    place = context.get("place")
    return ZoneInfo(place.workspace.timezone) if place else UTC


def ago(value: datetime, now: datetime) -> str:
    """A moment as people scan it: `just now`, `2 days ago`, `in 3 min`. Empty when it is a month away or more."""
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
    """`21 Nov 2026`, in the zone."""
    local = value.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def exact(value: datetime, zone: tzinfo) -> str:
    """`21 Nov 2026, 14:05:09 CET (13:05 UTC)`: the zone's clock, its name, and the same moment in UTC."""
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
    """A duration: `8 s`, `1 min 20 s`, `2 h 5 min`, `3 days`."""
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


def _written(template: str, **context: Any) -> str:
    """A fragment for the middle of a sentence: no space before what follows it."""
    return mark_safe(render_to_string(f"components/{template}.html", context).strip())


@register.simple_tag(takes_context=True)
def moment(context: Context, value: datetime | None, empty: str = "–") -> str:
    """A moment as a relative time, with its exact date and time by hover, keyboard focus and touch."""
    zone = zone_of(context)
    relative = ago(value, timezone.now()) if value else ""
    return _written(
        "_moment",
        value=value,
        empty=empty,
        text=relative or (day(value, zone) if value else ""),
        ticks=bool(relative),
        exact=exact(value, zone) if value else "",
        id=f"t{secrets.token_hex(4)}",
    )


@register.simple_tag(takes_context=True)
def stamp(context: Context, value: datetime | None, only_day: bool = False) -> str:
    """A moment for a column of many: always absolute, to the minute, on the workspace's clock."""
    local = value.astimezone(zone_of(context)) if value else None
    text = f"{local.day} {local:%b %Y}" + ("" if only_day else f", {local:%H:%M}") if local else ""
    return _written("_stamp", value=value, text=text)


@register.simple_tag(takes_context=True)
def exactly(context: Context, value: datetime) -> str:
    """The exact date and time, in words."""
    return exact(value, zone_of(context))


@register.simple_tag
def elapsed(start: datetime | None, end: datetime | None = None) -> str:
    """How long something took, or has taken so far: then it ticks."""
    until = end or timezone.now()
    ticks = start is not None and end is None
    return _written("_elapsed", start=start, ticks=ticks, text=span(until - start) if start else "–")


@register.filter
def lasting(length: timedelta | None) -> str:
    """A duration in words."""
    return "" if length is None else span(length)


@register.filter
def quantity(value: Decimal | int | str | None) -> str:
    """A number of units without needless zeros, with thousands: `1,240`, `0.5`; nothing for an unknown one."""
    if value is None or value == "":
        return ""
    text = f"{Decimal(value):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.filter
def whole_days(count: Decimal | None) -> str:
    """A number of days as people say it: whole ones, and `under 1` for the last; nothing for an unknown one."""
    if count is None:
        return ""
    return f"{int(count):,}" if count >= 1 or count == 0 else "under 1"


@register.filter
def money(value: Decimal | str | None, currency: str | None = None) -> str:
    """An amount with at least two decimals and its currency: `58.40 USD`; nothing for an unknown one."""
    if value is None or value == "":
        return ""
    whole, _, part = f"{Decimal(value):,f}".partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')} {currency or ''}".strip()


@register.inclusion_tag("components/_badge.html")
def badge(icon: str, word: str, tone: str) -> dict[str, str]:
    """A state: icon, word and tone (neutral, info, positive, warning, critical)."""
    return {"icon": icon, "word": word, "tone": tone}


@register.filter
def under(path: str, section: str) -> bool:
    """Whether an address lies in a section of the pages."""
    return path.startswith(section)


@register.filter
def named(person: Any) -> str:
    """A person as others call them; one whose account is gone is somebody."""
    if person is None:
        return "Somebody"
    return str(person.get_full_name() or person.get_username())


@register.filter
def listed(names: list[str]) -> str:
    """Names in a sentence: `Dana`, `Dana and Lee`, `Dana, Lee and Kim`."""
    *most, last = names or [""]
    return f"{', '.join(most)} and {last}" if most else last


@register.simple_tag(takes_context=True)
def age(context: Context, value: datetime) -> str:
    """A relative time inside something that already opens to the exact one."""
    relative = ago(value, timezone.now())
    return _written("_age", value=value, text=relative or day(value, zone_of(context)), ticks=bool(relative))
