"""A workspace with examples of everything, for the browser tests and the screenshots."""

from array import array
from datetime import timedelta
from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import Any

from django.contrib.auth.models import User
from django.utils.timezone import now

from integrations import events
from integrations.entities import Entity
from integrations.models import Action, ActionState, Connection, Event, EventKind, Status
from packr.warehouse import models
from packr.warehouse.models import Order, Product
from packr.workspaces.models import Role
from syncs.models import (
    Beat,
    EntitySchedule,
    Incident,
    Mode,
    Problem,
    RejectedRecord,
    SeenPage,
    State,
    SyncRun,
    Trigger,
)
from syncs.runs.cadence import DEFAULT_INTERVALS
from tests.kit import factories as make

PEOPLE = ("Ada Quill", "Noor Haddad", "Tomás Rey", "Ivy Chen", "Jonas Brandt", "Mia Okafor", "Léa Martin")
GOODS = ("Blue mug", "Oak tray", "Linen towel", "Soy candle", "Brass hook", "Wool throw", "Glass carafe", "Cork mat")
STATUSES = (
    "open",
    "confirmed",
    "processing",
    "packed",
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "backordered",
    "partially_fulfilled",
    "cancelled",
    "exception",
)


def build() -> SimpleNamespace:
    """Create people, two brands, three connections (busy, failing, disconnected) and an empty workspace."""
    random = Random(7)
    here = make.workspace(name="Northbay Goods", timezone="Europe/Berlin")
    admin = make.person("admin", in_=here, role=Role.ADMIN, first_name="Dana", last_name="Weiss")
    member = make.person("member", in_=here, first_name="Lee", last_name="Park")
    make.person("support", is_staff=True)
    bare = make.workspace("fernhill", name="Fernhill")
    make.person("newcomer", in_=bare, role=Role.ADMIN)
    busy = make.connection(
        here, connected_at=now() - timedelta(days=2), connected_by=admin, checked_at=now() - timedelta(minutes=3)
    )
    make.brand(here, "Acme", (busy, "c-1"))
    make.brand(here, "Borealis", (busy, "c-2"))
    make.brand(here, "Unmapped")
    _stock(busy, random)
    _orders(busy, random)
    _setup(busy, admin)
    _changes(busy, admin)
    held, partial = _past(busy, admin)
    _states(busy)
    troubled = make.connection(
        here,
        "Overflow",
        connected_at=now() - timedelta(days=48),
        checked_at=now() - timedelta(minutes=31),
        status=Status.NEEDS_ATTENTION,
        status_message="Trackstar rejected the login. Syncing is paused; no data is lost. It resumes automatically "
        "after an admin reconnects.",
    )
    for entity in troubled.connector.entities():
        make.synced(troubled, entity, at=now() - timedelta(minutes=40))
    make.connection(
        here,
        "Old depot",
        status=Status.DISCONNECTED,
        disconnected_at=now() - timedelta(days=5),
        connected_at=now() - timedelta(days=90),
    )
    Beat.objects.create(name="worker scene", at=now() + timedelta(days=1))
    return SimpleNamespace(
        workspace=here,
        admin=admin,
        member=member,
        busy=busy,
        troubled=troubled,
        bare=bare,
        held=held,
        partial=partial,
    )


def _past(connection: Connection, admin: User) -> tuple[SyncRun, SyncRun]:
    """Create the runs of the last hours, changed settings, a closed incident, pending removals and two rejected
    records.
    """
    began = now() - timedelta(hours=3)
    Product.objects.filter(connection=connection).update(changed_at=began)
    for number in range(14):
        make.run(
            connection,
            Entity.ORDERS,
            started_at=began + timedelta(minutes=5 * number),
            completed_at=began + timedelta(minutes=5 * number, seconds=3 + number % 5),
            state=State.FAILED if number == 6 else State.SUCCEEDED,
            message="Trackstar did not answer in time. Earlier data stays. Packr tries again automatically."
            if number == 6
            else "",
            seen=40 + number,
            created=number % 3,
            unchanged=40 + number - number % 3,
            pages=1,
            requests=1,
        )
    held = make.run(
        connection,
        Entity.PRODUCTS,
        mode=Mode.FULL,
        trigger=Trigger.SCHEDULE,
        state=State.NEEDS_REVIEW,
        started_at=now() - timedelta(minutes=50),
        held=30,
        seen=100,
        unchanged=100,
        pages=1,
        requests=2,
        message="30 of 130 records were missing from the WMS’s list. That exceeds the removal limit, so nothing was "
        "removed. An admin or support needs to review the list, then release the removals or keep the records.",
    )
    seen = array("q", Product.objects.filter(connection=connection).order_by("pk").values_list("pk", flat=True)[30:])
    SeenPage.objects.create(run=held, number=1, keys=seen.tobytes(), cursor_digest="")
    partial = make.run(
        connection,
        Entity.INVENTORY,
        trigger=Trigger.API,
        requested_by=admin,
        state=State.PARTIAL,
        started_at=now() - timedelta(minutes=30),
        since=now() - timedelta(minutes=50),
        pages=2,
        requests=2,
        waited_seconds=35,
        seen=1215,
        created=4,
        updated=9,
        unchanged=1200,
        rejected=2,
        message="Packr read 1,213 of 1,215 records and rejected 2. Each rejected record is kept with the reason.",
    )
    for number, reason in enumerate(("onhand: many is not a number", "sku: is missing")):
        RejectedRecord.objects.create(
            connection=connection,
            run=partial,
            entity=Entity.INVENTORY,
            external_id=f"itm-{number}",
            reason=reason,
            excerpt=f'{{"id": "itm-{number}", "onhand": "many"}}',
            last_seen_at=now(),
        )
    made = connection.connected_at
    events.record_event(connection, EventKind.CONNECTION, "Connected to Trackstar.", person=admin)
    Event.objects.update(at=made)
    events.record_event(connection, EventKind.CONFIGURATION, "Days of history were raised from 30 to 60.", person=admin)
    Incident.objects.create(
        problem=Problem.STALE,
        connection=connection,
        entity=Entity.ORDERS,
        message="Orders of Sandbox: the data is 14 min old, although it should be read every 5 min.",
        opened_at=now() - timedelta(hours=2),
        closed_at=now() - timedelta(hours=1, minutes=50),
    )
    return held, partial


