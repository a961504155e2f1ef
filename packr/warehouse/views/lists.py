"""The data screens: lists of what the mirror holds, and the same as a CSV file."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from integrations.permissions import is_visible
from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import signed_in

from .. import overrides
from ..lists import csv_export
from ..lists import listing as lists
from ..lists.screens import Screen


@signed_in
@require_safe
def listing(request: HttpRequest, screen: Screen) -> HttpResponse:
    """One data screen. What is shown of it is in the address: see `listing.parse_query`."""
    here, asked = _seen(request, screen), lists.parse_query(screen, request.GET)
    page = lists.page(here, asked, request.user)
    context = {"screen": screen, "page": page, "asked": asked, "overrides": overrides.current(screen.entity, page.rows)}
    return render(request, "warehouse/list.html", context)


@signed_in
@require_safe
def export(request: HttpRequest, screen: Screen) -> StreamingHttpResponse:
    """The whole of what a data screen shows at the same address, as a CSV file."""
    here, asked = _seen(request, screen), lists.parse_query(screen, request.GET)
    return StreamingHttpResponse(
        csv_export.rows(here, asked, head=csv_export.head(request, here, asked)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{csv_export.file_name(here, asked)}"'},
    )


def _seen(request: HttpRequest, screen: Screen) -> RequestContext:
    """The place that looks at a screen; PermissionDenied for bills that the person may not see."""
    here = request_context(request)
    if not is_visible(screen.entity, bills=here.may_view_bills):
        raise PermissionDenied("Only people who may see the WMS’s bills may do this.")
    return here
