"""Every action with a real Tryton server: accepted, refused, and lost before or after Tryton carried it out."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils.timezone import now

from integrations import action_sender
from integrations.clients import open_client
from integrations.connectors.actions import ActionKind
from integrations.connectors.tryton.rpc import call
from integrations.entities import Entity
from integrations.models import Action, Connection
from integrations.services import Account, connect
from packr.warehouse import actions
from packr.warehouse.models import InboundShipment, InventoryItem, Order, Product
from packr.workspaces.services import save_workspace
from syncs.models import EntitySchedule
from tests.kit.running import sync
from tests.kit.server import Server
from tests.kit.wire import Wire, lossy_line
from tests.tryton.peer import Peer

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

ENTITIES = (Entity.WAREHOUSES, Entity.PRODUCTS, Entity.INVENTORY, Entity.ORDERS, Entity.INBOUND_SHIPMENTS)
_keys = count(1)
Act = Callable[..., Action]


@pytest.fixture(scope="module")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with Peer(tmp_path_factory.mktemp("tryton")) as peer:
        yield peer


@pytest.fixture
def wire(tryton: Peer) -> Iterator[tuple[Server, Wire]]:
    server, wire = lossy_line(tryton.facts["base_url"])
    with server:
        yield server, wire


@pytest.fixture
def connection(tryton: Peer, wire: tuple[Server, Wire], settings: Any) -> Connection:
    settings.LEASE_SECONDS = 120
    settings.PRIVATE_WMS_HOSTS = frozenset({wire[0].host})
    workspace = save_workspace("northbay", name="Northbay", admins=["ada"], members=["mel"])
    credentials = {name: tryton.facts[name] for name in ("database", "login", "password")}
    made = connect(workspace, Account("tryton", "Tryton", credentials, base_url=wire[0].url), first_sync=False)
    EntitySchedule.objects.filter(connection=made).update(enabled=False)
    for entity in ENTITIES:
        sync(made, entity)
    return made


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer: a confirmation takes a second, on a busy machine a minute. Only deliberate losses count here."""
    monkeypatch.setattr(action_sender, "ANSWER_TIMEOUT", timedelta(minutes=2))


def settled(action: Action) -> Action:
    """Return the action once its outcome is known."""
    for _ in range(10):
        if action.is_settled:
            break
        Action.objects.filter(pk=action.pk).update(settle_at=now())
        actions.settle(seconds=60)
        action.refresh_from_db()
    return action


@pytest.fixture
def act(connection: Connection) -> Act:
    person = User.objects.get(username="ada")

    def send(kind: ActionKind, row: Any = None, key: str = "", **values: Any) -> Action:
        connection.refresh_from_db()
        key = key or f"key-{next(_keys)}"
        return actions.act(connection, kind, values=values, person=person, key=key, row=row)

    return send


def new_order(tryton: Peer, **values: Any) -> dict[str, Any]:
    sku = Product.objects.filter(active=True, sku__isnull=False).order_by("pk").first().sku  # type: ignore[union-attr]
    lines = [{"sku": sku, "quantity": "2", "unit_price": "12.5"}]
    warehouse = str(tryton.facts["warehouses"][0])
    return {"party": str(tryton.facts["customers"][0]), "warehouse_id": warehouse, "line_items": lines, **values}


def there(connection: Connection, reference: str) -> list[int]:
    """Return the sales in Tryton with this reference."""
    client = open_client(connection)
    try:
        ours = [["comment", "like", f"%{reference}%"]]
        return call(client, list[int], "model.sale.sale.search", ours, 0, None, None)
    finally:
        client.close()


def order_of(action: Action) -> Order:
    return Order.objects.get(connection=action.connection, external_id=action.external_id)


def test_order_is_created_held_released_and_cancelled(connection: Connection, tryton: Peer, act: Act) -> None:
    """Each change is shown immediately, and the next sync shows the same."""
    made = act(ActionKind.CREATE_ORDER, **new_order(tryton, order_number="MY-1"))
    assert (made.state, made.message, made.errors) == ("accepted", "", {})
    order = order_of(made)
    assert (order.status, order.reference_id, there(connection, made.reference)) == (
        "processing",
        "MY-1",
        [int(order.external_id)],
    )
    seen = []
    for kind in (ActionKind.HOLD_ORDER, ActionKind.RELEASE_ORDER, ActionKind.CANCEL_ORDER, ActionKind.CANCEL_ORDER):
        action = act(kind, order)
        assert (action.state, action.message) == ("accepted", "")
        order.refresh_from_db()
        shown = (order.status, order.record["raw_status"])
        sync(connection)
        order.refresh_from_db()
        assert (order.status, order.record["raw_status"]) == shown
        seen.append(order.status)
    assert seen == ["exception", "processing", "cancelled", "cancelled"]
    assert not Action.objects.exclude(confirmed_at=None).filter(warning__gt="").exists()


