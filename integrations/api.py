"""The REST API of connections."""

from typing import Any

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers

from packr.workspaces import access
from packr.workspaces.api_errors import Error

from .entities import Entity
from .models import Connection, Status


class ConnectionRow(serializers.ModelSerializer[Connection]):
    """One account at a WMS and its status, without its credentials."""

    workspace = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    status = serializers.ChoiceField(choices=Status.choices, read_only=True)
    entities = serializers.SerializerMethodField(help_text="the types of data that its WMS offers")

    class Meta:
        model = Connection
        fields = [
            "id",
            "workspace",
            "name",
            "wms",
            "status",
            "status_message",
            "connected_at",
            "checked_at",
            "disconnected_at",
            "lookback_days",
            "entities",
        ]
        read_only_fields = fields

    @extend_schema_field(
        serializers.ListField(
            child=serializers.ChoiceField(choices=[(entity.value, entity.label) for entity in Entity])
        )
    )
    def get_entities(self, connection: Connection) -> list[str]:
        return [entity.value for entity in connection.connector.entities()]


@extend_schema(summary="Your workspaces’ connections", responses={200: ConnectionRow(many=True), 401: Error})
class Connections(generics.ListAPIView[Connection]):
    serializer_class = ConnectionRow

    def get_queryset(self) -> QuerySet[Connection]:
        return access.visible(self.request.user, Connection.objects.select_related("workspace"))


urlpatterns = [path("connections/", Connections.as_view(), name="api_connections")]
