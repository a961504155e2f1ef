"""API of changes sent to the WMS: their outcomes, and the changes that a connection offers."""

from typing import Any

from django.db.models import QuerySet
from django.urls import path, reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.connectors.actions import ActionKind, Field
from integrations.entities import Entity
from integrations.models import Action, ActionState, Connection, Through
from packr.workspaces import access
from packr.workspaces.api_errors import Error

from .. import actions
from ..mirror.schema import TABLES
from . import change_feed

KINDS = [(kind.value, kind.label) for kind in ActionKind]


class ActionRow(serializers.ModelSerializer[Action]):
    """A change sent to a WMS, and its outcome."""

    url = serializers.HyperlinkedIdentityField(view_name="api_action")
    kind = serializers.ChoiceField(choices=KINDS, read_only=True)
    state = serializers.ChoiceField(
        choices=ActionState.choices,
        read_only=True,
        help_text="`unknown`: the WMS’s answer was lost, and Packr is checking whether the change was made",
    )
    through = serializers.ChoiceField(choices=Through.choices, read_only=True)
    person = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    fields_refused = serializers.JSONField(
        source="errors", read_only=True, help_text="the WMS’s errors by the path of the field"
    )
    record = serializers.SerializerMethodField(help_text="the address of the created or changed record")

    class Meta:
        model = Action
        fields = [
            "id",
            "url",
            "connection",
            "kind",
            "entity",
            "state",
            "external_id",
            "record",
            "reference",
            "values",
            "person",
            "through",
            "asked_at",
            "answered_at",
            "confirmed_at",
            "latency_ms",
            "message",
            "origin",
            "fields_refused",
            "warning",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_record(self, action: Action) -> str | None:
        entity = Entity(action.entity)
        keys = self.context.get("rows")
        if keys is None:
            keys = _row_keys([action])
        row = keys.get((action.entity, action.connection_id, action.external_id))
        return self.context["request"].build_absolute_uri(reverse(f"api_{entity}_one", args=[row])) if row else None


class ActionQuery(serializers.Serializer[Any]):
    """Query of the list of changes."""

    connection = serializers.IntegerField(required=False, min_value=1, max_value=change_feed.MAX_INTEGER)
    kind = serializers.ChoiceField(choices=KINDS, required=False)
    state = serializers.ChoiceField(choices=ActionState.choices, required=False)


class OfferedField(serializers.Serializer[Any]):
    """A field of a change. `fields` are the fields of each line, or of the address."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the name is the API's
    kind = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    help = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())
    fields = serializers.ListField(child=serializers.DictField())  # type: ignore[assignment]


class Offer(serializers.Serializer[Any]):
    """A kind of change, with its fields or the reason why it is unavailable."""

    kind = serializers.ChoiceField(choices=KINDS)
    label = serializers.CharField()  # type: ignore[assignment]
    reason = serializers.CharField(help_text="why it is unavailable; empty if it is available")
    fields = OfferedField(many=True)  # type: ignore[assignment]


def serialize_action(request: Request, action: Action) -> Any:
    """Return an action as JSON."""
    return ActionRow(action, context={"request": request}).data


def _row_keys(found: list[Action]) -> dict[tuple[str, int, str], int]:
    """Return the row keys of the actions' records by (entity, connection, external id), one query an entity."""
    keys: dict[tuple[str, int, str], int] = {}
    for entity in {one.entity for one in found}:
        about = [one for one in found if one.entity == entity and one.external_id]
        rows = TABLES[Entity(entity)].model._default_manager.filter(
            connection__in={one.connection_id for one in about}, external_id__in={one.external_id for one in about}
        )
        keys |= {(entity, row[0], row[1]): row[2] for row in rows.values_list("connection", "external_id", "pk")}
    return keys


class Actions(generics.ListAPIView[Action]):
    serializer_class = ActionRow

    @extend_schema(
        summary="Changes sent to the WMS, newest first",
        parameters=[
            OpenApiParameter("connection", int),
            OpenApiParameter("kind", str, enum=[kind for kind, _ in KINDS]),
            OpenApiParameter("state", str, enum=ActionState.values),
        ],
        responses={200: ActionRow(many=True), 400: Error, 401: Error},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        context = {"request": request, "rows": _row_keys(list(page))}
        return self.get_paginated_response(ActionRow(page, many=True, context=context).data)

    def get_queryset(self) -> QuerySet[Action]:
        query = ActionQuery(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        return _visible(self.request).filter(**query.validated_data)


class OneAction(APIView):
    @extend_schema(summary="One change", responses={200: ActionRow, 401: Error, 404: Error})
    def get(self, request: Request, pk: int) -> Response:
        return Response(serialize_action(request, access.get(request.user, _visible(request), pk)))


class Offers(APIView):
    @extend_schema(
        summary="The changes that a connection offers",
        responses={200: Offer(many=True), 401: Error, 404: Error},
    )
    def get(self, request: Request, pk: int) -> Response:
        connection = access.get(request.user, Connection.objects.select_related("workspace"), pk)
        reasons = actions.available_actions(connection)
        return Response([_offer(connection, kind, reasons[kind]) for kind in ActionKind])


def _offer(connection: Connection, kind: ActionKind, reason: str) -> dict[str, Any]:
    fields = [] if reason else [_field(one) for one in actions.fields(connection, kind)]
    return {"kind": kind, "label": kind.label, "reason": reason, "fields": fields}


def _field(one: Field) -> dict[str, Any]:
    return {
        "name": one.name,
        "label": one.label,
        "kind": one.kind,
        "required": one.required,
        "help": one.help,
        "choices": [value for value, _ in one.choices],
        "fields": [_field(each) for each in one.fields],
    }


def _visible(request: Request) -> "QuerySet[Action]":
    return access.visible(request.user, Action.objects.select_related("person").defer("exchanges"))


urlpatterns = [
    path("actions/", Actions.as_view(), name="api_actions"),
    path("actions/<int:pk>/", OneAction.as_view(), name="api_action"),
    path("connections/<int:pk>/actions/", Offers.as_view(), name="api_offers"),
]