def test_refusals_are_shown_in_trytons_own_words(connection: Connection, tryton: Peer, act: Act) -> None:
    shipped = Order.objects.get(external_id=str(tryton.facts["sales"]["sent"][0]))
    refused = act(ActionKind.CANCEL_ORDER, shipped)
    assert (refused.state, refused.origin) == ("refused", "wms")
    assert "has been shipped already" in refused.message
    half = act(ActionKind.CREATE_ORDER, **new_order(tryton, warehouse_id=""))
    assert half.state == "refused"
    assert "you must enter a warehouse" in half.message
    assert there(connection, half.reference) == []
    unknown = act(
        ActionKind.CREATE_ORDER,
        **new_order(tryton, line_items=[{"sku": "NO-SUCH", "quantity": "1", "unit_price": "1"}]),
    )
    assert unknown.errors == {"line_items.0.sku": ["Tryton has no product with this code."]}
    mel = User.objects.get(username="mel")
    with pytest.raises(PermissionDenied):
        actions.act(connection, ActionKind.CANCEL_ORDER, values={}, person=mel, key="m", row=shipped)


@pytest.mark.parametrize("step", [b"sale.sale.create", b"sale.sale.quote", b"sale.sale.confirm"])
def test_order_whose_reply_was_lost_exists_once(
    connection: Connection, tryton: Peer, wire: tuple[Server, Wire], act: Act, step: bytes
) -> None:
    """At whichever step the reply is lost, one order exists and is shown."""
    wire[1].loses_reply.append(step)
    action = act(ActionKind.CREATE_ORDER, key="lost", **new_order(tryton))
    settled(action)
    assert action.state == "accepted"
    assert there(connection, action.reference) == [int(action.external_id)]
    assert order_of(action).status == "processing"
    again = act(ActionKind.CREATE_ORDER, key="lost", **new_order(tryton))
    assert again.pk == action.pk
    assert len(there(connection, action.reference)) == 1


def test_order_that_never_arrived_is_reported_missing(
    connection: Connection, tryton: Peer, wire: tuple[Server, Wire], act: Act
) -> None:
    wire[1].loses_request.append(b"sale.sale.create")
    action = act(ActionKind.CREATE_ORDER, **new_order(tryton))
    assert action.state == "unknown"
    actions.settle(now() + timedelta(minutes=10), seconds=60)
    action.refresh_from_db()
    assert (action.state, there(connection, action.reference)) == ("refused", [])
    assert "it was not made" in action.message


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_lost_cancellation_is_carried_out_in_the_end(
    connection: Connection, tryton: Peer, wire: tuple[Server, Wire], act: Act, lost: str
) -> None:
    order = order_of(act(ActionKind.CREATE_ORDER, **new_order(tryton)))
    (wire[1].loses_request if lost == "request" else wire[1].loses_reply).append(b"stock.shipment.out.cancel")
    action = act(ActionKind.CANCEL_ORDER, order)
    settled(action)
    order.refresh_from_db()
    assert (action.state, order.status) == ("accepted", "cancelled")


def test_inbound_shipment_is_created_and_postponed(connection: Connection, tryton: Peer, act: Act) -> None:
    lines = [{"sku": new_order(tryton)["line_items"][0]["sku"], "expected_quantity": "7", "unit_cost": "3"}]
    made = act(
        ActionKind.CREATE_INBOUND_SHIPMENT,
        supplier=str(tryton.facts["supplier"]),
        warehouse_id=str(tryton.facts["warehouses"][0]),
        expected_arrival_date="2027-03-01",
        line_items=lines,
    )
    assert (made.state, made.message) == ("accepted", "")
    inbound = InboundShipment.objects.get(external_id=made.external_id)
    assert [str(line.expected_quantity) for line in inbound.lines.all()] == ["7.000000"]
    put_off = act(ActionKind.UPDATE_INBOUND_SHIPMENT, inbound, expected_arrival_date="2027-03-09")
    assert (put_off.state, put_off.message) == ("accepted", "")
    inbound.refresh_from_db()
    assert inbound.expected_arrival_date is not None
    assert inbound.expected_arrival_date.date().isoformat() == "2027-03-09"


def test_stock_is_set_to_what_was_counted_and_a_product_renamed(
    connection: Connection, tryton: Peer, wire: tuple[Server, Wire], act: Act
) -> None:
    item = InventoryItem.objects.filter(active=True, sku__isnull=False).order_by("-pk").first()
    assert item is not None
    warehouse = str(tryton.facts["warehouses"][1])
    wire[1].loses_reply.append(b"stock.inventory.confirm")
    counted = act(ActionKind.ADJUST_INVENTORY, item, warehouse_id=warehouse, quantity="41")
    settled(counted)
    assert (counted.state, counted.message) == ("accepted", "")
    assert item.levels.get(warehouse_id=warehouse).onhand == 41
    refused = act(ActionKind.ADJUST_INVENTORY, item, warehouse_id=warehouse, quantity="4.5")
    assert refused.state == "refused"
    assert "number of digits" in refused.message
    product = Product.objects.get(external_id=item.external_id)
    renamed = act(ActionKind.UPDATE_PRODUCT, product, name="Mug, the new one")
    assert (renamed.state, renamed.message) == ("accepted", "")
    product.refresh_from_db()
    assert product.name == "Mug, the new one"


def test_no_secret_of_a_request_is_kept(connection: Connection, tryton: Peer, act: Act) -> None:
    action = act(ActionKind.CREATE_ORDER, **new_order(tryton))
    assert action.exchanges
    assert tryton.facts["password"] not in str(action.exchanges)
