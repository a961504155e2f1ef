"""History of one record, for everyone who sees the record."""

from itertools import chain
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from integrations.entities import Entity
from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from ..history import queries
from ..history.queries import Difference
from ..history.run_links import run_urls, writing_run
from ..mirror.schema import TABLES
from ..models.history import CAUSES
from ..record_urls import list_url, record_url
from ..templatetags.history import part_name
from ..visibility import seen_by


@signed_in
@require_GET
def history(request: HttpRequest, pk: int, entity: Entity) -> HttpResponse:
    """Show the changes of a record, also of a removed one. The address holds the filters."""
    context = request_context(request)
    rows: Any = TABLES[entity].model._default_manager.select_related("connection")
    row = get_object_or_404(seen_by(rows, context, removed=True), pk=pk)
    query = queries.parse_filter(request.GET)
    page = queries.get_page(row, entity, context, query)
    differences = chain(page.values, *(entry.differences for entry in page.entries))
    warehouses = queries.warehouses_in(row, differences, context)
    first_run = None if page.entries else writing_run(row, row.changed_at)
    shown = {
        "row": row,
        "row_url": record_url(row) if row.removed_at is None else "",
        "entity": entity,
        "query": query,
        "page": page,
        "warehouses": warehouses,
        "values": [(one.key, _option(one, warehouses)) for one in page.values],
        "runs": run_urls(entry.change for entry in page.entries),
        "first_run": first_run,
        "list_url": list_url(entity),
        "causes": CAUSES,
    }
    return render(request, "warehouse/history.html", shown)


def _option(difference: Difference, warehouses: dict[str, str]) -> str:
    """Return the words of a value in the filter: its label and the part that it belongs to."""
    label = difference.value.label
    return f"{label}, {part_name(difference, warehouses)}" if difference.part else label
