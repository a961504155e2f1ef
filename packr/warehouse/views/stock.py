"""The stock check of an order, with numbers read in the WMS for it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from ..models import Order, OrderShipment
from ..stock.open_orders import of_order
from ..visibility import seen_by


@signed_in
@require_POST
def check_order(request: HttpRequest, pk: int) -> HttpResponse:
    """Read the stock of an order's SKUs in the WMS, with one call. For everybody who sees the order."""
    here = request_context(request)
    order = get_object_or_404(seen_by(Order.objects.select_related("connection__workspace"), here), pk=pk)
    shipments = seen_by(OrderShipment.objects.filter(connection=order.connection), here)
    checked = of_order(order, order.lines.all(), shipments.filter(order_id=order.external_id), live=True)
    if checked is None:
        messages.info(request, "Nothing of this order is left to ship.")
    elif checked.trouble:
        messages.warning(request, f"The stock was not read. {checked.trouble}")
    elif not checked.was_read:
        messages.warning(request, "The inventory has none of these SKUs, so there was nothing to read.")
    else:
        messages.success(request, f"Read in the WMS just now. {checked.sentence()}")
    return HttpResponseRedirect(f"{reverse('order', args=[pk])}#stock", status=303)
