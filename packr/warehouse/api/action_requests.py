"""Changing something at the WMS by program: the same service as the pages, with an Idempotency-Key."""

from collections.abc import Callable
from typing import Any, TypeVar
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
from integrations.models import Action, ActionState, Connection
from packr.workspaces import access
from packr.workspaces.api_errors import Error, body
from packr.workspaces.models import ACT, Scope

from .. import actions
from ..mirror.schema import TABLES
from ..models import Mirrored
from ..stock import precheck
from .actions import ActionRow, serialize_action

Method = TypeVar("Method", bound=Callable[..., Response])
LONGEST_KEY = 255
KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Yours, up to 255 characters, new for each change. The same key again sends nothing and answers the "
    "same; with other content it is refused (409). Without one, a repeat is a second change.",
)
ANSWERS = {202: ActionRow, 400: Error, 401: Error, 403: Error, 404: Error, 409: Error, 422: Error, 503: Error}
BODY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": True,
    "description": "The fields of the change, as `GET /api/v1/connections/{id}/actions/` names them.",
}
NEW_BODY = BODY | {
    "properties": {
        "connection": {"type": "integer", "description": "where; needed when several could be meant"},
        "check_stock": {
            "type": "boolean",
            "description": "of a new order: send it only when all of it is in stock; else 409 says what is short",
        },
    }
}
DESCRIPTION = (
    "For admins. Sent to the WMS at once. {} 202: the WMS’s answer was lost, and Packr looks up what became of it; "
    "follow it at its `url`, and don’t send it again. 422: the WMS refused it, in its own words. 503: it was not sent, "
    "because the WMS can’t be reached or is limiting requests. `GET /api/v1/connections/{{id}}/actions/` tells the "
    "fields."
)


def sends(kind: ActionKind) -> Callable[[Method], Method]:
    """A method's description in the schema."""
    first = "201: it is there." if kind.creates else "200: it is done."
    described: Callable[[Method], Method] = extend_schema(
        operation_id=kind.replace("-", "_"),
        summary=kind.label,
        description=DESCRIPTION.format(first),
        parameters=[KEY],
        request={"application/json": NEW_BODY if kind.creates else BODY},
        responses={201 if kind.creates else 200: ActionRow, **ANSWERS},
    )
    return described


class ActionEndpoint(APIView):
    """What sends a change: its kind, and the row of the address unless it creates one."""

    scope = Scope.ACT

    def send(self, request: Request, kind: ActionKind, pk: int | None = None) -> Response:
        values = _values(request)
        row = _row(request, kind, pk) if pk else None
        connection = row.connection if row else _connection(request, kind, values.pop("connection", None))
        key, checks = _key(request), values.pop("check_stock", False) is True
        try:
            found = precheck.of(connection, kind, actions.fields(connection, kind), values, key) if checks else None
            if found and not found.is_fine:
                return _short(found)
            action = actions.act(connection, kind, values=values, person=request.user, key=key, row=row, through="api")
        except actions.Invalid as error:
            raise serializers.ValidationError(
                {name or "request": said for name, said in error.fields.items()}
            ) from None
        precheck.keep(found, action)
        return _answer(request, action)


class CreatesOrder(ActionEndpoint):
    @sends(ActionKind.CREATE_ORDER)
    def post(self, request: Request) -> Response:
        return self.send(request, ActionKind.CREATE_ORDER)


class CreatesInboundShipment(ActionEndpoint):
    @sends(ActionKind.CREATE_INBOUND_SHIPMENT)
    def post(self, request: Request) -> Response:
        return self.send(request, ActionKind.CREATE_INBOUND_SHIPMENT)


class UpdatesInboundShipment(ActionEndpoint):
    @sends(ActionKind.UPDATE_INBOUND_SHIPMENT)
    def patch(self, request: Request, pk: int) -> Response:
        return self.send(request, ActionKind.UPDATE_INBOUND_SHIPMENT, pk)


class UpdatesProduct(ActionEndpoint):
    @sends(ActionKind.UPDATE_PRODUCT)
    def patch(self, request: Request, pk: int) -> Response:
        return self.send(request, ActionKind.UPDATE_PRODUCT, pk)


