"""The looks of a stock check."""

from collections.abc import Iterable
from typing import Any

from django import template

from packr.warehouse.models import Order, OrderLine, OrderShipment
from packr.warehouse.stock.check import Check, Verdict
from packr.warehouse.stock.open_orders import of_order

register = template.Library()

VERDICTS = {
    Verdict.ENOUGH: ("check-circle", "Enough", "positive"),
    Verdict.DEPENDS: ("lock-closed", "Allocated", "info"),
    Verdict.SHORT: ("exclamation-triangle", "Short", "warning"),
    Verdict.UNKNOWN: ("question-mark-circle", "Not in the inventory", "warning"),
}


@register.inclusion_tag("components/_badge.html")
def stock_verdict(verdict: Verdict) -> dict[str, str]:
    """Whether there is enough."""
    icon, word, tone = VERDICTS[Verdict(verdict)]
    return {"icon": icon, "word": word, "tone": tone}


@register.simple_tag
def order_stock(order: Order, lines: Iterable[OrderLine], shipments: Iterable[OrderShipment]) -> Check | None:
    """The stock check of an order by what Packr knows; nothing once nothing of it is left to ship."""
    return of_order(order, lines, shipments, live=False)


@register.inclusion_tag("warehouse/_stock_check.html", takes_context=True)
def stock_check(context: template.Context, check: Check) -> dict[str, Any]:
    """A stock check: each line, which warehouses can fill it, and the age of the numbers."""
    return {"check": check, "place": context.get("place")}
