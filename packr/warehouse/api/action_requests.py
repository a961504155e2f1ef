"""API that changes something in the WMS, with an Idempotency-Key; it uses the same service as the pages."""

from typing import Any
from uuid import uuid4

from django.urls import path, reverse
from django.utils.timezone import now
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.connectors.actions import ActionKind
from integrations.entities import Entity
from integrations.errors import Kind
from integrations.models import Action, ActionState, Connection, Through
from packr.workspaces import access
from packr.workspaces.api_errors import Error, body
from packr.workspaces.models import ACT, Scope

from .. import actions
from ..mirror.schema import TABLES
from ..models import Mirrored
from ..stock import precheck
from ..stock.check import StockCheck
from .actions import ActionRow, serialize_action

MAX_KEY_LENGTH = 255
KEY_PARAMETER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description=f"Your own key, up to {MAX_KEY_LENGTH} characters, new for each change. A request with a key that was "
    "used before sends nothing and returns the first answer; with different content it is refused (409). Without a "
    "key, a repeated request is a second change.",
)
ERROR_RESPONSES = {400: Error, 401: Error, 403: Error, 404: Error, 409: Error, 422: Error, 503: Error}
BODY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": True,
    "description": "The fields of the change, as listed by `GET /api/v1/connections/{id}/actions/`.",
}
CREATE_BODY_SCHEMA = BODY_SCHEMA | {
    "properties": {
        "connection": {"type": "integer", "description": "the connection to send it to; required if several offer it"},
        "check_stock": {
            "type": "boolean",
            "description": "for a new order: send it only if all of it is in stock; otherwise 409 lists what is short",
        },
    }
}
DESCRIPTION = (
    "For admins. Sent to the WMS immediately. {} 202: the WMS’s answer was lost, and Packr checks whether the change "
    "was made; follow it at its `url`, and don’t send it again. 422: the WMS refused it; the error has its own words. "
    "503: it was not sent, because the WMS is unreachable or is limiting requests. "
    "`GET /api/v1/connections/{{id}}/actions/` lists the fields."
)


class ActionEndpoint(APIView):
    """View that sends a change to the WMS."""

    scope = Scope.ACT

    def send(self, request: Request, kind: ActionKind, pk: int | None = None) -> Response:
        """Send a change of the record `pk`, or one that creates a record, and return the response."""
        values = _values(request)
        row = _row(request, kind, pk) if pk else None
        connection = row.connection if row else _connection(request, kind, values.pop("connection", None))
        key, must_check_stock = _key(request), values.pop("check_stock", False) is True
        try:
            prepared = actions.prepare(
                connection, kind, values=values, person=request.user, key=key, row=row, through=Through.API
            )
            stock = precheck.check_new_order(prepared) if must_check_stock else None
            if stock and stock.needs_confirmation:
                return _out_of_stock(stock)
            action = actions.send(prepared)
        except actions.Invalid as error:
            fields = {name or "request": texts for name, texts in error.fields.items()}
            raise serializers.ValidationError(fields) from None
        return _response(request, action)


def _endpoint(kind: ActionKind, method: str = "post") -> type[ActionEndpoint]:
    """Return the view of one kind of action, described in the schema."""

    @extend_schema(
        operation_id=kind.replace("-", "_"),
        summary=kind.label,
        description=DESCRIPTION.format("201: the record was created." if kind.creates else "200: the change was made."),
        parameters=[KEY_PARAMETER],
        request={"application/json": CREATE_BODY_SCHEMA if kind.creates else BODY_SCHEMA},
        responses={201 if kind.creates else 200: ActionRow, 202: ActionRow, **ERROR_RESPONSES},
    )
    def handle(self: ActionEndpoint, request: Request, pk: int | None = None) -> Response:
        return self.send(request, kind, pk)

    return type(kind.label.title().replace(" ", ""), (ActionEndpoint,), {method: handle})


