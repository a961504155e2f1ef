"""Settings → Brands: the warehouse accounts that brands are linked to. Members can view them, admins change them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations.models import BrandMapping
from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.formatting import listed
from packr.workspaces.models import MANAGE_CONNECTIONS, Brand, Workspace
from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from .. import brand_mapping


@signed_in
@require_http_methods(["GET", "POST"])
def brands(request: HttpRequest) -> HttpResponse:
    """List the brands with their accounts; POST adds a brand."""
    context = request_context(request)
    refused = name = ""
    if request.method == "POST":
        workspace = access.get(request.user, Workspace, context.workspace.pk, MANAGE_CONNECTIONS)
        name = request.POST.get("name", "")
        try:
            made = brand_mapping.add_brand(workspace, name)
        except Refused as error:
            refused = str(error)
        else:
            messages.success(request, f"{made} was added. Next, link its warehouse account.")
            return HttpResponseRedirect(reverse("brand", args=[made.pk]), status=303)
    accounts = brand_mapping.account_map(context.workspace)
    rows = [(brand, accounts.of(brand)) for brand in context.brands]
    shown = {"rows": rows, "refused": refused, "name": name}
    return render(request, "warehouse/brands.html", shown, status=400 if refused else 200)


@signed_in
@require_GET
def brand(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a brand with its links, suggestions and all accounts, each with sample records."""
    found = access.get(request.user, Brand.objects.select_related("workspace"), pk)
    accounts = brand_mapping.account_map(found.workspace)
    links = accounts.of(found)
    linked = {link.account.key for link in links}
    suggestions = brand_mapping.suggest(found, accounts)
    words = request.GET.get("q", "").strip()
    free = [one for one in accounts.accounts if one.key not in linked]
    matching = brand_mapping.search_accounts(free, words)
    shown = {one.key: one for one in [*(link.account for link in links), *(s.account for s in suggestions), *matching]}
    return render(
        request,
        "warehouse/brand.html",
        {
            "brand": found,
            "links": links,
            "suggestions": suggestions,
            "listed": [(one, accounts.taken_by(one, but=found)) for one in matching],
            "left_out": len(free) > len(matching) and not words,
            "words": words,
            "free": free,
            "samples": brand_mapping.samples(list(shown.values())),
            "may_edit": access.allows(request.user, MANAGE_CONNECTIONS, found.workspace),
        },
    )


@signed_in
@require_POST
def link(request: HttpRequest, pk: int) -> HttpResponse:
    """Link a brand to an account."""
    found = access.get(request.user, Brand.objects.select_related("workspace"), pk, MANAGE_CONNECTIONS)
    accounts = brand_mapping.account_map(found.workspace)
    try:
        account = brand_mapping.find(accounts, request.POST.get("account", ""))
        brand_mapping.link(found, account, person=request.user)
    except Refused as error:
        messages.error(request, str(error))
    else:
        others = accounts.taken_by(account, but=found)
        also = f" Its records are also shown to {listed(others)}: check that this is intended." if others else ""
        messages.success(request, f"{found} now shows {account}.{also}")
    return HttpResponseRedirect(reverse("brand", args=[pk]), status=303)


@signed_in
@require_POST
def unlink(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a link."""
    mappings = BrandMapping.objects.select_related("brand__workspace", "connection")
    found = access.get(request.user, mappings, pk, MANAGE_CONNECTIONS)
    brand_mapping.unlink(found, person=request.user)
    messages.success(request, f"{found.brand} no longer shows this account. Its records are kept.")
    return HttpResponseRedirect(reverse("brand", args=[found.brand_id]), status=303)
