"""The data screens: lists of what the mirror holds, and the pages of one order or inbound shipment."""

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from packr.workspaces.current import Place, place
from packr.workspaces.views import signed_in

from .brands import seen_by
from .models import Customer, InboundShipment, Mirrored, Order, OrderShipment, Product, Warehouse
from .screens import PER_PAGE, Screen

Names = dict[tuple[int, str], str]


@signed_in
def listing(request: HttpRequest, screen: Screen) -> HttpResponse:
    """One data screen. Search, sort and page are in the address: `q`, `sort` and `page`."""
    here = place(request)
    words = request.GET.get("q", "").strip()
    sort = request.GET.get("sort", "")
    rows = seen_by(screen.model._default_manager.all(), here)
    found = rows.filter(screen.search(words)) if words else rows
    page = Paginator(screen.sorted(_lean(found, screen), sort), PER_PAGE).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)
    return render(
        request,
        "warehouse/list.html",
        {
            "screen": screen,
            "page": page,
            "words": words,
            "sort": sort,
            "warehouses": _warehouses(here),
            "customers": _customers(here),
        },
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
    return render(
        request,
        "warehouse/order.html",
        {
            "order": found,
            "lines": lines,
            "shipments": list(shipments.filter(order_id=found.external_id).order_by("shipped_date", "id")),
            "products": dict(seen_by(products, here).values_list("external_id", "name")),
            "warehouses": _warehouses(here),
            "customers": _customers(here),
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
            "warehouses": _warehouses(here),
            "customers": _customers(here),
        },
    )


def _lean(rows: QuerySet[Mirrored], screen: Screen) -> QuerySet[Mirrored]:
    """Lists read the columns they show, not the record beside them."""
    return rows.defer("record", "digest").prefetch_related(*screen.together)


def _warehouses(here: Place) -> Names:
    return _names(seen_by(Warehouse.objects.all(), here))


def _customers(here: Place) -> Names:
    return _names(seen_by(Customer.objects.all(), here))


def _names(rows: "QuerySet[Warehouse] | QuerySet[Customer]") -> Names:
    named = rows.values_list("connection_id", "external_id", "name")
    return {(connection, external_id): name or external_id for connection, external_id, name in named}
