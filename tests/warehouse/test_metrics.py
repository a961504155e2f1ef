"""Metrics computed from the mirror after a run, for the affected SKUs only."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from integrations import records
from integrations.entities import Entity
from packr.warehouse.metrics import pipeline
from packr.warehouse.metrics.compute import COLUMNS, compute
from packr.warehouse.models import KitPart, Order, OrderLine, ProcessingMark, SkuMetrics
from syncs.engine import runner
from syncs.models import Checkpoint, Mode, Phase, State, SyncRun
from syncs.runs.claims import claim
from syncs.runs.enqueue import request_runs
from tests.kit.model_wms import item, order
from tests.kit.running import drain, lapse, sync

ORDERS, INVENTORY, PRODUCTS, INBOUND = (
    Entity.ORDERS,
    Entity.INVENTORY,
    Entity.PRODUCTS,
    Entity.INBOUND_SHIPMENTS,
)
SKUS = ("MUG", "mug", "CUP", "TEA", "POT", "SET", "ä")

pytestmark = pytest.mark.django_db


def sale(external_id: str, *lines: tuple[str, str], age: float = 0, **fields: Any) -> records.Order:
    """Return an order of (SKU, quantity) lines, `age` days old."""
    moment = now()
    created = moment - timedelta(days=age)
    found = [records.OrderLine(sku=sku, quantity=count) for sku, count in lines]
    return order(external_id, moment, created_at=created, line_items=found, **fields)


def stock(sku: str, available: str, **fields: Any) -> records.InventoryItem:
    return item(f"i-{sku}", available, now(), sku=sku, fulfillable=available, **fields)


def kit(sku: str, *parts: tuple[str, str], **fields: Any) -> records.Product:
    found = [records.ProductItem(sku=part, unit_quantity=units) for part, units in parts]
    return records.Product(external_id=f"p-{sku}", updated_at=now(), sku=sku, inventory_items=found, **fields)


def coming(external_id: str, *lines: tuple[str, str, str], days: int | None = 3, **fields: Any) -> Any:
    """Return an inbound shipment of (SKU, expected, received) lines."""
    due = now() + timedelta(days=days) if days is not None else None
    found = [records.InboundLine(sku=sku, expected_quantity=one, received_quantity=two) for sku, one, two in lines]
    return records.InboundShipment(
        external_id=external_id,
        created_at=now(),
        updated_at=now(),
        **{"status": "open", "expected_arrival_date": due, "line_items": found, **fields},
    )


def of(sku: str, customer: str = "") -> SkuMetrics:
    return SkuMetrics.objects.get(sku=sku, customer=customer)


def table() -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return all metrics by customer and SKU, without the time of computation."""
    return {(one[2], one[1]): one[3:] for one in SkuMetrics.objects.values_list(*COLUMNS[:-1])}


# --- Meaning of the figures -------------------------------------------------------------------------------------------


def test_units_sold_and_days_of_cover(clock: Any, wms: Any, connection: Any) -> None:
    """Cancelled orders don't count; days begin at midnight of the workspace; kits sell their parts."""
    wms.page_size = 50
    wms.put(PRODUCTS, kit("SET", ("CUP", "2"), ("TEA", "1")), kit("MUG", ("MUG", "1")))
    wms.put(INVENTORY, stock("CUP", "20"), stock("MUG", "0"), stock("POT", "5"))
    wms.put(
        ORDERS,
        sale("a", ("CUP", "1"), ("MUG", "3"), age=6),
        sale("b", ("SET", "2"), age=6.4),  # before midnight of the seventh day, since the clock shows 9:00
        sale("c", ("CUP", "4"), age=40),
        sale("d", ("CUP", "100"), age=1, status="cancelled"),
        sale("e", ("CUP", "100"), age=91),
        sale("f", ("CUP", "7"), age=1, warehouse_customer_id="acme"),
    )
    for entity in (PRODUCTS, INVENTORY, ORDERS):
        assert sync(connection, entity, Mode.FULL).state == State.SUCCEEDED
    cup = of("CUP")
    assert (cup.sold_7, cup.sold_30, cup.sold_90) == (1, 5, 9)
    assert (cup.fulfillable, cup.cover) == (20, 120)  # 20 units, five sold in 30 days
    assert (of("SET").sold_30, of("TEA").sold_30, of("TEA").fulfillable) == (2, 2, None)
    assert (of("MUG").sold_30, of("MUG").cover) == (3, 0)
    assert (of("POT").sold_90, of("POT").cover) == (0, None)
    assert of("CUP", "acme").sold_7 == 7


