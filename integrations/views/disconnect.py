"""Disconnecting, with an explicit choice of what happens to the data."""

from typing import Any

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
from ..signals import record_counts_requested


@signed_in
@require_http_methods(["GET", "POST"])
def disconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what disconnecting means or, if disconnected, what deleting the kept data means. POST does it."""
    connections = Connection.objects.select_related("workspace")
    connection = access.get(request.user, connections, pk, MANAGE_CONNECTIONS)
    form = DisconnectForm(connection, sent(request))
    if not form.is_valid():
        answers: list[Any] = record_counts_requested.send(Connection, connection=connection)
        records = {entity: count for _, counts in answers for entity, count in counts.items()}
        context = {"connection": connection, "form": form, "records": records}
        return render(request, "integrations/disconnect.html", context, status=400 if form.is_bound else 200)
    if form.deletes or connection.is_live:
        services.disconnect(connection, delete_data=form.deletes, person=request.user)
    if form.deletes:
        text = f"{connection.name} and its data are deleted. Nothing changed in {connection.connector.label}."
    else:
        text = f"{connection.name} is disconnected. Its data stays visible but won’t update."
    messages.success(request, text)
    return HttpResponseRedirect(reverse("integrations"), status=303)