def _stock(connection: Connection, random: Random) -> None:
    make.warehouse(connection, "wh-east", "Allentown")
    make.warehouse(connection, "wh-west", "Reno")
    for number, name in enumerate(("Acme", "Borealis"), 1):
        make.customer(connection, f"c-{number}", name)
    for number in range(130):
        sku = f"{GOODS[number % 8].split()[1].upper()[:3]}-{number:04}"
        name = f"{GOODS[number % 8]} {number // 8 + 1}"
        levels = {"wh-east": random.randrange(0, 2400)} | ({"wh-west": random.randrange(90)} if number % 3 == 0 else {})
        customer = f"c-{number % 2 + 1}"
        make.inventory(
            connection,
            sku,
            levels=levels,
            name=name,
            warehouse_customer_id=customer,
            committed=random.randrange(20),
            awaiting=random.choice((0, 0, 120)),
        )
        make.product(
            connection,
            sku,
            name=name,
            warehouse_customer_id=customer,
            gtin=f"08500000{number:05}",
            is_kit=number % 9 == 0,
            active=number % 11 > 0,
            unit_price=Decimal(random.randrange(400, 9000)) / 100,
            updated_at=now() - timedelta(hours=number),
        )


def _orders(connection: Connection, random: Random) -> None:
    for number in range(160):
        began = now() - timedelta(minutes=17 * number + 3)
        name = random.choice(PEOPLE)
        lines = tuple(
            (
                f"{GOODS[pick % 8].split()[1].upper()[:3]}-{pick:04}",
                random.randrange(1, 5),
                f"{random.randrange(5, 60)}.90",
            )
            for pick in random.sample(range(130), random.randrange(1, 5))
        )
        status = STATUSES[0] if number < 6 else random.choice(STATUSES)
        order = make.order(
            connection,
            lines=lines,
            status=status,
            order_number=f"#NB-{2160 - number}",
            reference_id=f"55501{number:07}",
            ship_to_name=name,
            channel_name=random.choice(("Northbay Shopify", "Faire")),
            created_at=began,
            updated_at=began + timedelta(minutes=9),
            warehouse_id=random.choice(("wh-east", "wh-west")),
            warehouse_customer_id=f"c-{number % 2 + 1}",
            invoice_currency_code="USD",
            total_price=sum(Decimal(price) * quantity for _, quantity, price in lines),
            required_ship_date=began + timedelta(days=2),
            record={
                "raw_status": status.title(),
                "shipping_method_name": "UPS Ground",
                "ship_to_address": {
                    "full_name": name,
                    "address1": "9 Pier Rd",
                    "city": "Portland",
                    "state": "ME",
                    "postal_code": "04101",
                    "country": "US",
                    "email_address": "someone@example.com",
                },
            },
        )
        if status in ("fulfilled", "partially_fulfilled"):
            package = {
                "tracking_number": f"1Z00EX{number:06}",
                "carrier_name": "UPS",
                "shipping_method_name": "Ground",
                "tracking_url": "https://www.ups.com/track",
            }
            items = [{"sku": sku, "quantity": str(quantity)} for sku, quantity, _ in lines]
            make.order_shipment(
                order,
                shipment_id=f"shp-{4000 + number}",
                warehouse_id="wh-east",
                shipped_date=began + timedelta(hours=5),
                record={"packages": [package], "line_items": items},
            )
    for number in range(24):
        make.inbound_shipment(
            connection,
            purchase_order_number=f"PO-{2291 - number}",
            supplier_name=random.choice(("Clayworks", "Woodline")),
            status=("open", "in-transit", "receiving", "received")[number % 4],
            warehouse_id="wh-east",
            warehouse_customer_id=f"c-{number % 2 + 1}",
            kind=("purchase", "transfer")[number % 5 == 4],
            created_at=now() - timedelta(days=number, hours=2),
            expected_arrival_date=now() + timedelta(days=9 - number),
            lines=(("MUG-0000", 100, 40), ("TRA-0001", 24, 24)),
            record={"raw_status": "Partially received"},
        )