def test_next_arrival_and_outstanding_units(clock: Any, wms: Any, connection: Any) -> None:
    """Received and cancelled units don't count."""
    wms.page_size = 50
    wms.put(
        INBOUND,
        coming("a", ("CUP", "10", "4"), ("MUG", "5", "5"), days=9),
        coming("b", ("CUP", "3", "0"), days=2),
        coming("c", ("CUP", "50", "0"), days=1, status="cancelled"),
        coming("d", ("TEA", "1", "0"), days=None),
    )
    sync(connection, INBOUND, Mode.FULL)
    cup = of("CUP")
    assert (cup.outstanding, cup.next_arrival) == (9, now() + timedelta(days=2))
    assert (of("TEA").outstanding, of("TEA").next_arrival) == (1, None)
    assert not SkuMetrics.objects.filter(sku="MUG").exists()


# --- Incremental and full computation ---------------------------------------------------------------------------------


def random_record(dice: random.Random, entity: Entity, number: int) -> Any:
    """Return a random record of one of a few ids, with random SKUs."""
    customer = dice.choice([None, "acme"])
    skus = dice.sample(SKUS, dice.randint(0, 3))
    if entity == ORDERS:
        lines = [(sku, str(dice.randint(1, 3))) for sku in skus + skus[:1]]
        status = dice.choice(["open", "fulfilled", "cancelled"])
        age = dice.choice([0, 1, 6.3, 6.4, 29, 31, 89, 95])
        return sale(f"o{number}", *lines, age=age, status=status, warehouse_customer_id=customer)
    if entity == INVENTORY:
        sku = dice.choice(SKUS)
        found = stock(sku, str(dice.randint(-1, 9)), warehouse_customer_id=customer)
        return records.InventoryItem(
            **{**{f: getattr(found, f) for f in found.__struct_fields__}, "external_id": str(number)}
        )
    if entity == PRODUCTS:
        parts = [(sku, str(dice.randint(1, 2))) for sku in skus]
        found = kit(dice.choice(SKUS), *parts, warehouse_customer_id=customer)
        return records.Product(
            **{**{f: getattr(found, f) for f in found.__struct_fields__}, "external_id": str(number)}
        )
    lines = [(sku, str(dice.randint(1, 5)), str(dice.randint(0, 3))) for sku in skus]
    status = dice.choice(["open", "receiving", "received"])
    return coming(f"b{number}", *lines, status=status, warehouse_customer_id=customer)


