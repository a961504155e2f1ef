"""What is worked out for a SKU, on the page of an item or a product."""

from typing import Any

from django import template
from django.template import Context

from packr.warehouse.metrics import annotations
from packr.warehouse.models import Mirrored

register = template.Library()


@register.inclusion_tag("warehouse/_metrics.html", takes_context=True)
def metrics_of(context: Context, row: Mirrored) -> dict[str, Any]:
    """Units sold, days of cover and what is to come, each with what it means."""
    here, metrics = context["place"], annotations.of(row)
    threshold = here.workspace.low_stock_days
    return {
        "place": here,
        "row": row,
        "metrics": metrics,
        "threshold": threshold,
        "is_low": metrics is not None and annotations.is_low(metrics, threshold),
        "sold_means": annotations.SOLD_MEANS,
        "cover_means": annotations.COVER_MEANS,
        "arrival_means": annotations.ARRIVAL_MEANS,
    }