def _setup(connection: Connection, admin: User) -> None:
    """Create reference data, returns, bills and a saved view."""
    for name in ("Northbay Shopify", "Faire"):
        make.mirrored(models.OrderChannel, connection, name=name, warehouse_customer_id="c-1")
    for name in ("Clayworks", "Woodline"):
        make.mirrored(models.Supplier, connection, name=name, warehouse_customer_id="c-2")
    make.shipping_method(connection, "ups", "UPS Ground")
    for number in range(12):
        name = f"A-01-{number:02}"
        make.mirrored(models.WarehouseLocation, connection, name=name, warehouse_id="wh-east", type="bin")
    order = models.Order.objects.filter(connection=connection, status="fulfilled").first()
    assert order is not None
    parcel = {"tracking_number": "9400EX", "carrier_name": "USPS", "warehouse_id": "wh-east", "line_items": []}
    make.returned(
        connection,
        external_id="ret_71",
        order_id=order.external_id,
        warehouse_customer_id="c-1",
        lines=(("MUG-0000", 1),),
        record={"shipments": [parcel], "notes": ["chipped rim"]},
    )
    make.mirrored(
        models.Bill,
        connection,
        charge_type="pick_and_pack",
        object_id=order.external_id,
        amount=Decimal("3.25"),
        currency_code="USD",
        created_at=now(),
    )
    models.Order.objects.filter(pk=order.pk + 1).update(held=True)
    models.SavedView.objects.create(
        workspace=connection.workspace, person=admin, screen="orders", name="Open", address="status=open", shared=True
    )


def _changes(connection: Connection, admin: User) -> None:
    """Create one action in each state on the newest orders; the refused one was a new order."""
    moment = now() - timedelta(minutes=4)
    orders = list(Order.objects.filter(connection=connection).order_by("-created_at")[:4])
    accepted = {"state": ActionState.ACCEPTED, "answered_at": moment, "latency_ms": 412}
    standings: list[dict[str, Any]] = [
        {"kind": "cancel-order", "state": ActionState.UNKNOWN},
        {"kind": "hold-order", **accepted, "shielded_until": now() + timedelta(hours=2)},
        {"kind": "release-order", **accepted, "confirmed_at": moment + timedelta(minutes=1), "shielded_until": moment},
        {"kind": "hold-order", **accepted, "shielded_until": moment},
        {
            "kind": "create-order",
            "state": ActionState.REFUSED,
            "answered_at": moment,
            "latency_ms": 380,
            "message": "SKU MUG-9999 does not exist",
            "origin": "wms",
            "values": {"order_number": "#NB-2161", "line_items": [{"sku": "MUG-9999", "quantity": 1}]},
            "exchanges": [
                {
                    "method": "POST",
                    "path": "/wms/orders",
                    "body": '{"order_number": "#NB-2161", "line_items": [{"sku": "MUG-9999", "quantity": 1}]}',
                    "status": 400,
                    "answer": '{"error": "SKU MUG-9999 does not exist", "origin": "integration"}',
                    "ms": 371,
                }
            ],
        },
    ]
    for number, fields in enumerate(standings):
        order = orders[number].external_id if number < len(orders) else ""
        Action.objects.create(
            connection=connection,
            entity=Entity.ORDERS,
            external_id=order,
            reference=f"packr-SCENE{number}",
            key=f"scene-{number}",
            person=admin,
            asked_at=moment,
            **fields,
        )


def _states(connection: Connection) -> None:
    counts = {"seen": 1240, "created": 12, "updated": 31, "unchanged": 1197, "pages": 3}
    for entity in connection.connector.entities():
        mode = Mode.INCREMENTAL if entity in DEFAULT_INTERVALS else Mode.FULL
        make.synced(connection, entity, at=now() - timedelta(minutes=2), mode=mode, **counts)
    make.synced(connection, Entity.INBOUND_SHIPMENTS, at=now() - timedelta(minutes=22), **counts)
    make.run(
        connection,
        Entity.INBOUND_SHIPMENTS,
        state=State.FAILED,
        started_at=now() - timedelta(minutes=4),
        message="Trackstar returned a web page instead of data. Earlier data stays.",
        failure="contract",
        trigger=Trigger.SCHEDULE,
    )
    make.run(
        connection,
        Entity.SHIPPING_METHODS,
        state=State.RUNNING,
        started_at=now() - timedelta(seconds=20),
        seen=1240,
        unchanged=1240,
        pages=3,
    )
    schedules = EntitySchedule.objects.filter(connection=connection)
    schedules.update(next_due_at=now() + timedelta(minutes=3))
    schedules.filter(entity=Entity.CUSTOMERS).update(paused_until=now() + timedelta(hours=5))
