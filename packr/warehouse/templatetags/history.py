"""Formatting of the values in a record's history. No tag runs a query."""

from datetime import datetime
from typing import Any

from django import template
from django.template import Context

from packr.warehouse.history.queries import Difference
from packr.workspaces.formatting import day, money, quantity, zone_of

from .warehouse import worded

register = template.Library()


@register.simple_tag
def part_name(difference: Difference, warehouses: dict[str, str]) -> str:
    """Return the part that a value belongs to: a warehouse's name, or a SKU."""
    return warehouses.get(difference.part, difference.part) if difference.is_of_warehouse else difference.part


@register.simple_tag(takes_context=True)
def in_words(context: Context, difference: Difference, value: Any, warehouses: dict[str, str]) -> str:
    """Return a value as pages write it; `nothing` if it is empty."""
    if value is None or value == "":
        return "nothing"
    zone = zone_of(context)
    match difference.value.kind:
        case "quantity":
            return quantity(value)
        case "money":
            return money(value)
        case "word":
            return worded(value)
        case "flag":
            return "Yes" if value else "No"
        case "warehouse":
            return warehouses.get(value, str(value))
        case "day":
            return day(datetime.fromisoformat(value), zone)
        case "time":
            moment = datetime.fromisoformat(value)
            return f"{day(moment, zone)}, {moment.astimezone(zone):%H:%M}"
    return str(value)
