"""Moments, durations and states on pages; the words are `packr.workspaces.formatting`'s."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import mark_safe

from ..formatting import ago, day, exact, listed, money, named, quantity, span, whole_days, zone_of

register = template.Library()


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


@register.inclusion_tag("components/_badge.html")
def badge(icon: str, word: str, tone: str) -> dict[str, str]:
    """A state: icon, word and tone (neutral, info, positive, warning, critical)."""
    return {"icon": icon, "word": word, "tone": tone}


@register.filter
def under(path: str, section: str) -> bool:
    """Whether an address lies in a section of the pages."""
    return path.startswith(section)


@register.simple_tag(takes_context=True)
def age(context: Context, value: datetime) -> str:
    """A relative time inside something that already opens to the exact one."""
    relative = ago(value, timezone.now())
    return _written("_age", value=value, text=relative or day(value, zone_of(context)), ticks=bool(relative))


register.filter("quantity", quantity)
register.filter("whole_days", whole_days)
register.filter("money", money)
register.filter("named", named)
register.filter("listed", listed)
