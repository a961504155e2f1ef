"""Tags and filters that show times, durations and states; `packr.workspaces.formatting` has the texts."""

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
    """Render a fragment for the middle of a sentence, without trailing space."""
    return mark_safe(render_to_string(f"components/{template}.html", context).strip())


@register.simple_tag(takes_context=True)
def moment(context: Context, value: datetime | None, empty: str = "–") -> str:
    """Show a relative time whose exact date and time appears on hover, keyboard focus and touch."""
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
    """Show an absolute time to the minute on the workspace's clock, for columns of many."""
    local = value.astimezone(zone_of(context)) if value else None
    text = f"{local.day} {local:%b %Y}" + ("" if only_day else f", {local:%H:%M}") if local else ""
    return _written("_stamp", value=value, text=text)


@register.simple_tag(takes_context=True)
def exactly(context: Context, value: datetime) -> str:
    """Return the exact date and time as text."""
    return exact(value, zone_of(context))


@register.simple_tag
def elapsed(start: datetime | None, end: datetime | None = None) -> str:
    """Show how long something took; without `end`, the time so far, which ticks."""
    until = end or timezone.now()
    ticks = start is not None and end is None
    return _written("_elapsed", start=start, ticks=ticks, text=span(until - start) if start else "–")


@register.filter
def lasting(length: timedelta | None) -> str:
    """Return a duration as text."""
    return "" if length is None else span(length)


@register.inclusion_tag("components/_badge.html")
def badge(icon: str, word: str, tone: str) -> dict[str, str]:
    """Show a state as icon, word and tone (neutral, info, positive, warning, critical)."""
    return {"icon": icon, "word": word, "tone": tone}


@register.filter
def under(path: str, section: str) -> bool:
    """Return whether a path is in a section of the site."""
    return path.startswith(section)


@register.simple_tag(takes_context=True)
def age(context: Context, value: datetime) -> str:
    """Show a relative time inside an element that already shows the exact one."""
    relative = ago(value, timezone.now())
    return _written("_age", value=value, text=relative or day(value, zone_of(context)), ticks=bool(relative))


register.filter("quantity", quantity)
register.filter("whole_days", whole_days)
register.filter("money", money)
register.filter("named", named)
register.filter("listed", listed)
