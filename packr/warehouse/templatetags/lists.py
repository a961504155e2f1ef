"""What a list says beside its rows: sorting, filters, saved views; and the way from screen to screen."""

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.http import urlencode

from integrations.permissions import is_visible
from packr.warehouse.lists.listing import ListPage, ListQuery, View
from packr.warehouse.lists.screens import BY_NAME, Column, Filter, Screen, Sort

register = template.Library()

# The sections of the left rail: an icon, and the screens of which the first one is the section's own.
SECTIONS = (
    ("shopping-bag", ("orders", "order_shipments", "order_channels")),
    ("archive-box", ("inventory",)),
    ("truck", ("inbound_shipments", "suppliers")),
    ("tag", ("products",)),
    ("users", ("customers",)),
    ("arrow-uturn-left", ("returns",)),
    ("building-storefront", ("warehouses", "warehouse_locations", "shipping_methods")),
    ("banknotes", ("bills",)),
)


@register.simple_tag
def heading(column: Column, sort: Sort) -> dict[str, str]:
    """What a sortable column head needs: the `sort` its link asks for, and its present `aria` direction."""
    descending = f"-{column.field}"
    direction = {column.field: "ascending", descending: "descending"}.get(sort.name, "")
    return {"sort": descending if direction == "ascending" else column.field, "aria": direction}


@register.simple_tag
def choices(filter: Filter, asked: ListQuery, page: ListPage) -> list[dict[str, Any]]:
    """The values of a filter: what the address says, the word for it, and whether it is chosen."""
    chosen = asked.filters.get(filter.name, "")
    pairs = list(filter.words) if filter.options is None else page.choices.get(filter.name, [])
    if chosen and chosen not in dict(pairs):
        pairs = [*pairs, (chosen, chosen.partition(":")[2] or chosen)]
    return [{"value": value, "word": word, "chosen": value == chosen} for value, word in pairs]


@register.simple_tag
def home_view(asked: ListQuery, page: ListPage) -> View | None:
    """The saved view that a list shows just now, unless it is narrowed otherwise."""
    return next((view for view in page.views if view.address == asked.address), None)


@register.simple_tag(takes_context=True)
def rail(context: Context) -> list[dict[str, Any]]:
    """The sections of the left rail; the one that the page is in has its further screens below it."""
    here, path = context["place"], context["request"].path
    return [
        _section(icon, [BY_NAME[name] for name in names], path)
        for icon, names in SECTIONS
        if is_visible(BY_NAME[names[0]].entity, bills=here.may_view_bills)
    ]


def _section(icon: str, screens: list[Screen], path: str) -> dict[str, Any]:
    links = [{"label": one.title, "url": reverse(one.name), "current": False} for one in screens]
    for link in links:
        link["current"] = path.startswith(str(link["url"]))
    inside = any(link["current"] for link in links)
    return {"icon": icon, "inside": inside, "first": links[0], "links": links if inside and len(links) > 1 else ()}


@register.simple_tag
def unnarrowed(asked: ListQuery) -> str:
    """The address of the whole list, in the order it has now."""
    return f"?{urlencode({'sort': asked.sort.name})}"
