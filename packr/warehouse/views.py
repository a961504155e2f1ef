"""The data screens: lists of what the mirror holds, and the pages of one order or inbound shipment."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render

from packr.workspaces.current import Place, place
from packr.workspaces.views import signed_in

from . import listing as lists
from . import overrides, spreadsheet
from .brands import seen_by
from .models import Customer, InboundShipment, Mirrored, Order, OrderShipment, Product, Warehouse
from .screens import Screen

Names = dict[tuple[int, str], str]


@signed_in
def listing(request: HttpRequest, screen: Screen) -> HttpResponse:
    """One data screen. What is shown of it is in the address: see `listing.asked`."""
    asked = lists.asked(screen, request.GET)
    page = lists.page(place(request), asked)
    context = {"screen": screen, "page": page, "asked": asked, "overrides": overrides.current(screen.entity, page.rows)}
    return render(request, "warehouse/list.html", context)


@signed_in
def export(request: HttpRequest, screen: Screen) -> StreamingHttpResponse:
    """The whole of what a data screen shows at the same address, as a CSV file."""
    here, asked = place(request), lists.asked(screen, request.GET)
    return StreamingHttpResponse(
        spreadsheet.rows(here, asked, head=spreadsheet.head(request, here, asked)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{spreadsheet.file_name(here, asked)}"'},
    )


@signed_in
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """One order with its lines and what was shipped for it."""
    here = place(request)
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
def inbound_shipment(request: HttpRequest, pk: int) -> HttpResponse:
    """One inbound shipment with its lines and receipts."""
    here = place(request)
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


def _names(model: type[Warehouse] | type[Customer], of: Mirrored, ids: Iterable[str | None], here: Place) -> Names:
    """The names of warehouses or customers of the record's own connection."""
    rows: Any = model._default_manager.filter(connection=of.connection_id, external_id__in={one for one in ids if one})
    named = seen_by(rows, here).values_list("connection_id", "external_id", "name")
    return {(connection, external_id): name or external_id for connection, external_id, name in named}
