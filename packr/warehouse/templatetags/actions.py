"""Formatting of changes sent to the WMS: marks, badges, times and message bodies. No tag runs a query."""

import json
from datetime import datetime

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now

from integrations.models import Connection
from packr.warehouse.actions import ActionStatus
from packr.warehouse.models import Mirrored
from packr.warehouse.record_urls import entity_of
from packr.warehouse.views.action_parts import RowMarks
from packr.workspaces.formatting import day, zone_of

register = template.Library()


@register.simple_tag(takes_context=True)
def mark(context: Context, marks: RowMarks, row: Mirrored, *, oob: bool = False) -> str:
    """Return the mark of a row's last change; with `oob` as an out-of-band swap, empty if there is no mark."""
    found = marks.marks.get(row.pk)
    if found is None and not oob:
        return ""
    shown = {"id": f"mark-{entity_of(row)}-{row.pk}", "oob": oob}
    if found:
        shown |= {"mark": found, "label": found.status.label, "at": clock(context, found.at)}
    return mark_safe(render_to_string("actions/_mark.html", shown).strip())


@register.simple_tag(takes_context=True)
def clock(context: Context, moment: datetime | None) -> SafeString:
    """Return a time of today to the second, such as `14:05:09`; of another day with its date."""
    if moment is None:
        return SafeString("")
    zone = zone_of(context)
    local = moment.astimezone(zone)
    is_today = local.date() == now().astimezone(zone).date()
    text = f"{local:%H:%M:%S}" if is_today else f"{day(moment, zone)}, {local:%H:%M}"
    return mark_safe(f'<time datetime="{moment.isoformat()}">{text}</time>')


@register.inclusion_tag("components/_badge.html")
def action_badge(status: ActionStatus) -> dict[str, str]:
    """Return the badge of a change's status: icon, word and tone."""
    label = status.label
    return {"icon": label.icon, "word": label.word, "tone": label.tone}


@register.filter
def wms_name(connection: Connection) -> str:
    """Return the name of the WMS behind a connection, such as `ShipHero`; `The WMS` if it is not known."""
    label = connection.learned.get("integration_label")
    return str(label or ("The WMS" if connection.connector.is_copy else connection.connector.label))


@register.filter
def indented(text: str) -> str:
    """Return a request or response body, indented if it is JSON."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
