"""Formatting of records: statuses, cells of lists and single values. No tag runs a query."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from integrations.entities import Entity
from packr.warehouse.lists.base import Column
from packr.warehouse.lists.screens import BY_NAME
from packr.warehouse.models import Mirrored, Override
from packr.warehouse.models.overrides import OverrideState
from packr.warehouse.stock.check import Verdict
from packr.workspaces.formatting import day, exact, listed, money, quantity, whole_days, zone_of

register = template.Library()

# Icon and tone of the unified statuses of orders, order shipments, inbound shipments and returns.
STATUSES = {
    "open": ("inbox", "neutral"),
    "confirmed": ("check", "info"),
    "processing": ("cog-6-tooth", "info"),
    "picked": ("archive-box", "info"),
    "packed": ("archive-box", "info"),
    "partially_fulfilled": ("truck", "info"),
    "fulfilled": ("check-circle", "positive"),
    "shipped": ("truck", "positive"),
    "in-transit": ("truck", "info"),
    "receiving": ("arrow-down-tray", "info"),
    "received": ("check-circle", "positive"),
    "backordered": ("clock", "warning"),
    "exception": ("exclamation-triangle", "critical"),
    "cancelled": ("no-symbol", "neutral"),
}
HOLD = {"icon": "pause-circle", "word": "On hold", "tone": "warning"}
VERDICTS = {
    Verdict.ENOUGH: ("check-circle", "Enough", "positive"),
    Verdict.DEPENDS: ("lock-closed", "Allocated", "info"),
    Verdict.SHORT: ("exclamation-triangle", "Short", "warning"),
    Verdict.UNKNOWN: ("question-mark-circle", "Not in the inventory", "warning"),
}
OVERRIDE_STATES = {
    OverrideState.ACTIVE: ("pencil-square", "info"),
    OverrideState.REPLACED: ("arrow-path", "neutral"),
    OverrideState.EXPIRED: ("clock", "neutral"),
    OverrideState.ENDED: ("stop-circle", "neutral"),
}


@register.inclusion_tag("components/_badge.html")
def record_status(status: str | None) -> dict[str, str]:
    """Return the badge of a record's status."""
    icon, tone = STATUSES.get(status or "", ("question-mark-circle", "neutral"))
    return {"icon": icon, "word": worded(status) or "Unknown", "tone": tone}


@register.inclusion_tag("components/_badge.html")
def stock_verdict(verdict: Verdict) -> dict[str, str]:
    """Return the badge of a stock check, or of one of its lines."""
    icon, word, tone = VERDICTS[Verdict(verdict)]
    return {"icon": icon, "word": word, "tone": tone}


@register.inclusion_tag("components/_badge.html")
def override_state(state: OverrideState) -> dict[str, str]:
    """Return the badge of an override's state."""
    icon, tone = OVERRIDE_STATES[state]
    return {"icon": icon, "word": str(state.label), "tone": tone}


@register.filter
def worded(code: str | None) -> str:
    """Return a unified code as words: `in-transit` as `In transit`."""
    return (code or "").replace("_", " ").replace("-", " ").capitalize()


@register.simple_tag(takes_context=True)
def cell(context: Context, row: Mirrored, column: Column) -> str:
    """Return a row's cell in a column of a list.

    This is code, not a template: a page has hundreds of cells, and an include for each took most of its time.
    """
    if column.kind == "leads":
        return _lead(row, column)
    value = getattr(row, column.field)
    override = (context.get("overrides") or {}).get(row.pk, {}).get(column.field)
    if override:
        return _overridden(row, column, value, override)
    if column.kind == "link":
        address = reverse(context["screen"].detail, args=[row.pk])
        return format_html('<a class="code" href="{}">{}</a>', address, value or row.external_id)
    if column.kind == "status":
        return _status_badge(value, getattr(row, "held", None) is True)
    if column.kind in ("time", "day"):
        return _time(value, zone_of(context), only_day=column.kind == "day")
    return NOT_GIVEN if value is None or value == "" else _written(row, column, value)


STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
NOT_GIVEN = mark_safe('<span class="muted" aria-hidden="true">–</span><span class="visually-hidden">Not given</span>')


def _lead(row: Mirrored, column: Column) -> SafeString:
    """Return a link to another screen, filtered by the row."""
    screen, name = column.leads
    value = BY_NAME[screen].filter(name).value_of(row.connection_id, row.external_id, str(row))
    address = f"{reverse(screen)}?{urlencode({name: value})}"
    return format_html('<a href="{}">{}<span class="visually-hidden"> of {}</span></a>', address, column.label, row)


def _order(row: Mirrored, text: str) -> str:
    """Return the row's order, linked if it is in the mirror."""
    found: Any = row
    if not found.order_pk:
        return format_html('<span class="code">{}</span>', text)
    return format_html(
        '<a class="code" href="{}">{}</a>', reverse("order", args=[found.order_pk]), found.order_number or text
    )


