"""The pages of one record: an order, an inventory item, a product, a return, an inbound shipment."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import signed_in

from ..lists import screens
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
from ..visibility import seen_by

Names = dict[tuple[int, str], str]


@signed_in
@require_safe
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """One order with its lines and what was shipped for it."""
    here = request_context(request)
    found = get_object_or_404(seen_by(Order.objects.select_related("connection"), here), pk=pk)
    lines = list(found.lines.all())
    shipments = seen_by(OrderShipment.objects.filter(connection=found.connection), here)
    products = Product.objects.filter(
        connection=found.connection, external_id__in={line.product_id for line in lines if line.product_id}
    )
    sent = list(shipments.filter(order_id=found.external_id).order_by("shipped_date", "id"))
    return render(
        request,
        "warehouse/order.html",
        {
            "order": found,
            "lines": lines,
            "shipments": sent,
            "products": dict(seen_by(products, here).values_list("external_id", "name")),
            "warehouses": _names(Warehouse, found, (found.warehouse_id, *(one.warehouse_id for one in sent)), here),
            "customers": _names(Customer, found, [found.warehouse_customer_id], here),
        },
    )


@signed_in
@require_safe
def inbound_shipment(request: HttpRequest, pk: int) -> HttpResponse:
    """One inbound shipment with its lines and receipts."""
    here = request_context(request)
    found = get_object_or_404(seen_by(InboundShipment.objects.select_related("connection"), here), pk=pk)
    return render(
        request,
        "warehouse/inbound_shipment.html",
        {
            "inbound": found,
            "lines": list(found.lines.all()),
            "warehouses": _names(Warehouse, found, [found.warehouse_id], here),
            "customers": _names(Customer, found, [found.warehouse_customer_id], here),
        },
    )


@signed_in
@require_safe
def returned(request: HttpRequest, pk: int) -> HttpResponse:
    """One return with its lines and the parcels it comes in."""
    here = request_context(request)
    found = get_object_or_404(seen_by(Return.objects.select_related("connection"), here), pk=pk)
    parcels = found.record.get("shipments") or []
    orders = seen_by(Order.objects.filter(connection=found.connection_id, external_id=found.order_id), here)
    return render(
        request,
        "warehouse/return.html",
        {
            "back": found,
            "lines": list(found.lines.all()),
            "parcels": parcels,
            "order": orders.defer("record").first() if found.order_id else None,
            "warehouses": _names(Warehouse, found, [one.get("warehouse_id") for one in parcels], here),
            "customers": _names(Customer, found, [found.warehouse_customer_id], here),
        },
    )


@signed_in
@require_safe
def product(request: HttpRequest, pk: int) -> HttpResponse:
    """One product, with the stock of what it is made of."""
    here = request_context(request)
    found = get_object_or_404(seen_by(Product.objects.select_related("connection"), here), pk=pk)
    parts, supplier = found.record.get("inventory_items") or [], found.record.get("supplier_object") or {}
    items = InventoryItem.objects.filter(
        connection=found.connection_id, external_id__in={one["inventory_item_id"] for one in parts}
    )
    return render(
        request,
        "warehouse/product.html",
        {
            "product": found,
            "supplier": supplier.get("supplier_name") or supplier.get("supplier_id"),
            "parts": parts,
            "stock": {item.external_id: item for item in seen_by(items.defer("record"), here)},
            "customers": _names(Customer, found, [found.warehouse_customer_id], here),
        },
    )


@signed_in
@require_safe
def inventory_item(request: HttpRequest, pk: int) -> HttpResponse:
    """One item on the shelf: its units per warehouse, by lot and by location."""
    here = request_context(request)
    found = get_object_or_404(seen_by(InventoryItem.objects.select_related("connection"), here), pk=pk)
    levels = list(found.levels.all())
    lots, spots = found.record.get("lots") or [], found.record.get("locations") or []
    places = WarehouseLocation.objects.filter(
        connection=found.connection_id, external_id__in={one["location_id"] for one in spots}
    )
    somewhere = [one.warehouse_id for one in levels] + [one["warehouse_id"] for one in (*lots, *spots)]
    return render(
        request,
        "warehouse/inventory_item.html",
        {
            "item": found,
            "columns": screens.INVENTORY.meanings,
            "levels": levels,
            "lots": lots,
            "spots": spots,
            "places": dict(seen_by(places, here).values_list("external_id", "name")),
            "warehouses": _names(Warehouse, found, somewhere, here),
            "customers": _names(Customer, found, [found.warehouse_customer_id], here),
        },
    )


def _names(
    model: type[Warehouse] | type[Customer], of: Mirrored, ids: Iterable[str | None], here: RequestContext
) -> Names:
    """The names of warehouses or customers of the record's own connection."""
    rows: Any = model._default_manager.filter(connection=of.connection_id, external_id__in={one for one in ids if one})
    named = seen_by(rows, here).values_list("connection_id", "external_id", "name")
    return {(connection, external_id): name or external_id for connection, external_id, name in named}