# The actions at the addresses of lists and of single records, beside reading.
LIST_ACTIONS: dict[Entity, type[ActionEndpoint]] = {
    Entity.ORDERS: _endpoint(ActionKind.CREATE_ORDER),
    Entity.INBOUND_SHIPMENTS: _endpoint(ActionKind.CREATE_INBOUND_SHIPMENT),
}
RECORD_ACTIONS: dict[Entity, type[ActionEndpoint]] = {
    Entity.INBOUND_SHIPMENTS: _endpoint(ActionKind.UPDATE_INBOUND_SHIPMENT, "patch"),
    Entity.PRODUCTS: _endpoint(ActionKind.UPDATE_PRODUCT, "patch"),
}


def _values(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise serializers.ValidationError("Send the fields of the change as a JSON object.")
    return dict(request.data)


def _key(request: Request) -> str:
    """Return the key from the header, or a new one."""
    given = request.headers.get("Idempotency-Key", "").strip()
    if len(given) > MAX_KEY_LENGTH or not given.isprintable():
        raise serializers.ValidationError({"Idempotency-Key": [f"Use at most {MAX_KEY_LENGTH} printable characters."]})
    return given or uuid4().hex


def _row(request: Request, kind: ActionKind, pk: int) -> Mirrored:
    model = TABLES[kind.entity].model
    return access.get(request.user, model._default_manager.select_related("connection__workspace").present(), pk, ACT)


def _connection(request: Request, kind: ActionKind, given: Any) -> Connection:
    """Return the connection that was named, or the only one that offers the action."""
    visible = access.visible(request.user, Connection.objects.select_related("workspace"))
    if given is None:
        able = [one for one in visible if one.is_live and not actions.available_actions(one)[kind]] or list(visible)
        if len(able) != 1:
            raise serializers.ValidationError({"connection": ["Name the connection to send it to."]})
        given = able[0].pk
    if type(given) is not int or not visible.filter(pk=given).exists():
        raise serializers.ValidationError({"connection": ["There is no such connection."]})
    return access.get(request.user, visible, given, ACT)


def _out_of_stock(stock: StockCheck) -> Response:
    """Return what is short, by line; nothing was sent."""
    fields = {
        f"line_items.{index}.sku": [
            f"{line.sku}: {line.asked.normalize():f} ordered, {line.available.normalize():f} available."
        ]
        for index, line in enumerate(stock.lines)
        if line in stock.missing
    }
    return Response(body("out_of_stock", f"{stock.sentence()} Nothing was sent.", fields), status=409)


def _response(request: Request, action: Action) -> Response:
    """Return the outcome, with the address of the action in `Location`."""
    headers = {"Location": request.build_absolute_uri(reverse("api_action", args=[action.pk]))}
    if action.state == ActionState.REFUSED:
        return _refused(action, headers)
    created = 201 if ActionKind(action.kind).creates else 200
    status = created if action.state == ActionState.ACCEPTED else 202
    return Response(serialize_action(request, action), status=status, headers=headers)


def _refused(action: Action, headers: dict[str, str]) -> Response:
    status = 503 if action.failure in (Kind.RATE_LIMITED, Kind.UNREACHABLE) else 422
    if action.retry_at:
        headers["Retry-After"] = str(max(1, round((action.retry_at - now()).total_seconds())))
    fields = {name or "request": texts for name, texts in action.errors.items()}
    error = body(action.failure or "refused", action.message, fields, origin=action.origin or "packr")
    return Response(error, status=status, headers=headers)


urlpatterns = [
    path("orders/<int:pk>/hold/", _endpoint(ActionKind.HOLD_ORDER).as_view(), name="api_hold_order"),
    path("orders/<int:pk>/release/", _endpoint(ActionKind.RELEASE_ORDER).as_view(), name="api_release_order"),
    path("orders/<int:pk>/cancel/", _endpoint(ActionKind.CANCEL_ORDER).as_view(), name="api_cancel_order"),
    path("inventory/<int:pk>/adjust/", _endpoint(ActionKind.ADJUST_INVENTORY).as_view(), name="api_adjust_inventory"),
]