def _kit(row: Mirrored, is_kit: bool) -> str:
    """Return the parts of a kit, with the units of each."""
    parts: Any = getattr(row, "made_of", None) or ()
    if not is_kit or not parts:
        return "Yes" if is_kit else "No"
    made = ((quantity(one["unit_quantity"]) or "?", one["sku"] or one["inventory_item_id"]) for one in parts)
    return format_html("Kit of {}", format_html_join(", ", '{} × <span class="code">{}</span>', made))


def _overridden(row: Mirrored, column: Column, value: Any, override: Override) -> str:
    """Return an overridden value, with the WMS's value beside it."""
    theirs = NOT_GIVEN if value is None or value == "" else _written(row, column, value)
    return format_html(
        '<strong>{}</strong> {} <span class="muted small">WMS: {}</span>',
        _written(row, column, override.value),
        _override_badge(),
        theirs,
    )


@lru_cache(maxsize=1)
def _override_badge() -> SafeString:
    badge = {"icon": "pencil-square", "word": "Override", "tone": "info"}
    return mark_safe(render_to_string("components/_badge.html", badge).strip())


def _written(row: Mirrored, column: Column, value: Any) -> str:
    """Return a value that is not empty, by the column's kind."""
    if column.kind in WRITTEN:
        return WRITTEN[column.kind](row, value)
    if column.kind == "quantity":
        return quantity(value)
    if column.kind == "days":
        return whole_days(value)
    if column.kind == "money":
        return money(value, getattr(row, "invoice_currency_code", None) or getattr(row, "currency_code", None))
    if column.kind == "flag":
        return "Yes" if value else "No"
    if column.kind == "word":
        return worded(value)
    return format_html('<span class="code">{}</span>', value) if column.kind == "code" else str(value)


WRITTEN: dict[str, Callable[[Any, Any], str]] = {
    "warehouse": lambda row, value: str(row.warehouse_name or value),
    "customer": lambda row, value: str(row.customer_name or value),
    "order": _order,
    "cause": lambda row, value: (
        _order(row, row.object_id) if row.order_pk else f"{worded(value)} {row.object_id or ''}"
    ),
    "kit": _kit,
}


@lru_cache(maxsize=100)
def _status_badge(status: str | None, held: bool) -> SafeString:
    badges = [record_status(status), HOLD] if held else [record_status(status)]
    return mark_safe(" ".join(render_to_string("components/_badge.html", one).strip() for one in badges))


def _time(value: datetime | None, zone: tzinfo, *, only_day: bool) -> SafeString:
    """Return a time as the tag `stamp` does."""
    if value is None:
        return mark_safe('<span class="muted">–</span>')
    clock = "" if only_day else f", {value.astimezone(zone):%H:%M}"
    return format_html('<time datetime="{}">{}{}</time>', value.isoformat(), day(value, zone), clock)


@register.filter
def entry(mapping: dict[str, Any], key: str) -> Any:
    """Return the value of a key that is a variable; None if it is missing."""
    return mapping.get(key)


@register.filter
def instant(text: str | None) -> datetime | None:
    """Return a record's ISO 8601 text as a time."""
    return datetime.fromisoformat(text) if text else None


@register.filter
def several(rows: Sequence[Any]) -> Sequence[Any]:
    """Return the rows if there is more than one: a single part only repeats the whole."""
    return rows if len(rows) > 1 else ()


@register.filter
def web_address(text: str | None) -> str:
    """Return the text if it is an http or https address, else nothing."""
    return text if text and text.startswith(("https://", "http://")) else ""


@register.simple_tag
def outstanding(expected: Any, received: Any) -> Any:
    """Return the units that are still expected; None if the expected number is unknown."""
    return None if expected is None else max(expected - (received or 0), 0)


@register.simple_tag
def line_total(count: Any, price: Any) -> Any:
    """Return price times quantity; None if either is unknown."""
    return None if count is None or price is None else count * price


@register.simple_tag(takes_context=True)
def plain(context: Context, value: Any) -> str:
    """Return one value of a source record as readable text."""
    if value is None or value == "":
        return NOT_GIVEN
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, str) and STAMP.fullmatch(value):
        return exact(datetime.fromisoformat(value), zone_of(context))
    return str(value)


@register.filter
def written_out(record: Any) -> str:
    """Return a source record as indented JSON."""
    return json.dumps(record, indent=2, ensure_ascii=False, sort_keys=True)


@register.filter
def counted_words(counts: dict[Entity, int]) -> str:
    """Return counts in words: `1,204 orders, 3 products and 1 warehouse`."""
    words = [f"{count:,} {_counted(entity, count)}" for entity, count in counts.items()]
    return listed(words)


def _counted(entity: Entity, count: int) -> str:
    if entity == Entity.INVENTORY:
        return "inventory item" if count == 1 else "inventory items"
    return entity.label.lower().removesuffix("s") if count == 1 else entity.label.lower()
