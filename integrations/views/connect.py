"""Connecting a WMS: the catalogue, the login, what the check found, and a person's word.

Between the check and the word the login is kept sealed in the person's session, and nowhere in a page.
"""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

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
from ..credential_check import CheckResult, check
from ..entities import Entity
from ..forms import ConnectForm, LoginForm, SetUpForm
from ..models import Connection
from .overview import admins_of


@signed_in
@require_GET
def catalogue(request: HttpRequest) -> HttpResponse:
    """Every WMS that Packr speaks and what it offers, for everybody; admins connect one from here."""
    context = {
        "offers": capabilities.offers(),
        "entities": list(Entity),
        "admins": admins_of(request_context(request).workspace),
    }
    return render(request, "integrations/catalogue.html", context)


@signed_in
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest, wms: str) -> HttpResponse:
    """The login of a new connection. POST checks it live; what it may read is on the next page."""
    workspace, connector = _workspace(request), _connector(wms)
    form = ConnectForm(workspace, connector, sent(request))
    if request.method == "GET" or not form.is_valid():
        return _login(request, form, status=200 if request.method == "GET" else 400)
    account = services.Account(wms, form.cleaned_data["name"], form.credentials, form.cleaned_data.get("base_url", ""))
    try:
        verdict = check(workspace, account)
    except Refused as error:
        return _login(request, form, message=str(error), status=error.status)
    pending_login.keep(
        request,
        _purpose(workspace, wms),
        form.credentials,
        name=account.name,
        base_url=account.base_url,
        verdict=verdict.as_json(),
    )
    return HttpResponseRedirect(reverse("connect_confirm", args=[wms]), status=303)


@signed_in
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest, wms: str) -> HttpResponse:
    """What the check found, how far to read back and what to sync. POST connects."""
    workspace, connector = _workspace(request), _connector(wms)
    kept = pending_login.kept(request, _purpose(workspace, wms))
    if kept is None:
        messages.warning(
            request, "The check is too long ago, or was of another login. Nothing was stored; enter it again."
        )
        return HttpResponseRedirect(reverse("connect", args=[wms]), status=303)
    verdict = CheckResult.from_json(kept.more["verdict"])
    form = SetUpForm(verdict, sent(request))
    page = {
        "connector": connector,
        "verdict": verdict,
        "form": form,
        "name": kept.more["name"],
        "twins": _twins(workspace, connector, kept),
    }
    if request.method == "GET" or not form.is_valid():
        return render(request, "integrations/verdict.html", page, status=200 if request.method == "GET" else 400)
    account = services.Account(
        wms,
        kept.more["name"],
        kept.credentials,
        kept.more["base_url"],
        form.cleaned_data["lookback_days"],
        _off(verdict, form.wanted, request.user),
    )
    pending_login.forget(request)
    try:
        connection = services.connect(workspace, account, person=request.user)
    except Refused as error:
        messages.error(request, f"Not connected. {error}")
        return HttpResponseRedirect(reverse("connect", args=[wms]), status=303)
    return _connected(request, connection)


def _twins(workspace: Workspace, connector: type[Connector], kept: pending_login.Draft) -> list[Connection]:
    """The workspace's connections to the same account, ended ones included: a second one would show all of it twice."""
    key = connector.account_key(kept.more["base_url"], kept.credentials)
    return list(workspace.connections.filter(account_key=key).order_by("name"))


def _connected(request: HttpRequest, connection: Connection) -> HttpResponse:
    messages.success(
        request,
        f"{connection.name} is connected. The first syncs are under way; you can watch them below, and leave the page.",
    )
    return HttpResponseRedirect(f"{reverse('integrations')}#connection-{connection.pk}", status=303)


def _off(verdict: CheckResult, wanted: set[Entity], person: Any) -> dict[Entity, services.Off]:
    """What is not synced: what the account may not read says so itself, the rest was somebody's wish."""
    wish = services.Off(f"{named(person)} left it out when connecting.")
    return {one.entity: one.off or wish for one in verdict.readings if one.entity not in wanted}


def _login(request: HttpRequest, form: LoginForm, *, status: int, message: str = "") -> HttpResponse:
    context = {"form": form, "connector": form.connector, "message": message}
    return render(request, "integrations/connect.html", context, status=status)


def _workspace(request: HttpRequest) -> Workspace:
    """The workspace that the person manages; PermissionDenied for others."""
    return access.get(request.user, Workspace, request_context(request).workspace.pk, MANAGE_CONNECTIONS)


def _connector(wms: str) -> type[Connector]:
    if wms not in CONNECTORS:
        raise Http404("Packr does not speak to a WMS of this name.")
    return CONNECTORS[wms]


def _purpose(workspace: Workspace, wms: str) -> str:
    return f"connect {workspace.pk} {wms}"