@pytest.mark.parametrize("seed", range(4))
def test_metrics_of_affected_skus_equal_a_full_computation(
    seed: int, clock: Any, wms: Any, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metrics computed run by run equal those computed from the whole mirror."""
    dice = random.Random(seed)
    monkeypatch.setattr(pipeline, "PORTION_SIZE", dice.choice([1, 2, 500]))
    wms.page_size = 20
    wms.skew = timedelta(0)
    for number in range(25):
        clock.shift(timedelta(minutes=7) if number % 6 else timedelta(hours=13))
        entity = dice.choice([ORDERS, ORDERS, INVENTORY, PRODUCTS, INBOUND])
        wms.put(entity, *(random_record(dice, entity, dice.randint(1, 6)) for _ in range(dice.randint(1, 4))))
        full = number % 5 == 4
        if full and wms.rows[entity]:
            wms.drop(entity, dice.choice(sorted(wms.rows[entity])))
        assert sync(connection, entity, Mode.FULL if full else Mode.INCREMENTAL).state == State.SUCCEEDED
    clock.shift(timedelta(minutes=1))
    sync(connection, ORDERS)  # moves all sales windows to the current day
    piecemeal, parts = table(), set(KitPart.objects.values_list("product", "sku", "units"))
    SkuMetrics.objects.all().delete()
    KitPart.objects.all().delete()
    ProcessingMark.objects.all().delete()
    for entity in (PRODUCTS, INVENTORY, INBOUND, ORDERS):
        progress: Any = pipeline.begin(connection, entity, now())
        while progress:
            _, progress = pipeline.run_portion(connection, entity, progress, now())
    assert set(KitPart.objects.values_list("product", "sku", "units")) == parts
    assert table() == piecemeal
    assert piecemeal


def test_only_affected_skus_are_computed(clock: Any, wms: Any, connection: Any) -> None:
    """Other rows are not written, and the run counts its SKUs."""
    wms.page_size = 50
    wms.put(INVENTORY, *(stock(sku, "5") for sku in SKUS))
    first = sync(connection, INVENTORY, Mode.FULL)
    assert first.processed == len(SKUS)
    clock.shift(timedelta(minutes=5))
    wms.put(INVENTORY, stock("CUP", "4"))
    assert sync(connection, INVENTORY).processed == 1
    assert of("CUP").worked_out_at == now()
    assert SkuMetrics.objects.exclude(sku="CUP").filter(worked_out_at=now()).count() == 0


def test_equal_metrics_are_not_written(clock: Any, wms: Any, connection: Any) -> None:
    """Fractions, unknown figures and zeros compare as equal; only different rows are written."""
    wms.page_size = 50
    wms.put(PRODUCTS, kit("SET", ("CUP", "0.333333"), ("TEA", "1")), kit("ä", ("MUG", "1")))
    wms.put(INVENTORY, stock("CUP", "0.1"), stock("MUG", "7"), item("again", "1", now(), sku="CUP", fulfillable="0.2"))
    wms.put(INBOUND, coming("a", ("CUP", "0.3", "0.1")), coming("b", ("POT", "1", "0"), days=None))
    wms.put(ORDERS, sale("a", ("SET", "0.7"), ("CUP", "3")), sale("b", ("MUG", "1"), warehouse_customer_id="acme"))
    for entity in (PRODUCTS, INVENTORY, INBOUND, ORDERS):
        sync(connection, entity, Mode.FULL)
    before, day = table(), now().date()
    SkuMetrics.objects.filter(sku="TEA").update(outstanding=1)
    clock.shift(timedelta(minutes=5))
    assert compute(connection, [*SKUS, ""], day=day, now=now()) == len(SKUS)
    assert list(SkuMetrics.objects.filter(worked_out_at=now()).values_list("sku", flat=True)) == ["TEA"]
    assert table() == before


# --- Cost when idle, and recovery -------------------------------------------------------------------------------------


def test_idle_run_needs_no_further_statement(
    clock: Any, wms: Any, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that affects no SKU runs as many statements as one without post-processing steps."""

    def idle() -> int:
        clock.shift(timedelta(minutes=5))
        request_runs(connection, [INVENTORY], mode=Mode.INCREMENTAL, trigger="manual")  # type: ignore[arg-type]
        claimed = claim()
        assert claimed
        with CaptureQueriesContext(database) as statements:
            runner.work(claimed)
        assert SyncRun.objects.latest("pk").processed == 0
        return len(statements)

    wms.put(INVENTORY, stock("CUP", "4"))
    sync(connection, INVENTORY, Mode.FULL)
    clock.shift(timedelta(hours=1))
    idle()  # the first run after a full one plans its late-commit overlap
    with_steps = idle()
    monkeypatch.setattr(pipeline, "STEPS", {})
    without = idle()
    assert without == with_steps


def test_large_first_sync_leaves_metrics_to_the_next_run(
    clock: Any, wms: Any, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next sync computes them although it finds no change."""
    monkeypatch.setattr("syncs.engine.post_processing.MAX_ROWS_IN_FIRST_SYNC", 2)
    wms.put(INVENTORY, stock("CUP", "4"), stock("MUG", "2"))
    assert sync(connection, INVENTORY, Mode.FULL).processed == 0
    assert not SkuMetrics.objects.exists()
    clock.shift(timedelta(minutes=5))
    run = sync(connection, INVENTORY, Mode.INCREMENTAL)
    assert (run.updated, run.processed) == (0, 2)
    assert SkuMetrics.objects.count() == 2


def test_killed_run_continues_after_its_last_portion(
    clock: Any, wms: Any, connection: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Each portion is a checkpoint: another worker continues there and misses nothing."""
    monkeypatch.setattr(pipeline, "PORTION_SIZE", 2)
    settings.SLICE_SECONDS = 0
    wms.page_size = 50
    wms.put(INVENTORY, *(stock(sku, "5") for sku in SKUS))
    (request,) = request_runs(connection, [INVENTORY], mode=Mode.FULL, trigger="manual")  # type: ignore[arg-type]
    calls: list[str] = []

    def killed_compute(*args: Any, **kwargs: Any) -> int:
        calls.append("")
        if len(calls) % 3 == 2:
            raise KeyboardInterrupt
        return compute(*args, **kwargs)

    monkeypatch.setattr(pipeline, "compute", killed_compute)
    for _ in range(100):
        claimed = claim()
        if claimed is None:
            break
        try:
            runner.work(claimed)
        except KeyboardInterrupt:
            assert Checkpoint.objects.get().phase == Phase.POST_PROCESS
            lapse()
            clock.shift(timedelta(minutes=2))
    request.run.refresh_from_db()
    assert (request.run.state, request.run.processed) == (State.SUCCEEDED, len(SKUS))
    assert set(SkuMetrics.objects.values_list("sku", flat=True)) == set(SKUS)


def test_changes_of_a_failed_run_are_processed_by_the_next(wms: Any, connection: Any) -> None:
    """The next run processes them even if it finds no change itself."""
    wms.put(INVENTORY, stock("CUP", "4"))
    sync(connection, INVENTORY, Mode.FULL)
    SkuMetrics.objects.all().delete()
    ProcessingMark.objects.update(change_no=0)
    assert sync(connection, INVENTORY).processed == 1
    assert of("CUP").fulfillable == 4


# --- Change of day ----------------------------------------------------------------------------------------------------


def test_sales_windows_move_without_changes(clock: Any, wms: Any, connection: Any) -> None:
    """Units sold a week ago leave the 7-day window although nothing changes.

    Over 30 days the metrics are 24 hours old at most on average.
    """
    wms.put(ORDERS, sale("a", ("CUP", "3")), sale("b", ("TEA", "1"), age=50))
    sync(connection, ORDERS, Mode.FULL)
    ages: list[timedelta] = []
    sold: list[Decimal] = []
    for _ in range(30 * 4):
        clock.shift(timedelta(hours=6))
        sync(connection, ORDERS)
        ages += [now() - at for at in SkuMetrics.objects.values_list("worked_out_at", flat=True)]
        sold.append(of("CUP").sold_7)
    assert sum(ages, timedelta()) / len(ages) <= timedelta(hours=24)
    assert max(ages) < timedelta(hours=48)
    assert sold == sorted(sold, reverse=True)
    assert (sold[0], sold[6 * 4], sold[7 * 4]) == (3, 3, 0)
    assert ProcessingMark.objects.get(entity=ORDERS).day == now().date()
    assert of("TEA").sold_90 == 1


def test_days_are_in_the_workspace_time_zone(clock: Any, wms: Any, connection: Any) -> None:
    """An order of 23:30 in New York counts for that day, although it is the next day in London."""
    connection.workspace.timezone = "America/New_York"
    connection.workspace.save()
    moment = datetime(2026, 1, 29, 4, 30, tzinfo=UTC)  # 28 January, 23:30
    line = [records.OrderLine(sku="CUP", quantity="1")]
    wms.put(ORDERS, order("a", now(), created_at=moment, line_items=line))
    sync(connection, ORDERS, Mode.FULL)
    assert of("CUP").sold_7 == 0  # it is 4 February, so the seventh day is 29 January
    assert of("CUP").sold_30 == 1


def test_statements_do_not_grow_with_skus(wms: Any, connection: Any) -> None:
    costs = []
    for count in (2, 40):
        rows = [f"{count}-{number}" for number in range(count)]
        wms.page_size = 100
        wms.put(ORDERS, *(sale(one, (one, "1")) for one in rows))
        sync(connection, ORDERS)
        wms.put(ORDERS, *(sale(one, (one, "2")) for one in rows))
        with CaptureQueriesContext(database) as statements:
            sync(connection, ORDERS)
        costs.append(len(statements))
    assert costs[0] == costs[1]
    assert (Order.objects.count(), OrderLine.objects.count()) == (42, 42)
    drain()
