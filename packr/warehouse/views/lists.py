"""Data screens: lists of the mirror's records, and the same as CSV files."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from integrations.bill_access import is_visible
from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import signed_in

from .. import overrides
from ..lists import csv_export, listing
from ..lists.base import Screen
from .action_parts import create_button, row_marks


@signed_in
@require_safe
def list_page(request: HttpRequest, screen: Screen) -> HttpResponse:
    """Show one page of a data screen. The address holds the query: see `listing.parse_query`."""
    context, query = _visible_context(request, screen), listing.parse_query(screen, request.GET)
    page = listing.get_page(context, query, request.user)
    shown = {
        "screen": screen,
        "page": page,
        "query": query,
        "overrides": overrides.current(screen.entity, page.rows),
        "marks": row_marks(page.rows),
        "button": create_button(context, screen.entity),
    }
    return render(request, "warehouse/list.html", shown)


@signed_in
@require_safe
def export(request: HttpRequest, screen: Screen) -> StreamingHttpResponse:
    """Export all rows of a data screen at the same address as a CSV file."""
    context, query = _visible_context(request, screen), listing.parse_query(screen, request.GET)
    return StreamingHttpResponse(
        csv_export.rows(context, query, head=csv_export.head(request, context, query)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{csv_export.file_name(context, query)}"'},
    )


def _visible_context(request: HttpRequest, screen: Screen) -> RequestContext:
    """Return the request's context. Raises PermissionDenied for bills if the person may not see them."""
    context = request_context(request)
    if not is_visible(screen.entity, bills=context.may_view_bills):
        raise PermissionDenied("Only people who may see the WMS’s bills may do this.")
    return context
