"""Pages of single records: orders, inventory items, products, returns and inbound shipments."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import signed_in

from ..lists.transaction_screens import INVENTORY
from ..models import (
    Customer,
    InboundShipment,
    InventoryItem,
    Mirrored,
    Order,
    OrderShipment,
    Product,
    Return,
    Warehouse,
    WarehouseLocation,
)
from ..stock.open_orders import check_order
from ..visibility import seen_by
from .record_sections import record_sections

Names = dict[str, str | None]  # by external id


@signed_in
@require_safe
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an order with its lines, its shipments and a check of its stock."""
    context = request_context(request)
    found = get_object_or_404(seen_by(Order.objects.select_related("connection"), context), pk=pk)
    lines = list(found.lines.all())
    shipments = seen_by(OrderShipment.objects.filter(connection=found.connection), context)
    sent = list(shipments.filter(order_id=found.external_id).order_by("shipped_date", "id"))
    shown = {
        "order": found,
        "lines": lines,
        "shipments": sent,
        "products": _names(Product, found, [line.product_id for line in lines], context),
        "warehouses": _names(Warehouse, found, [found.warehouse_id, *(one.warehouse_id for one in sent)], context),
        "check": check_order(found, lines, sent, live=False),
    }
    return _page(request, "order", found, shown)


@signed_in
@require_safe
def inbound_shipment(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an inbound shipment with its lines and receipts."""
    context = request_context(request)
    found = get_object_or_404(seen_by(InboundShipment.objects.select_related("connection"), context), pk=pk)
    shown = {
        "inbound": found,
        "lines": list(found.lines.all()),
        "warehouses": _names(Warehouse, found, [found.warehouse_id], context),
    }
    return _page(request, "inbound_shipment", found, shown)


@signed_in
@require_safe
def returned(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a return with its lines and parcels."""
    context = request_context(request)
    found = get_object_or_404(seen_by(Return.objects.select_related("connection"), context), pk=pk)
    parcels = found.record.get("shipments") or []
    orders = seen_by(Order.objects.filter(connection=found.connection_id, external_id=found.order_id), context)
    shown = {
        "row": found,
        "lines": list(found.lines.all()),
        "parcels": parcels,
        "order": orders.defer("record").first() if found.order_id else None,
        "warehouses": _names(Warehouse, found, [one.get("warehouse_id") for one in parcels], context),
    }
    return _page(request, "return", found, shown)


@signed_in
@require_safe
def product(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a product with the inventory items that it consists of."""
    context = request_context(request)
    found = get_object_or_404(seen_by(Product.objects.select_related("connection"), context), pk=pk)
    parts, supplier = found.record.get("inventory_items") or [], found.record.get("supplier_object") or {}
    items = InventoryItem.objects.filter(
        connection=found.connection_id, external_id__in={one["inventory_item_id"] for one in parts}
    )
    shown = {
        "product": found,
        "supplier": supplier.get("supplier_name") or supplier.get("supplier_id"),
        "parts": parts,
        "stock": {item.external_id: item for item in seen_by(items.defer("record"), context)},
    }
    return _page(request, "product", found, shown)


@signed_in
@require_safe
def inventory_item(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an inventory item with its units by warehouse, lot and location."""
    context = request_context(request)
    found = get_object_or_404(seen_by(InventoryItem.objects.select_related("connection"), context), pk=pk)
    levels = list(found.levels.all())
    lots, locations = found.record.get("lots") or [], found.record.get("locations") or []
    warehouse_ids = [one.warehouse_id for one in levels] + [one["warehouse_id"] for one in (*lots, *locations)]
    shown = {
        "item": found,
        "columns": INVENTORY.meanings,
        "levels": levels,
        "lots": lots,
        "locations": locations,
        "location_names": _names(WarehouseLocation, found, [one["location_id"] for one in locations], context),
        "warehouses": _names(Warehouse, found, warehouse_ids, context),
    }
    return _page(request, "inventory_item", found, shown)


def _page(request: HttpRequest, template: str, row: Any, shown: dict[str, Any]) -> HttpResponse:
    """Render the page of a record with its customer and the sections that all records share."""
    context = request_context(request)
    customers = _names(Customer, row, [row.warehouse_customer_id], context)
    shown |= {
        "row": row,
        "customer": customers.get(row.warehouse_customer_id) or row.warehouse_customer_id,
        "sections": record_sections(context, row),
    }
    return render(request, f"warehouse/{template}.html", shown)


def _names(model: type[Mirrored], row: Mirrored, ids: Iterable[str | None], context: RequestContext) -> Names:
    """Return the names of records of the row's connection by external id."""
    rows: Any = model._default_manager.filter(connection=row.connection_id, external_id__in={one for one in ids if one})
    return dict(seen_by(rows, context).values_list("external_id", "name"))
