"""The history of records: old and new values, times and causes."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from integrations import records
from integrations.entities import Entity
from packr.warehouse.history import retention
from packr.warehouse.history.queries import replay
from packr.warehouse.history.tracked_fields import TRACKED
from packr.warehouse.mirror import writer
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.models import InventoryItem, Order, OrderShipment, Product, RecordChange
from packr.warehouse.models.change_causes import Cause, CauseKind
from syncs.models import Mode, SyncRun
from syncs.monitoring.retention import prune
from tests.kit.model_wms import item, order, shipment
from tests.kit.running import sync

ORDERS, INVENTORY, PRODUCTS, INBOUND = (
    Entity.ORDERS,
    Entity.INVENTORY,
    Entity.PRODUCTS,
    Entity.INBOUND_SHIPMENTS,
)
NOW = datetime(2026, 2, 5, 8, 0, tzinfo=UTC)
LATER = Cause(CauseKind.RUN, 7, "Incremental sync of orders")

pytestmark = pytest.mark.django_db


def apply(connection: Any, entity: Entity, *found: Any, cause: Cause = LATER, now: datetime = NOW) -> None:
    with transaction.atomic():
        writer.apply(connection.pk, entity, found, now=now, cause=cause)


def entries() -> list[tuple[str, list[list[Any]]]]:
    """Return each entry's content, oldest first."""
    return [(one.what, one.fields) for one in RecordChange.objects.order_by("pk")]


# --- Replayed histories equal the stored values -----------------------------------------------------------------------


def random_order(dice: random.Random, external_id: str, moment: datetime) -> records.Order:
    skus = dice.sample(["MUG", "TEA", "CUP", "POT"], dice.randint(0, 3))
    skus += skus[:1] * dice.randint(0, 1)  # two lines may have the same SKU
    sent = [shipment(f"{external_id}-{n}", external_id, status=dice.choice(["open", "shipped"])) for n in (1, 2)]
    return order(
        external_id,
        moment,
        status=dice.choice(["open", "picked", "fulfilled"]),
        raw_status=dice.choice([None, "A", "B"]),
        required_ship_date=dice.choice([None, NOW, NOW + timedelta(days=1)]),
        total_price=dice.choice([None, "9.5", "10"]),
        line_items=[records.OrderLine(sku=sku, quantity=str(dice.randint(1, 3))) for sku in skus],
        shipments=sent[: dice.randint(0, 2)],
    )


def random_item(dice: random.Random, external_id: str, moment: datetime) -> records.InventoryItem:
    levels = {
        f"w{n}": records.Counters(onhand=str(dice.randint(0, 4)), committed=dice.choice([None, "1"]))
        for n in range(dice.randint(0, 2))
    }
    onhand = str(dice.randint(0, 4))
    return item(external_id, onhand, moment, active=dice.choice([True, False]), inventory_by_warehouse_id=levels)


def random_product(dice: random.Random, external_id: str, moment: datetime) -> records.Product:
    name, price = dice.choice(["Mug", "Big mug"]), dice.choice([None, "1", "2.5"])
    return records.Product(external_id=external_id, updated_at=moment, name=name, sku=external_id, unit_price=price)


def random_inbound(dice: random.Random, external_id: str, moment: datetime) -> records.InboundShipment:
    line = records.InboundLine(sku="MUG", expected_quantity="9", received_quantity=str(dice.randint(0, 9)))
    status = dice.choice(["open", "receiving", "received"])
    return records.InboundShipment(
        external_id=external_id, created_at=NOW, updated_at=moment, status=status, line_items=[line]
    )


MAKERS = {ORDERS: random_order, INVENTORY: random_item, PRODUCTS: random_product, INBOUND: random_inbound}
WITH_ALL = (*MAKERS, Entity.ORDER_SHIPMENTS)


def shown(connection: Any) -> dict[tuple[Entity, int], dict[tuple[str, str], Any]]:
    """Return the tracked values of every row, by entity and row."""
    return {
        (entity, pk): TRACKED[entity].values_of(record)
        for entity in WITH_ALL
        for pk, record in TABLES[entity]
        .model._default_manager.filter(connection=connection)
        .values_list("pk", "record")
    }


