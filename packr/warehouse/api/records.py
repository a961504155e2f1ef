"""API of records: each entity as a list, as a feed of changes, and one record by its id."""

from typing import Any

from django.http import QueryDict
from django.urls import path, reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.bill_access import view_permission
from integrations.entities import Entity
from integrations.records import Record
from packr.workspaces import access
from packr.workspaces.api_auth import Pages
from packr.workspaces.api_errors import Error
from packr.workspaces.models import Brand

from ..mirror.export import export_row, format_stamp
from ..mirror.schema import TABLES
from ..models import Mirrored
from . import action_requests, change_feed
from .schema import page_of, shape_of

NO_BILLS = "Only admins of this workspace, and people whom support has given access, may see the WMS’s bills."


class RecordQuery(serializers.Serializer[Any]):
    """Query of a list of records."""

    connection = serializers.IntegerField(required=False, min_value=1, max_value=change_feed.MAX_INTEGER)
    brand = serializers.SlugField(required=False)
    updated_since = serializers.DateTimeField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=Pages.max_page_size)
    cursor = serializers.CharField(required=False)

    def validate_cursor(self, text: str) -> change_feed.Position:
        position = change_feed.decode_cursor(text)
        if position is None:
            raise serializers.ValidationError("This cursor is invalid. Use the address in `next`.")
        return position


PARAMETERS = [
    OpenApiParameter("connection", int, description="only records of this connection"),
    OpenApiParameter("brand", str, description="only records that this brand sees, by its slug"),
    OpenApiParameter(
        "updated_since",
        str,
        description="Starts a feed of changes in Packr since this time, including records removed from the WMS "
        "(`removed_at`). `next` continues the feed, now or a week later; without new changes the page is empty.",
    ),
    OpenApiParameter(
        "limit", int, description=f"rows per page, {Pages.page_size} by default, {Pages.max_page_size} at most"
    ),
    OpenApiParameter("cursor", str, description="where to continue, from `next`"),
]


class Records(APIView):
    """The records of one entity."""

    entity = Entity.ORDERS

    def get(self, request: Request) -> Response:
        form = RecordQuery(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        query = form.validated_data
        scope = _scope(request, self.entity, query)
        since, size = query.get("updated_since"), query.get("limit", Pages.page_size)
        start = query.get("cursor") or change_feed.Position(is_feed=since is not None)
        if start.is_feed:
            page = change_feed.list_changes(scope, since, start, size)
        else:
            page = change_feed.list_records(scope, start, size)
        rows = [serialize_record(request, self.entity, row) for row in page.rows]
        return Response({"next": _next_url(request, page), "previous": None, "results": rows})


class OneRecord(APIView):
    """One record, also one that was removed from the WMS."""

    entity = Entity.ORDERS

    def get(self, request: Request, pk: int) -> Response:
        row = access.get(request.user, TABLES[self.entity].model, pk, view_permission(self.entity))
        return Response(serialize_record(request, self.entity, row))


def serialize_record(request: Request, entity: Entity, row: Mirrored) -> dict[str, Any]:
    """Return a row as JSON: the exported record with its connection and its changes in Packr."""
    return {
        "id": row.pk,
        "url": request.build_absolute_uri(reverse(f"api_{entity}_one", args=[row.pk])),
        "connection": row.connection_id,
        "changed_at": format_stamp(row.changed_at),
        "removed_at": format_stamp(row.removed_at),
        **export_row(TABLES[entity], row),
    }


def _scope(request: Request, entity: Entity, query: dict[str, Any]) -> change_feed.RecordScope:
    """Return the records of an entity that the person sees, narrowed by the query."""
    found = list(change_feed.connections(request.user, entity))
    if not found and view_permission(entity) and access.workspaces(request.user).exists():
        raise PermissionDenied(NO_BILLS)
    if "connection" in query:
        found = [one for one in found if one.pk == query["connection"]]
        if not found:
            raise serializers.ValidationError({"connection": ["There is no such connection."]})
    if "brand" not in query:
        return change_feed.RecordScope(entity, found)
    brand = _brand(request, query["brand"], {one.workspace_id for one in found})
    return change_feed.RecordScope(entity, [one for one in found if one.workspace_id == brand.workspace_id], brand)


def _brand(request: Request, slug: str, workspaces: set[int]) -> Brand:
    """Return the brand with this slug; if several workspaces have one, that of the requested connection."""
    brands = access.visible(request.user, Brand.objects.select_related("workspace")).filter(slug=slug)
    found = [one for one in brands if one.workspace_id in workspaces] or list(brands)
    if not found:
        raise serializers.ValidationError({"brand": ["There is no such brand."]})
    if len(found) > 1:
        raise serializers.ValidationError({"brand": ["Several workspaces have this brand. Name a connection too."]})
    return found[0]


def _next_url(request: Request, page: change_feed.RecordPage) -> str | None:
    if page.next is None:
        return None
    query: QueryDict = request.query_params.copy()
    query["cursor"] = change_feed.encode_cursor(page.next)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _urlpatterns_for(entity: Entity) -> list[Any]:
    """Return the addresses of one entity, each with its own description in the schema."""
    record_type: type[Record] = TABLES[entity].record_type
    refused = {400: Error, 401: Error, 403: Error} if view_permission(entity) else {400: Error, 401: Error}
    many = extend_schema(
        operation_id=f"{entity.replace('-', '_')}_list",
        summary=entity.label,
        parameters=PARAMETERS,
        responses={200: page_of(record_type), **refused},
    )
    one = extend_schema(
        operation_id=f"{entity.replace('-', '_')}_one",
        summary=f"{entity.label}: one record",
        responses={200: shape_of(record_type), 401: Error, 404: Error},
    )
    return [
        path(f"{entity}/", _view(Records, entity, many), name=f"api_{entity}"),
        path(f"{entity}/<int:pk>/", _view(OneRecord, entity, one), name=f"api_{entity}_one"),
    ]


def _view(base: type[APIView], entity: Entity, described: Any) -> Any:
    """Return the view of one entity's lists or records, with the actions at the same address."""
    writes = (action_requests.LIST_ACTIONS if base is Records else action_requests.RECORD_ACTIONS).get(entity)
    bases = (base, writes) if writes else (base,)
    view: type[APIView] = type(f"{TABLES[entity].model.__name__}{base.__name__}", bases, {"entity": entity})
    extend_schema_view(get=described)(view)
    return view.as_view()


urlpatterns = [pattern for entity in TABLES for pattern in _urlpatterns_for(entity)]
