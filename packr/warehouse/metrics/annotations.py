"""The metrics of rows, for lists, pages and filters."""

from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Coalesce

from packr.workspaces.request_context import RequestContext

from ..models import InventoryItem, Mirrored, Product, SkuMetrics

# Models whose rows have metrics, by connection, customer and SKU.
WITH_METRICS: tuple[type[Mirrored], ...] = (InventoryItem, Product)
LIST_FIGURES = ("sold_30", "cover", "next_arrival", "outstanding")
SOLD_MEANS = (
    "Units in orders created in the last 30 days, including today. Cancelled orders don’t count. "
    "A sold kit also counts for its parts."
)
COVER_MEANS = "Days the available units last at the sales rate of the last 30 days."
ARRIVAL_MEANS = "Earliest expected arrival of an inbound shipment with outstanding units."


def with_metrics(rows: "QuerySet[Any, Any]") -> "QuerySet[Any, Any]":
    """Annotate rows of inventory items or products with the metrics of their SKUs."""
    found = _of_row().values
    shown: QuerySet[Any, Any] = rows.annotate(**{name: Subquery(found(name)) for name in LIST_FIGURES})
    return shown


def metrics_of(row: InventoryItem | Product) -> SkuMetrics | None:
    """Return the metrics of the SKU of an item or a product; None before they were computed."""
    found = SkuMetrics.objects.filter(connection=row.connection_id, sku=row.sku or "")
    return found.filter(customer=row.warehouse_customer_id or "").first()


def low_stock(value: str, context: RequestContext) -> Q:
    """Return the condition for rows whose SKU is low on stock by the workspace's threshold."""
    return Q(Exists(_of_row().filter(cover__lt=context.workspace.low_stock_days)))


def is_low(metrics: SkuMetrics, threshold: int) -> bool:
    """Return whether the available units last fewer days than the threshold."""
    return metrics.cover is not None and metrics.cover < Decimal(threshold)


def _of_row() -> "QuerySet[SkuMetrics, SkuMetrics]":
    customer = Coalesce(OuterRef("warehouse_customer_id"), Value("", output_field=TextField()))
    return SkuMetrics.objects.filter(connection=OuterRef("connection"), sku=OuterRef("sku"), customer=customer)
