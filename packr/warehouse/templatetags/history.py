"""How a record's history is told: its values, its parts, and the section on the record's page."""

from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import Any

from django import template
from django.template import Context
from django.urls import reverse

from integrations.entities import Entity
from packr.warehouse.history import queries
from packr.warehouse.history.queries import Difference
from packr.warehouse.models import InboundShipment, InventoryItem, Mirrored, Order, Product
from packr.workspaces.formatting import day, money, quantity, zone_of

from .warehouse import worded

register = template.Library()

SHOWN = 5
ENTITIES: dict[type[Mirrored], Entity] = {
    Order: Entity.ORDERS,
    InventoryItem: Entity.INVENTORY,
    InboundShipment: Entity.INBOUND_SHIPMENTS,
    Product: Entity.PRODUCTS,
}
NOTHING = "nothing"


@register.inclusion_tag("warehouse/_history.html", takes_context=True)
def history_of(context: Context, row: Mirrored) -> dict[str, Any]:
    """The last changes of a record, for its page."""
    here, entity = context["place"], ENTITIES[type(row)]
    entries = list(queries.entries_of(row, entity, here, limit=SHOWN + 1))
    return {
        "place": here,
        "row": row,
        "entries": entries[:SHOWN],
        "warehouses": queries.warehouses_in(row, chain.from_iterable(one.differences for one in entries), here),
        "has_more": len(entries) > SHOWN,
        "address": history_address(row),
    }


@register.simple_tag
def history_address(row: Mirrored) -> str:
    """Where a record's whole history is."""
    return reverse(f"{ENTITIES[type(row)].value}_history".replace("-", "_"), args=[row.pk])


@register.simple_tag
def record_address(row: Mirrored) -> str:
    """Where a record's own page is; nothing for one that has none."""
    names = {Order: "order", InboundShipment: "inbound_shipment", InventoryItem: "inventory_item", Product: "product"}
    return reverse(names[type(row)], args=[row.pk]) if type(row) in names and row.removed_at is None else ""


@register.simple_tag
def part_name(difference: Difference, warehouses: dict[str, str]) -> str:
    """What a value is of: a warehouse's name, or a SKU."""
    return warehouses.get(difference.part, difference.part) if difference.is_of_warehouse else difference.part


@register.simple_tag(takes_context=True)
def in_words(context: Context, difference: Difference, value: Any, warehouses: dict[str, str]) -> str:
    """A value as its pages write it."""
    if value is None or value == "":
        return NOTHING
    write = _WORDS.get(difference.value.kind)
    return write(context, value, warehouses) if write else str(value)


def _moment(context: Context, value: Any, names: dict[str, str]) -> str:
    zone, found = zone_of(context), datetime.fromisoformat(value)
    return f"{day(found, zone)}, {found.astimezone(zone):%H:%M}"


_WORDS: dict[str, Callable[[Context, Any, dict[str, str]], str]] = {
    "quantity": lambda context, value, names: quantity(value),
    "money": lambda context, value, names: money(value),
    "word": lambda context, value, names: worded(value),
    "flag": lambda context, value, names: "Yes" if value else "No",
    "warehouse": lambda context, value, names: names.get(value, value),
    "day": lambda context, value, names: day(datetime.fromisoformat(value), zone_of(context)),
    "time": _moment,
}
