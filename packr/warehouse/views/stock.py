"""Stock check of an order with numbers read from the WMS."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from ..models import Order, OrderShipment
from ..stock import open_orders
from ..visibility import seen_by


@signed_in
@require_POST
def check_order(request: HttpRequest, pk: int) -> HttpResponse:
    """Read the stock of an order's SKUs from the WMS, in one call. For everyone who sees the order."""
    context = request_context(request)
    order = get_object_or_404(seen_by(Order.objects.select_related("connection__workspace"), context), pk=pk)
    shipments = seen_by(OrderShipment.objects.filter(connection=order.connection), context)
    sent = shipments.filter(order_id=order.external_id)
    checked = open_orders.check_order(order, order.lines.all(), sent, live=True)
    if checked is None:
        messages.info(request, "This order has nothing left to ship.")
    elif checked.trouble:
        messages.warning(request, f"The stock was not read. {checked.trouble}")
    elif not checked.was_read:
        messages.warning(request, "None of these SKUs is in the inventory, so there was nothing to read.")
    else:
        messages.success(request, f"Read from the WMS just now. {checked.sentence()}")
    return HttpResponseRedirect(f"{reverse('order', args=[pk])}#stock", status=303)
