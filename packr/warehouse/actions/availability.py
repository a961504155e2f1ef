"""Availability: the actions that a connection offers, and the fields of each."""

from dataclasses import replace

from integrations.connectors.actions import ActionKind, Field, FieldKind
from integrations.models import Connection, Status

from ..models import InboundShipment, Mirrored


def available_actions(connection: Connection) -> dict[ActionKind, str]:
    """Return every kind of action with the reason why it is unavailable at the connection; "" if it is available."""
    return {kind: _unavailable_reason(connection, kind) for kind in ActionKind}


def _unavailable_reason(connection: Connection, kind: ActionKind) -> str:
    connector = connection.connector
    operation = connector.actions.get(kind)
    if operation is None:
        return f"{connector.label} can’t do this through Packr."
    if not connection.is_live:
        return "The connection is disconnected. Connect it again first."
    if connection.status == Status.NEEDS_ATTENTION:
        return f"{connector.label} rejected the login. An admin needs to reconnect."
    return operation.unavailable_reason(connection.learned)


def fields(connection: Connection, kind: ActionKind, row: Mirrored | None = None) -> tuple[Field, ...]:
    """Return the fields of an action's form; lines of an existing inbound shipment offer the SKUs that `row` has."""
    operation = connection.connector.actions.get(kind)
    if operation is None:
        return ()
    if isinstance(row, InboundShipment) and kind == ActionKind.UPDATE_INBOUND_SHIPMENT:
        return tuple(_with_own_skus(field, row) for field in operation.fields)
    return operation.fields


def _with_own_skus(field: Field, inbound: InboundShipment) -> Field:
    if field.kind != "lines":
        return field
    skus = tuple((line.sku, line.sku) for line in inbound.lines.all() if line.sku)
    if not skus:
        return field
    line_fields = (
        replace(one, kind=FieldKind.CHOICE, choices=skus) if one.kind == "sku" else one for one in field.fields
    )
    return replace(field, fields=tuple(line_fields))
