"""New credentials for an existing connection: after a rejected login, to rotate them, or to connect it again."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.models import MANAGE_CONNECTIONS
from packr.workspaces.views import sent, signed_in

from .. import pending_login, services
from ..credential_check import count_check
from ..encryption import Unreadable
from ..forms import LoginForm
from ..models import Connection
from .overview import redirect_to_card


@signed_in
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def reconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the login form. POST checks new credentials live and uses them if they are of the same account."""
    connection = _connection(request, pk)
    initial = {"base_url": connection.base_url, **_known_values(connection)}
    form = LoginForm(connection.connector, sent(request), asks_address=bool(connection.base_url), initial=initial)
    if not form.is_valid():
        return _login_page(request, connection, form, status=400 if form.is_bound else 200)
    base_url = form.cleaned_data.get("base_url", "")
    try:
        count_check(connection.workspace)
        connection = services.reconnect(connection, form.credentials, base_url=base_url, person=request.user)
    except Refused as refused:
        form.add_refusal(refused)
        return _login_page(request, connection, form, status=refused.status)
    except services.OtherAccount:
        pending_login.save(request, _purpose(connection), form.credentials, base_url=base_url)
        return HttpResponseRedirect(reverse("reconnect_confirm", args=[pk]), status=303)
    return _reconnected(request, connection)


def _login_page(request: HttpRequest, connection: Connection, form: LoginForm, status: int) -> HttpResponse:
    return render(request, "integrations/reconnect.html", {"connection": connection, "form": form}, status=status)


@signed_in
@require_http_methods(["GET", "POST"])
def confirm_other(request: HttpRequest, pk: int) -> HttpResponse:
    """Explain what using the credentials of another account means. POST does it."""
    connection = _connection(request, pk)
    login = pending_login.load(request, _purpose(connection))
    if login is None:
        messages.warning(request, "This check has expired. Nothing was changed. Enter the login again.")
        return HttpResponseRedirect(reverse("reconnect", args=[pk]), status=303)
    if request.method == "GET":
        return render(request, "integrations/other_account.html", {"connection": connection})
    pending_login.clear(request)
    base_url = login.details["base_url"]
    try:
        connection = services.reconnect(
            connection, login.credentials, base_url=base_url, other_account=True, person=request.user
        )
    except Refused as refused:
        messages.error(request, f"Not reconnected. {refused}")
        return HttpResponseRedirect(reverse("reconnect", args=[pk]), status=303)
    return _reconnected(request, connection)


def _reconnected(request: HttpRequest, connection: Connection) -> HttpResponse:
    messages.success(
        request, f"{connection.name} is connected again. Its syncs have resumed; you can watch them below."
    )
    return redirect_to_card(connection)


def _known_values(connection: Connection) -> dict[str, Any]:
    """Return the stored credentials that are not secret, to prefill the form."""
    try:
        stored = connection.credentials()
    except Unreadable:
        return {}
    return {field.name: stored.get(field.name, "") for field in connection.connector.credentials if not field.secret}


def _connection(request: HttpRequest, pk: int) -> Connection:
    return access.get(request.user, Connection.objects.select_related("workspace"), pk, MANAGE_CONNECTIONS)


def _purpose(connection: Connection) -> str:
    return f"reconnect {connection.pk}"
