"""Workspaces, connections and mirrored rows for tests, created in the database without a WMS."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.utils.timezone import now

from integrations.connectors.actions import ActionKind
from integrations.encryption import encrypt
from integrations.entities import Entity
from integrations.models import Action, ActionState, BrandMapping, Connection
from packr.warehouse.models import (
    Customer,
    InboundLine,
    InboundShipment,
    InventoryItem,
    InventoryLevel,
    Order,
    OrderLine,
    OrderShipment,
    Override,
    Product,
    Return,
    ReturnLine,
    ShippingMethod,
    Warehouse,
)
from packr.workspaces.models import Brand, Role, Workspace
from packr.workspaces.services import save_workspace, set_role
from syncs.models import EntitySchedule, Lane, Mode, State, SyncRun, Trigger
from syncs.runs.planner import make_schedules

PASSWORD = "packr-demo"
_numbers = count(1)


def workspace(slug: str = "northbay", **fields: Any) -> Workspace:
    return save_workspace(slug, **{"name": slug.capitalize(), **fields})


def person(username: str, *, in_: Workspace | None = None, role: Role = Role.MEMBER, **fields: Any) -> User:
    """Create a person with the password PASSWORD, in a workspace if one is given."""
    user = User.objects.create_user(username, password=PASSWORD, **fields)
    if in_:
        set_role(in_, user, role)
    return user


def connection(in_: Workspace, name: str = "Sandbox", **fields: Any) -> Connection:
    """Create a Trackstar connection, made now, with the default schedules and without synced data."""
    moment = fields.pop("connected_at", now())
    made = Connection.objects.create(
        workspace=in_,
        wms="trackstar",
        name=name,
        sealed_credentials=encrypt({"api_key": "key", "access_token": f"token-{name}"}),
        account_key=f"trackstar:{in_.slug}-{name}",
        border=moment - timedelta(days=30),
        connected_at=moment,
        **fields,
    )
    make_schedules(made, moment)
    return made


def run(connection: Connection, entity: Entity = Entity.ORDERS, **fields: Any) -> SyncRun:
    """Create a run, by default one that started and succeeded a minute ago."""
    began = fields.pop("started_at", now() - timedelta(minutes=1))
    state = fields.setdefault("state", State.SUCCEEDED)
    ended = None if state in (State.QUEUED, State.RUNNING, State.WAITING) else began + timedelta(seconds=4)
    lane, _ = Lane.objects.get_or_create(account_key=connection.account_key)
    return SyncRun.objects.create(
        connection=connection,
        lane=lane,
        entity=entity,
        due_at=began or now(),
        ready_at=began or now(),
        urgency=began or now(),
        started_at=began,
        **{"completed_at": ended, "mode": Mode.INCREMENTAL, "trigger": Trigger.SCHEDULE, **fields},
    )


def synced(
    connection: Connection, entity: Entity = Entity.ORDERS, at: datetime | None = None, **fields: Any
) -> SyncRun:
    """Create a run that has just succeeded, and update the schedule accordingly."""
    moment = at or now() - timedelta(minutes=1)
    EntitySchedule.objects.filter(connection=connection, entity=entity).update(as_of=moment, watermark=moment)
    return run(connection, entity, started_at=moment, **fields)


def brand(in_: Workspace, name: str, *mappings: tuple[Connection, str]) -> Brand:
    """Create a brand that is linked to these customers, or with an empty customer to the whole connection."""
    made = Brand.objects.create(workspace=in_, name=name, slug=name.lower())
    for connection, customer in mappings:
        BrandMapping.objects.create(brand=made, connection=connection, customer_id=customer)
    return made


def order(connection: Connection, *, lines: tuple[tuple[str, int, str], ...] = (), **fields: Any) -> Order:
    """Create an order. `lines` are (SKU, quantity, unit price)."""
    made = mirrored(Order, connection, **{"created_at": now(), "status": "open", **fields})
    for position, (sku, quantity, price) in enumerate(lines):
        OrderLine.objects.create(
            connection=connection,
            order=made,
            position=position,
            sku=sku,
            product_id=f"p-{sku}",
            quantity=quantity,
            unit_price=Decimal(price),
        )
    return made


def order_shipment(order: Order, **fields: Any) -> OrderShipment:
    return mirrored(OrderShipment, order.connection, **{"order_id": order.external_id, "status": "shipped", **fields})


def inventory(
    connection: Connection, sku: str, *, levels: dict[str, int] | None = None, **fields: Any
) -> InventoryItem:
    """Create an item. `levels` are the units on hand by warehouse id, all of them available."""
    levels = levels or {}
    total = Decimal(sum(levels.values()))
    made = mirrored(
        InventoryItem, connection, **{"sku": sku, "name": sku.title(), "onhand": total, "fulfillable": total, **fields}
    )
    for warehouse_id, onhand in levels.items():
        InventoryLevel.objects.create(
            connection=connection, item=made, warehouse_id=warehouse_id, onhand=onhand, fulfillable=onhand
        )
    return made


def override(item: InventoryItem, field: str = "awaiting", value: str = "12", **fields: Any) -> Override:
    """Create an override of an item's value that lasts a day."""
    return Override.objects.create(
        connection=item.connection,
        entity=Entity.INVENTORY,
        row_id=item.pk,
        external_id=item.external_id,
        name=str(item),
        field=field,
        value=value,
        change_no=item.change_no,
        **{"reason": "Counted by hand", "expires_at": now() + timedelta(days=1), **fields},
    )


