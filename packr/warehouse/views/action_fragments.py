"""Parts of pages that are asked for again: marks of rows that a change is under way for, and SKUs to choose from."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import RequestContext
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from integrations.entities import Entity
from packr.workspaces import access
from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from .. import actions
from ..actions import field_choices
from ..actions.status_labels import STATUS_LABELS, ActionStatus
from ..lists.screens import PER_PAGE
from ..mirror.schema import TABLES
from ..templatetags.actions import marked
from ..visibility import connections, seen_by
from .action_log import key


@signed_in
@require_GET
def marks(request: HttpRequest) -> HttpResponse:
    """The marks of the rows in the address, each to be put where it belongs, and what asks for them again."""
    here, entity = request_context(request), request.GET.get("entity", "")
    entity = entity if entity in TABLES else Entity.ORDERS
    keys = {key(text) for text in request.GET.getlist("row")[:PER_PAGE]}
    rows = list(seen_by(TABLES[Entity(entity)].model._default_manager.filter(pk__in=keys), here).order_by("pk"))
    found, context = actions.marks(rows), RequestContext(request, {"place": here})
    shown = [marked(context, found.get(row.pk), row) for row in rows]
    said = [f"{row}: {STATUS_LABELS[ActionStatus(found[row.pk].state)].word}" for row in rows if row.pk in found]
    return render(
        request,
        "actions/marks.html",
        {
            "marks": found,
            "rows": rows,
            "said": ". ".join(said),
            "written": [render_to_string("actions/_mark.html", {**one, "oob": True}) for one in shown],
        },
    )


@signed_in
@require_GET
def skus(request: HttpRequest, pk: int) -> HttpResponse:
    """The SKUs of an account that begin with what is in the input that asks, whatever line it is in."""
    here = request_context(request)
    connection = access.get(request.user, connections(here), pk)
    typed = next((request.GET[name] for name in request.GET if name.endswith("sku")), "")
    choices = field_choices.skus(connection, here, typed.replace("\0", "").strip())
    return render(request, "actions/_options.html", {"choices": choices})
