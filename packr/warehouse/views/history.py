"""The history of one record, for everybody who sees the record."""

from itertools import chain
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from integrations.entities import Entity
from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from ..history import queries
from ..mirror.schema import TABLES
from ..models.history import CAUSES
from ..visibility import seen_by


@signed_in
@require_GET
def history(request: HttpRequest, pk: int, entity: Entity) -> HttpResponse:
    """What changed of one record, when and why, be it still in the WMS or not. The filters are in the address."""
    here = request_context(request)
    rows: Any = TABLES[entity].model._default_manager.select_related("connection")
    row = get_object_or_404(seen_by(rows, here, removed=True), pk=pk)
    asked = queries.parse_filter(request.GET)
    page = queries.page(row, entity, here, asked)
    told = chain(page.values, *(entry.differences for entry in page.entries))
    return render(
        request,
        "warehouse/history.html",
        {
            "row": row,
            "entity": entity,
            "asked": asked,
            "page": page,
            "warehouses": queries.warehouses_in(row, told, here),
            "list": reverse(entity.value.replace("-", "_")),
            "causes": CAUSES,
        },
    )
