"""Formatting of what surrounds a list: sorting, filters, saved views, and the navigation between screens."""

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.http import urlencode

from integrations.bill_access import is_visible
from packr.warehouse.lists.base import Column, Screen, Sort
from packr.warehouse.lists.filters import Filter
from packr.warehouse.lists.listing import ListPage, ListQuery
from packr.warehouse.lists.screens import BY_NAME
from packr.warehouse.models import SavedView

register = template.Library()

# The sections of the navigation: an icon, and the names of their screens, the section's own first.
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
    """Return the `sort` that a column head links to, and its present direction for `aria-sort`."""
    descending = f"-{column.field}"
    direction = {column.field: "ascending", descending: "descending"}.get(sort.name, "")
    return {"sort": descending if direction == "ascending" else column.field, "aria": direction}


@register.simple_tag
def choices(filter: Filter, query: ListQuery, page: ListPage) -> list[dict[str, Any]]:
    """Return the choices of a filter, with the chosen one even if no row has it any more."""
    chosen = query.filters.get(filter.name, "")
    pairs = page.choices[filter.name]
    if chosen and chosen not in dict(pairs):
        pairs = [*pairs, (chosen, chosen.partition(":")[2] or chosen)]
    return [{"value": value, "word": word, "chosen": value == chosen} for value, word in pairs]


@register.simple_tag
def home_view(query: ListQuery, page: ListPage) -> SavedView | None:
    """Return the saved view that the list shows, if any."""
    return next((view for view in page.views if view.address == query.address), None)


@register.simple_tag(takes_context=True)
def rail(context: Context) -> list[dict[str, Any]]:
    """Return the sections of the navigation; the current one includes its further screens."""
    request_context, path = context["place"], context["request"].path
    return [
        _section(icon, [BY_NAME[name] for name in names], path)
        for icon, names in SECTIONS
        if is_visible(BY_NAME[names[0]].entity, bills=request_context.may_view_bills)
    ]


def _section(icon: str, screens: list[Screen], path: str) -> dict[str, Any]:
    urls = [(screen.title, reverse(screen.name)) for screen in screens]
    links = [{"label": label, "url": url, "current": path.startswith(url)} for label, url in urls]
    inside = any(link["current"] for link in links)
    return {"icon": icon, "inside": inside, "first": links[0], "links": links if inside and len(links) > 1 else ()}


@register.simple_tag
def unnarrowed(query: ListQuery) -> str:
    """Return the address of the whole list in its present order."""
    return f"?{urlencode({'sort': query.sort.name})}"