def histories() -> dict[tuple[Entity, int], list[RecordChange]]:
    found = defaultdict(list)
    for change in RecordChange.objects.order_by("pk"):
        found[Entity(change.entity), change.row_id].append(change)
    return found


def check_replay(connection: Any, dice: random.Random, max_values: int = 1_000) -> int:
    """Compare the stored values that have a history with the replayed ones. Return how many."""
    found = histories()
    replayed = {row: replay(changes) for row, changes in found.items()}
    values = [
        (row, name, value)
        for row, all_ in shown(connection).items()
        for name, value in all_.items()
        if name in replayed.get(row, {})
    ]
    sample = dice.sample(values, min(max_values, len(values)))
    for row, name, value in sample:
        assert replayed[row][name] == value, (row, name)
    runs = set(SyncRun.objects.values_list("pk", flat=True))
    for change in (one for changes in found.values() for one in changes):
        assert change.cause == CauseKind.RUN
        assert change.cause_id in runs or change.cause_text
    return len(sample)


@pytest.mark.parametrize("seed", [1, 2])
def test_replayed_history_equals_stored_values(wms: Any, connection: Any, seed: int, monkeypatch: Any) -> None:
    """For random values after random incremental and full syncs, also after the oldest entries were pruned."""
    dice = random.Random(seed)
    wms.page_size = 60 if seed == 1 else 7
    moment = datetime.now(UTC) - timedelta(hours=1)
    for number in range(12):
        moment += timedelta(minutes=1)
        for entity, make in MAKERS.items():
            ids = [f"{entity[:3]}{n}" for n in range(100)]
            wms.put(entity, *(make(dice, one, moment) for one in dice.sample(ids, 90 if number == 0 else 35)))
            if number % 4 == 2:
                wms.drop(entity, *dice.sample(sorted(wms.rows[entity]), 3))
            sync(connection, entity, Mode.FULL if number % 4 == 2 else Mode.INCREMENTAL)
    assert check_replay(connection, dice) == 1_000
    change_kinds = set(RecordChange.objects.values_list("what", flat=True))
    assert change_kinds == {"appeared", "changed", "removed", "returned"}
    runs = set(SyncRun.objects.values_list("pk", flat=True))
    assert {one.cause_id for one in RecordChange.objects.all()} <= runs
    # Prune entries older than the retention period, and all but three entries of each record.
    keys = list(RecordChange.objects.order_by("pk").values_list("pk", flat=True))
    RecordChange.objects.filter(pk__lt=keys[len(keys) // 4]).update(seen_at=NOW - timedelta(days=91))
    monkeypatch.setattr(retention, "MAX_ENTRIES_PER_RECORD", 3)
    monkeypatch.setattr(retention, "BATCH_SIZE", 50)
    prune()
    assert not RecordChange.objects.filter(pk__lt=keys[len(keys) // 4]).exists()
    assert max(len(one) for one in histories().values()) == 3
    assert check_replay(connection, dice) > 300


# --- Which entries are written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [0, 60], ids=["few", "page"])
def test_entry_has_old_and_new_values_times_and_cause(connection: Any, others: int) -> None:
    """The times are the WMS's and Packr's. A shipment inside an order has a history of its own."""
    rest = [order(f"r{n}", NOW) for n in range(others)]
    apply(connection, ORDERS, order("o", NOW), *rest, cause=Cause(CauseKind.RUN, 1, first=True))
    assert entries() == []  # a first load writes no history
    stamp, seen = NOW + timedelta(minutes=1), NOW + timedelta(minutes=5)
    line = records.OrderLine(sku="MUG", quantity="2", unit_price="9.5")
    changed = order("o", stamp, status="picked", line_items=[line], shipments=[shipment("s", "o")], created_at=NOW)
    rest = [order(f"r{n}", stamp, status="picked", created_at=NOW) for n in range(others)]
    apply(connection, ORDERS, changed, *rest, now=seen)
    row = Order.objects.get(external_id="o")
    change = RecordChange.objects.get(entity=ORDERS, row_id=row.pk)
    assert sorted(change.fields) == [["quantity", "MUG", "1", "2"], ["status", "", "open", "picked"]]
    assert (change.stamp, change.seen_at, change.change_no) == (stamp, seen, row.change_no)
    assert (change.cause, change.cause_id, change.cause_text) == ("run", 7, "Incremental sync of orders")
    sent = RecordChange.objects.get(entity=Entity.ORDER_SHIPMENTS)
    assert (sent.row_id, sent.what) == (OrderShipment.objects.get().pk, "appeared")
    # The order's next version has no shipment, so its shipment is removed.
    apply(connection, ORDERS, order("o", stamp + timedelta(minutes=1), status="picked", line_items=[line]))
    assert list(
        RecordChange.objects.filter(entity=Entity.ORDER_SHIPMENTS).order_by("pk").values_list("what", flat=True)
    ) == ["appeared", "removed"]


def test_untracked_changes_write_no_entry(connection: Any) -> None:
    """A new stamp or an untracked value writes no entry, and neither does an entity without a history."""
    apply(connection, ORDERS, order("o", NOW), cause=Cause(CauseKind.RUN, 1, first=True))
    apply(connection, ORDERS, order("o", NOW + timedelta(minutes=1), created_at=NOW))
    apply(connection, ORDERS, order("o", NOW + timedelta(minutes=2), created_at=NOW, tags=["gift"]))
    apply(connection, Entity.CUSTOMERS, records.Customer(external_id="c", name="Acme"))
    apply(connection, Entity.CUSTOMERS, records.Customer(external_id="c", name="Acme Ltd"))
    assert Order.objects.get().record["tags"] == ["gift"]
    assert entries() == []


def test_removal_and_return_are_entries(connection: Any) -> None:
    """The removal is recorded once, the return with the values that differ."""
    apply(connection, INVENTORY, item("a", "5", NOW), item("b", "5", NOW))
    RecordChange.objects.all().delete()
    keys = list(InventoryItem.objects.order_by("external_id").values_list("pk", flat=True))
    for _ in range(2):
        with transaction.atomic():
            writer.remove(connection.pk, INVENTORY, keys[:1], now=NOW, cause=LATER)
    assert [(one.row_id, one.what, one.cause_id) for one in RecordChange.objects.all()] == [(keys[0], "removed", 7)]
    apply(connection, INVENTORY, item("a", "4", NOW + timedelta(minutes=1)))
    assert entries()[1:] == [("returned", [["onhand", "", "5", "4"], ["onhand", "w1", "5", "4"]])]


def test_removed_order_records_its_shipments_as_removed(connection: Any) -> None:
    apply(connection, ORDERS, order("o", NOW, shipments=[shipment("s", "o"), shipment("t", "o")]))
    RecordChange.objects.all().delete()
    with transaction.atomic():
        writer.remove(connection.pk, ORDERS, [Order.objects.get().pk], now=NOW, cause=LATER)
    assert sorted(RecordChange.objects.values_list("entity", "what")) == [
        ("order-shipments", "removed"),
        ("order-shipments", "removed"),
        ("orders", "removed"),
    ]


def test_statements_do_not_grow_with_rows(connection: Any) -> None:
    """One statement records all changes of a page."""

    def cost(count: int, onhand: str, minutes: int) -> int:
        moment = NOW + timedelta(minutes=minutes)
        found = [item(f"i{n}", onhand, moment) for n in range(count)]
        with CaptureQueriesContext(database) as statements:
            apply(connection, INVENTORY, *found)
        assert sum("recordchange" in one["sql"] for one in statements) == 1
        return len(statements)

    cost(40, "1", 0)
    assert cost(40, "2", 1) == cost(2, "3", 2)


def test_kit_quantities_are_tracked(connection: Any) -> None:
    """The units of each part in a kit."""
    parts = [records.ProductItem(sku="CUP", unit_quantity="2")]
    apply(connection, PRODUCTS, records.Product(external_id="p", updated_at=NOW, inventory_items=parts))
    parts = [records.ProductItem(sku="CUP", unit_quantity="3")]
    apply(
        connection,
        PRODUCTS,
        records.Product(external_id="p", updated_at=NOW + timedelta(minutes=1), inventory_items=parts),
    )
    assert entries()[-1] == ("changed", [["unit_quantity", "CUP", "2", "3"]])
    assert RecordChange.objects.latest("pk").row_id == Product.objects.get().pk
