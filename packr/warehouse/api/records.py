"""What the mirror holds, by program: each entity as a list, as a feed of what changes, and one record by its id."""

from typing import Any

from django.http import QueryDict
from django.urls import path, reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.entities import Entity
from integrations.permissions import view_permission
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

NO_BILLS = "Only an admin of this workspace may see the WMS’s bills, or somebody whom support lets see them."


class Asked(serializers.Serializer[Any]):
    """Which records to list."""

    connection = serializers.IntegerField(required=False, min_value=1, max_value=change_feed.LARGEST)
    brand = serializers.SlugField(required=False)
    updated_since = serializers.DateTimeField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=Pages.max_page_size)
    cursor = serializers.CharField(required=False)

    def validate_cursor(self, text: str) -> change_feed.Position:
        found = change_feed.read(text)
        if found is None:
            raise serializers.ValidationError("This is no cursor of Packr’s. Use the address that `next` gave.")
        return found


PARAMETERS = [
    OpenApiParameter("connection", int, description="of this connection alone"),
    OpenApiParameter("brand", str, description="what this brand sees, by its short name"),
    OpenApiParameter(
        "updated_since",
        str,
        description="Starts a feed: what changed in Packr since this time, what left the WMS included (`removed_at`). "
        "`next` carries on, now or a week later; nothing new is an empty page.",
    ),
    OpenApiParameter(
        "limit", int, description=f"rows a page, {Pages.page_size} unless told, {Pages.max_page_size} at most"
    ),
    OpenApiParameter("cursor", str, description="where to go on, from `next`"),
]


class Records(APIView):
    """The records of one entity."""

    entity = Entity.ORDERS

    def get(self, request: Request) -> Response:
        form = Asked(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        sight = _sight(request, self.entity, asked)
        since, size = asked.get("updated_since"), asked.get("limit", Pages.page_size)
        start = asked.get("cursor") or change_feed.Position(feeds=since is not None)
        found = (
            change_feed.changed(sight, since, start, size) if start.feeds else change_feed.listed(sight, start, size)
        )
        rows = [serialize_record(request, self.entity, row) for row in found.rows]
        return Response({"next": _next(request, found), "previous": None, "results": rows})


class OneRecord(APIView):
    """One record, also one that is no longer in the WMS."""

    entity = Entity.ORDERS

    def get(self, request: Request, pk: int) -> Response:
        row = access.get(request.user, TABLES[self.entity].model, pk, view_permission(self.entity))
        return Response(serialize_record(request, self.entity, row))


def serialize_record(request: Request, entity: Entity, row: Mirrored) -> dict[str, Any]:
    """A row as the API tells it: the exported record, and whose it is and when it changed here."""
    return {
        "id": row.pk,
        "url": request.build_absolute_uri(reverse(f"api_{entity}_one", args=[row.pk])),
        "connection": row.connection_id,
        "changed_at": format_stamp(row.changed_at),
        "removed_at": format_stamp(row.removed_at),
        **export_row(TABLES[entity], row),
    }


def _sight(request: Request, entity: Entity, asked: dict[str, Any]) -> change_feed.Sight:
    """What the person sees of an entity, narrowed to what was asked for."""
    found = list(change_feed.connections(request.user, entity))
    if not found and view_permission(entity) and access.workspaces(request.user).exists():
        raise PermissionDenied(NO_BILLS)
    if "connection" in asked:
        found = [one for one in found if one.pk == asked["connection"]]
        if not found:
            raise serializers.ValidationError({"connection": ["There is no such connection."]})
    brand = _brand(request, asked["brand"], {one.workspace_id for one in found}) if "brand" in asked else None
    ours = [one for one in found if brand is None or one.workspace_id == brand.workspace_id]
    return change_feed.Sight(entity, ours, brand)


def _brand(request: Request, slug: str, workspaces: set[int]) -> Brand:
    """The brand of this name; in several workspaces, that of the connection that was asked for."""
    brands = access.visible(request.user, Brand.objects.select_related("workspace")).filter(slug=slug)
    found = [one for one in brands if one.workspace_id in workspaces] or list(brands)
    if not found:
        raise serializers.ValidationError({"brand": ["There is no such brand."]})
    if len(found) > 1:
        raise serializers.ValidationError({"brand": ["Several workspaces have this brand. Name a connection too."]})
    return found[0]


def _next(request: Request, found: change_feed.Found) -> str | None:
    if found.after is None:
        return None
    query: QueryDict = request.query_params.copy()
    query["cursor"] = change_feed.written(found.after)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _urlpatterns_for(entity: Entity) -> list[Any]:
    """The addresses of one entity, each described in the schema as its own."""
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
    """The view of one entity's lists or records, with what its address takes besides reading."""
    writes = (action_requests.LIST_ACTIONS if base is Records else action_requests.RECORD_ACTIONS).get(entity)
    bases = (base, writes) if writes else (base,)
    view: type[APIView] = type(f"{TABLES[entity].model.__name__}{base.__name__}", bases, {"entity": entity})
    extend_schema_view(get=described)(view)
    return view.as_view()


urlpatterns = [door for entity in TABLES for door in _urlpatterns_for(entity)]
