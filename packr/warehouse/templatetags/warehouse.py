"""The words and looks of what a WMS says about its records."""

import json
from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.http import urlencode

from packr.warehouse.listing import Asked
from packr.warehouse.models import Mirrored
from packr.warehouse.screens import Column, Filter, Sort
from packr.workspaces.templatetags.looks import money

register = template.Library()

# The unified statuses of orders, order shipments and inbound shipments: icon and tone.
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


@register.inclusion_tag("components/_badge.html")
def record_status(status: str | None) -> dict[str, str]:
    """The status of an order, an order shipment or an inbound shipment."""
    icon, tone = STATUSES.get(status or "", ("question-mark-circle", "neutral"))
    return {"icon": icon, "word": worded(status) or "Unknown", "tone": tone}


@register.filter
def worded(code: str | None) -> str:
    """A unified code as a word: `in-transit` is `In transit`."""
    return (code or "").replace("_", " ").replace("-", " ").capitalize()


@register.filter
def field(row: Mirrored, name: str) -> Any:
    """The value of a row's field."""
    return getattr(row, name)


@register.filter
def amount(row: Mirrored, name: str) -> str:
    """The amount in a row's field, with the row's currency where it has one."""
    return money(getattr(row, name), getattr(row, "invoice_currency_code", None))


@register.simple_tag
def name_in(names: dict[tuple[int, str], str], row: Mirrored, external_id: str | None) -> str:
    """The name of a warehouse or a customer of the row's connection; its id where the name is not known."""
    return names.get((row.connection_id, external_id or ""), external_id or "")


@register.filter
def entry(mapping: dict[str, Any], key: str) -> Any:
    """The value of a key that is itself a variable; nothing when it is missing."""
    return mapping.get(key)


@register.filter
def several(rows: Sequence[Any]) -> Sequence[Any]:
    """The rows when there is more than one, else none: a single part says no more than its whole."""
    return rows if len(rows) > 1 else ()


@register.filter
def web_address(text: str | None) -> str:
    """The text when it is an address that is safe to follow, else nothing."""
    return text if text and text.startswith(("https://", "http://")) else ""


@register.simple_tag
def outstanding(expected: Any, received: Any) -> Any:
    """How many units are still to come; nothing when the expected number is not known."""
    return None if expected is None else max(expected - (received or 0), 0)


@register.simple_tag
def line_total(count: Any, price: Any) -> Any:
    """Price times quantity; nothing when either is not known."""
    return None if count is None or price is None else count * price


@register.simple_tag
def heading(column: Column, sort: Sort) -> dict[str, str]:
    """What a sortable column head needs: the `sort` its link asks for, and its present `aria` direction."""
    descending = f"-{column.field}"
    direction = {column.field: "ascending", descending: "descending"}.get(sort.name, "")
    return {"sort": descending if direction == "ascending" else column.field, "aria": direction}


@register.simple_tag
def choices(filter: Filter, asked: Asked) -> list[dict[str, Any]]:
    """The values of a filter: what the address says, the word for it, and whether it is chosen."""
    chosen = asked.filters.get(filter.field, "")
    return [{"value": value, "word": worded(value), "chosen": value == chosen} for value, _ in filter.choices]


@register.simple_tag
def unnarrowed(asked: Asked) -> str:
    """The address of the whole list, in the order it has now."""
    return f"?{urlencode({'sort': asked.sort.name})}"


@register.filter
def written_out(record: Any) -> str:
    """A source record as readable text."""
    return json.dumps(record, indent=2, ensure_ascii=False, sort_keys=True)
