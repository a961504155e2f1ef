"""Ending a connection, with an explicit choice of what becomes of its data."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from packr.workspaces import access
from packr.workspaces.models import MANAGE_CONNECTIONS
from packr.workspaces.views import sent, signed_in

from .. import services
from ..forms import DisconnectForm
from ..models import Connection


@signed_in
@require_http_methods(["GET", "POST"])
def disconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """What ending a connection means, and for one that has ended: deleting what was kept. POST does it."""
    connections = Connection.objects.select_related("workspace")
    connection = access.get(request.user, connections, pk, MANAGE_CONNECTIONS)
    form = DisconnectForm(connection, sent(request))
    if request.method == "GET" or not form.is_valid():
        context = {"connection": connection, "form": form}
        return render(request, "integrations/disconnect.html", context, status=200 if request.method == "GET" else 400)
    if form.deletes or connection.is_live:
        services.disconnect(connection, delete_data=form.deletes, person=request.user)
    messages.success(
        request,
        f"{connection.name} and its data are deleted. The WMS itself is as it was."
        if form.deletes
        else f"{connection.name} is disconnected. Its data stays as it is now.",
    )
    return HttpResponseRedirect(reverse("integrations"), status=303)