class HoldOrder(ActionEndpoint):
    @sends(ActionKind.HOLD_ORDER)
    def post(self, request: Request, pk: int) -> Response:
        return self.send(request, ActionKind.HOLD_ORDER, pk)


class ReleaseOrder(ActionEndpoint):
    @sends(ActionKind.RELEASE_ORDER)
    def post(self, request: Request, pk: int) -> Response:
        return self.send(request, ActionKind.RELEASE_ORDER, pk)


class CancelOrder(ActionEndpoint):
    @sends(ActionKind.CANCEL_ORDER)
    def post(self, request: Request, pk: int) -> Response:
        return self.send(request, ActionKind.CANCEL_ORDER, pk)


class AdjustInventory(ActionEndpoint):
    @sends(ActionKind.ADJUST_INVENTORY)
    def post(self, request: Request, pk: int) -> Response:
        return self.send(request, ActionKind.ADJUST_INVENTORY, pk)


# What the addresses of lists and of single records take besides reading.
ON_LISTS: dict[Entity, type[ActionEndpoint]] = {
    Entity.ORDERS: CreatesOrder,
    Entity.INBOUND_SHIPMENTS: CreatesInboundShipment,
}
ON_RECORDS: dict[Entity, type[ActionEndpoint]] = {
    Entity.INBOUND_SHIPMENTS: UpdatesInboundShipment,
    Entity.PRODUCTS: UpdatesProduct,
}


def _values(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise serializers.ValidationError("Send the fields of the change as a JSON object.")
    return dict(request.data)


def _key(request: Request) -> str:
    """The key of the header, or one that nobody used before."""
    given = request.headers.get("Idempotency-Key", "").strip()
    if len(given) > LONGEST_KEY or not given.isprintable():
        raise serializers.ValidationError({"Idempotency-Key": [f"Use at most {LONGEST_KEY} printable characters."]})
    return given or uuid4().hex


def _row(request: Request, kind: ActionKind, pk: int) -> Mirrored:
    model = TABLES[kind.entity].model
    return access.get(request.user, model._default_manager.select_related("connection__workspace").present(), pk, ACT)


def _connection(request: Request, kind: ActionKind, given: Any) -> Connection:
    """The connection that was named, or the only one that can do it."""
    ours = access.visible(request.user, Connection.objects.select_related("workspace"))
    if given is None:
        able = [one for one in ours if one.is_live and not actions.available_actions(one)[kind]] or list(ours)
        if len(able) != 1:
            raise serializers.ValidationError({"connection": ["Name the connection that it is sent to."]})
        given = able[0].pk
    if type(given) is not int or not ours.filter(pk=given).exists():
        raise serializers.ValidationError({"connection": ["There is no such connection."]})
    return access.get(request.user, ours, given, ACT)


def _short(found: precheck.Found) -> Response:
    """What is short, by line; nothing was sent."""
    lines = found.check.lines
    fields = {
        f"line_items.{place}.sku": [f"{line.sku}: {line.asked:f} asked, {line.available:f} available."]
        for place, line in enumerate(lines)
        if line in found.check.missing
    }
    return Response(body("out_of_stock", f"{found.check.sentence()} Nothing was sent.", fields), status=409)


def _answer(request: Request, action: Action) -> Response:
    """What came of it. The address of the action is in `Location`, whatever it is."""
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
    fields = {name or "request": said for name, said in action.errors.items()}
    told = body(action.failure or "refused", action.message, fields, origin=action.origin or "packr")
    return Response(told, status=status, headers=headers)


urlpatterns = [
    path("orders/<int:pk>/hold/", HoldOrder.as_view(), name="api_hold_order"),
    path("orders/<int:pk>/release/", ReleaseOrder.as_view(), name="api_release_order"),
    path("orders/<int:pk>/cancel/", CancelOrder.as_view(), name="api_cancel_order"),
    path("inventory/<int:pk>/adjust/", AdjustInventory.as_view(), name="api_adjust_inventory"),
]
