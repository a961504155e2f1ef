"""Settings → Stock: the low-stock threshold. Members can view it, admins change it."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from packr.workspaces import access
from packr.workspaces.models import MANAGE_CONNECTIONS, Workspace
from packr.workspaces.request_context import request_context
from packr.workspaces.views import sent, signed_in


class LowStockForm(forms.Form):
    """The days of cover below which a SKU is low on stock."""

    low_stock_days = forms.IntegerField(
        label="Days of cover",
        min_value=1,
        max_value=365,
        help_text="A SKU is low on stock if its available units last for fewer days.",
    )


@signed_in
@require_http_methods(["GET", "POST"])
def stock_settings(request: HttpRequest) -> HttpResponse:
    """Show the workspace's threshold; POST changes it."""
    workspace = request_context(request).workspace
    if request.method == "POST":
        access.get(request.user, Workspace, workspace.pk, MANAGE_CONNECTIONS)
    form = LowStockForm(sent(request), initial={"low_stock_days": workspace.low_stock_days})
    if form.is_bound and form.is_valid():
        days = form.cleaned_data["low_stock_days"]
        Workspace.objects.filter(pk=workspace.pk).update(low_stock_days=days)
        messages.success(request, f"SKUs are now low on stock below {days} days of cover.")
        return HttpResponseRedirect(reverse("stock_settings"), status=303)
    context = {"form": form, "days": workspace.low_stock_days}
    return render(request, "warehouse/stock_settings.html", context, status=400 if form.errors else 200)
