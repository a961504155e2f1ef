"""Connecting a WMS: the catalogue, the login, what the check found, and the confirmation.

Between check and confirmation the login is encrypted in the person's session and on no page.
"""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.formatting import named
from packr.workspaces.models import MANAGE_CONNECTIONS, Workspace
from packr.workspaces.request_context import request_context
from packr.workspaces.views import sent, signed_in

from .. import pending_login, services
from ..connectors import capabilities
from ..connectors.base import Connector
from ..connectors.registry import CONNECTORS
from ..credential_check import CheckResult, check, result_from_json
from ..entities import Entity
from ..forms import ConnectForm, SetUpForm
from .overview import admin_names, redirect_to_card


@signed_in
@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """Show every WMS that Packr supports and what it offers; admins can connect one."""
    context = {
        "offers": capabilities.offers(),
        "entities": list(Entity),
        "admins": admin_names(request_context(request).workspace),
    }
    return render(request, "integrations/catalogue.html", context)


@signed_in
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest, wms: str) -> HttpResponse:
    """Show the login form of a new connection. POST checks the login live and leads to the confirmation."""
    workspace, connector = _workspace(request), _connector(wms)
    form = ConnectForm(workspace, connector, sent(request))
    if not form.is_valid():
        return _login_page(request, form, status=400 if form.is_bound else 200)
    account = services.Account(wms, form.cleaned_data["name"], form.credentials, form.cleaned_data.get("base_url", ""))
    try:
        result = check(workspace, account)
    except Refused as refused:
        form.add_refusal(refused)
        return _login_page(request, form, status=refused.status)
    details = {"name": account.name, "base_url": account.base_url, "result": result.as_json()}
    pending_login.save(request, _purpose(workspace, wms), form.credentials, **details)
    return HttpResponseRedirect(reverse("connect_confirm", args=[wms]), status=303)


def _login_page(request: HttpRequest, form: ConnectForm, status: int) -> HttpResponse:
    return render(request, "integrations/connect.html", {"form": form, "connector": form.connector}, status=status)


@signed_in
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, wms: str) -> HttpResponse:
    """Show what the check found, what to sync and the lookback. POST connects."""
    workspace, connector = _workspace(request), _connector(wms)
    login = pending_login.load(request, _purpose(workspace, wms))
    if login is None:
        messages.warning(request, "This check has expired. Nothing was stored. Enter the login again.")
        return HttpResponseRedirect(reverse("connect", args=[wms]), status=303)
    name, base_url = login.details["name"], login.details["base_url"]
    result = result_from_json(login.details["result"])
    form = SetUpForm(result, sent(request))
    if not form.is_valid():
        # A second connection to the same account would show all of its data twice.
        twins = workspace.connections.filter(account_key=connector.account_key(base_url, login.credentials))
        context = {
            "connector": connector,
            "result": result,
            "form": form,
            "name": name,
            "twins": twins.order_by("name"),
        }
        return render(request, "integrations/confirm.html", context, status=400 if form.is_bound else 200)
    off = _off(result, form.wanted, request.user)
    account = services.Account(wms, name, login.credentials, base_url, form.cleaned_data["lookback_days"], off)
    pending_login.clear(request)
    try:
        connection = services.connect(workspace, account, person=request.user)
    except Refused as refused:
        messages.error(request, f"Not connected. {refused}")
        return HttpResponseRedirect(reverse("connect", args=[wms]), status=303)
    text = f"{connection.name} is connected. The first syncs have started. You can watch them below or leave this page."
    messages.success(request, text)
    return redirect_to_card(connection)


def _off(result: CheckResult, wanted: set[Entity], person: Any) -> dict[Entity, services.OffReason]:
    """Return the entities that are not synced: those that can't be read, and those the person left out."""
    left_out = services.OffReason(f"{named(person)} left it out when connecting.")
    return {found.entity: found.off or left_out for found in result.entities if found.entity not in wanted}


def _workspace(request: HttpRequest) -> Workspace:
    """Return the workspace. Raises PermissionDenied for people who don't manage its connections."""
    return access.get(request.user, Workspace, request_context(request).workspace.pk, MANAGE_CONNECTIONS)


def _connector(wms: str) -> type[Connector]:
    if wms not in CONNECTORS:
        raise Http404("Packr does not support a WMS of this name.")
    return CONNECTORS[wms]


def _purpose(workspace: Workspace, wms: str) -> str:
    return f"connect {workspace.pk} {wms}"
