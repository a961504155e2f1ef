"""Metrics beside the rows they are of: in lists, on pages and as a filter."""

from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Coalesce

from packr.workspaces.request_context import RequestContext

from ..models import InventoryItem, Mirrored, Product, SkuMetrics

# Models whose rows have metrics: by connection, customer and SKU.
WITH_METRICS: tuple[type[Mirrored], ...] = (InventoryItem, Product)
SHOWN = ("sold_30", "cover", "next_arrival", "outstanding")
SOLD_MEANS = (
    "Units in orders created in the last 30 days by the workspace’s calendar, today included. Cancelled orders are "
    "left out; a kit counts for its parts too."
)
COVER_MEANS = "For how many days what is available lasts if as much is sold each day as in the last 30 days."
ARRIVAL_MEANS = "The first day on which an inbound shipment with units that are still outstanding is expected."


def with_metrics(rows: "QuerySet[Any, Any]") -> "QuerySet[Any, Any]":
    """Rows of inventory items or products with their SKUs' metrics, by the same statement."""
    found = _of_row().values
    shown: QuerySet[Any, Any] = rows.annotate(**{name: Subquery(found(name)) for name in SHOWN})
    return shown


def of(row: Mirrored) -> SkuMetrics | None:
    """The metrics of an item's or a product's SKU; None before they were worked out."""
    assert isinstance(row, InventoryItem | Product)
    found = SkuMetrics.objects.filter(connection=row.connection_id, sku=row.sku or "")
    return found.filter(customer=row.warehouse_customer_id or "").first()


def low_stock(asked: str, place: RequestContext) -> Q:
    """Rows whose SKU is low on stock, by the workspace's threshold."""
    return Q(Exists(_of_row().filter(cover__lt=place.workspace.low_stock_days)))


def is_low(metrics: SkuMetrics, threshold: int) -> bool:
    """Whether what is available lasts for fewer days than the threshold."""
    return metrics.cover is not None and metrics.cover < Decimal(threshold)


def _of_row() -> "QuerySet[SkuMetrics, SkuMetrics]":
    customer = Coalesce(OuterRef("warehouse_customer_id"), Value("", output_field=TextField()))
    return SkuMetrics.objects.filter(connection=OuterRef("connection"), sku=OuterRef("sku"), customer=customer)
