"""Which actions a connection offers, and what each asks for."""

from dataclasses import replace

from integrations.connectors.actions import ActionKind, Field
from integrations.models import Connection, Status

from ..models import InboundShipment, Mirrored


def available_actions(connection: Connection) -> dict[ActionKind, str]:
    """Every kind of action: nothing when it can be done at the connection, else why it can't, in a sentence."""
    return {kind: _why_not(connection, kind) for kind in ActionKind}


def _why_not(connection: Connection, kind: ActionKind) -> str:
    connector = connection.connector
    operation = connector.actions.get(kind)
    if operation is None:
        return f"{connector.label} can't do this through Packr."
    if not connection.is_live:
        return "The connection is disconnected. Connect it again first."
    if connection.status == Status.NEEDS_ATTENTION:
        return "The WMS refuses the login. An admin has to enter working credentials first."
    return operation.lacks(connection.learned)


def fields(connection: Connection, kind: ActionKind, row: Mirrored | None = None) -> tuple[Field, ...]:
    """The fields of an action's form; for what exists already (`row`), with what can be chosen there."""
    operation = connection.connector.actions.get(kind)
    if operation is None:
        return ()
    if isinstance(row, InboundShipment) and kind == ActionKind.UPDATE_INBOUND_SHIPMENT:
        return tuple(_for_lines_of(row, field) for field in operation.fields)
    return operation.fields


def _for_lines_of(inbound: InboundShipment, field: Field) -> Field:
    """Lines of an inbound shipment are chosen among those that it has."""
    if field.kind != "lines":
        return field
    skus = tuple((line.sku, line.sku) for line in inbound.lines.all() if line.sku)
    inner = tuple(
        replace(one, kind="choice", choices=skus) if one.kind == "sku" and skus else one for one in field.fields
    )
    return replace(field, fields=inner)