def product(connection: Connection, sku: str, **fields: Any) -> Product:
    return mirrored(Product, connection, **{"sku": sku, "name": sku.title(), "external_id": f"p-{sku}", **fields})


def inbound_shipment(
    connection: Connection, *, lines: tuple[tuple[str, int, int], ...] = (), **fields: Any
) -> InboundShipment:
    """Create an inbound shipment. `lines` are (SKU, expected, received)."""
    made = mirrored(
        InboundShipment, connection, **{"created_at": now(), "status": "open", "kind": "purchase", **fields}
    )
    for position, (sku, expected, received) in enumerate(lines):
        InboundLine.objects.create(
            connection=connection,
            inbound_shipment=made,
            position=position,
            sku=sku,
            expected_quantity=expected,
            received_quantity=received,
        )
    return made


def warehouse(connection: Connection, external_id: str, name: str) -> Warehouse:
    return mirrored(Warehouse, connection, external_id=external_id, name=name)


def customer(connection: Connection, external_id: str, name: str) -> Customer:
    return mirrored(Customer, connection, external_id=external_id, name=name)


def shipping_method(connection: Connection, external_id: str, name: str) -> ShippingMethod:
    return mirrored(ShippingMethod, connection, external_id=external_id, name=name)


def returned(connection: Connection, *, lines: tuple[tuple[str, int], ...] = (), **fields: Any) -> Return:
    """Create a return. `lines` are (SKU, expected)."""
    made: Return = mirrored(Return, connection, **{"created_at": now(), "status": "open", **fields})
    for position, (sku, expected) in enumerate(lines, 1):
        ReturnLine.objects.create(
            connection=connection, sent_back=made, position=position, sku=sku, expected_quantity=expected
        )
    return made


def action(connection: Connection, kind: str = "cancel-order", **fields: Any) -> Action:
    """Create an action that the WMS accepted a minute ago, with its trace."""
    moment = fields.pop("asked_at", now() - timedelta(minutes=1))
    number = next(_numbers)
    exchange = {"method": "PUT", "path": "/x", "body": "", "status": 200, "answer": '{"a": "<b>"}', "ms": 40}
    return Action.objects.create(
        connection=connection,
        kind=kind,
        entity=ActionKind(kind).entity,
        asked_at=moment,
        **{
            "external_id": "order-1",
            "reference": f"packr-{number}",
            "key": f"key-{number}",
            "state": ActionState.ACCEPTED,
            "answered_at": moment,
            "latency_ms": 42,
            "shielded_until": moment + timedelta(minutes=15),
            "exchanges": [exchange],
            **fields,
        },
    )


def mirrored(model: Any, connection: Connection, **fields: Any) -> Any:
    """Create a row of any mirrored table."""
    number = next(_numbers)
    return model.objects.create(
        connection=connection,
        **{
            "external_id": f"{model.__name__.lower()}-{number}",
            "digest": number.to_bytes(16, "big"),
            "record": {},
            "change_no": number,
            "changed_at": now(),
            **fields,
        },
    )
