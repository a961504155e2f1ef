"""New credentials for a connection that exists: after a refused login, to rotate them, or to connect it again."""

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


@signed_in
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def reconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """Enter credentials anew. POST checks them live and, when they are of the same account, uses them at once."""
    connection = _connection(request, pk)
    form = LoginForm(
        connection.connector,
        sent(request),
        asks_address=bool(connection.base_url),
        initial={"base_url": connection.base_url, **_known(connection)},
    )
    if request.method == "GET" or not form.is_valid():
        return _login(request, connection, form, status=200 if request.method == "GET" else 400)
    address = form.cleaned_data.get("base_url", "")
    try:
        count_check(connection.workspace)
        connection = services.reconnect(connection, form.credentials, base_url=address, person=request.user)
    except Refused as error:
        return _login(request, connection, form, message=str(error), status=error.status)
    except services.OtherAccount:
        pending_login.keep(request, _purpose(connection), form.credentials, base_url=address)
        return HttpResponseRedirect(reverse("reconnect_confirm", args=[pk]), status=303)
    return _reconnected(request, connection)


@signed_in
@require_http_methods(["GET", "POST"])
def confirm_other(request: HttpRequest, pk: int) -> HttpResponse:
    """What it means to go on with the credentials of another account. POST does."""
    connection = _connection(request, pk)
    kept = pending_login.kept(request, _purpose(connection))
    if kept is None:
        messages.warning(
            request, "The check is too long ago, or was of another login. Nothing was changed; enter it again."
        )
        return HttpResponseRedirect(reverse("reconnect", args=[pk]), status=303)
    if request.method == "GET":
        return render(request, "integrations/other_account.html", {"connection": connection})
    pending_login.forget(request)
    try:
        connection = services.reconnect(
            connection, kept.credentials, base_url=kept.more["base_url"], other_account=True, person=request.user
        )
    except Refused as error:
        messages.error(request, f"Not reconnected. {error}")
        return HttpResponseRedirect(reverse("reconnect", args=[pk]), status=303)
    return _reconnected(request, connection)


def _reconnected(request: HttpRequest, connection: Connection) -> HttpResponse:
    messages.success(
        request, f"{connection.name} is connected again, and its syncs go on now. You can watch them below."
    )
    return HttpResponseRedirect(f"{reverse('integrations')}#connection-{connection.pk}", status=303)


def _known(connection: Connection) -> dict[str, Any]:
    """The stored credentials that are no secrets, to start from."""
    try:
        stored = connection.credentials()
    except Unreadable:
        return {}
    return {field.name: stored.get(field.name, "") for field in connection.connector.credentials if not field.secret}


def _login(
    request: HttpRequest, connection: Connection, form: LoginForm, *, status: int, message: str = ""
) -> HttpResponse:
    context = {"connection": connection, "form": form, "message": message}
    return render(request, "integrations/reconnect.html", context, status=status)


def _connection(request: HttpRequest, pk: int) -> Connection:
    return access.get(request.user, Connection.objects.select_related("workspace"), pk, MANAGE_CONNECTIONS)


def _purpose(connection: Connection) -> str:
    return f"reconnect {connection.pk}"
