"""Stock checks: short lines, warehouses that can fill the order, and the age of the numbers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.models import Connection
from packr.warehouse.models import InventoryItem
from packr.warehouse.stock import allocation
from packr.warehouse.stock.allocation import Need, Part
from packr.warehouse.stock.check import Verdict, Wanted, check
from syncs.models import EntitySchedule
from tests.kit import factories as make
from tests.kit import model_wms
from tests.kit.model_wms import ModelWms
from tests.kit.running import sync

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_cache(settings: Any, request: Any) -> None:
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": request.node.name}}


def want(*lines: tuple[str, int]) -> list[Wanted]:
    return [Wanted(sku, Decimal(count)) for sku, count in lines]


def fresh(connection: Connection) -> None:
    make.synced(connection, Entity.INVENTORY)


@pytest.fixture
def depot(home: Any) -> Connection:
    """A connection with two warehouses and fresh numbers."""
    made = make.connection(home)
    make.warehouse(made, "w1", "Allentown")
    make.warehouse(made, "w2", "Reno")
    fresh(made)
    return made


def test_check_counts_each_line_and_names_complete_warehouses(depot: Connection) -> None:
    make.inventory(depot, "MUG", levels={"w1": 5, "w2": 1})
    make.inventory(depot, "TRAY", levels={"w1": 2})
    found = check(depot, want(("MUG", 4), ("TRAY", 2)))
    assert (found.verdict, found.warehouses) == (Verdict.ENOUGH, ("Allentown",))
    assert [(line.sku, line.asked, line.available) for line in found.lines] == [("MUG", 4, 6), ("TRAY", 2, 2)]
    short = check(depot, want(("MUG", 7), ("TRAY", 2), ("LAMP", 1)))
    assert [line.verdict for line in short.lines] == [Verdict.SHORT, Verdict.ENOUGH, Verdict.UNKNOWN]
    assert short.sentence() == "Short: MUG (7 ordered, 6 available), LAMP (not in the inventory)."
    assert short.lines[0].short == 1


def test_sku_without_stock_is_short(depot: Connection) -> None:
    make.inventory(depot, "MUG", levels={"w1": 0})
    found = check(depot, want(("MUG", 1)))
    assert (found.verdict, found.is_enough, [line.short for line in found.missing]) == (Verdict.SHORT, False, [1])


def test_two_lines_of_one_sku_share_its_units(depot: Connection) -> None:
    make.inventory(depot, "MUG", levels={"w1": 5})
    found = check(depot, want(("MUG", 3), ("MUG", 3)))
    assert [(line.available, line.verdict) for line in found.lines] == [(5, "enough"), (2, "short")]


def test_order_is_split_if_no_warehouse_has_all(depot: Connection) -> None:
    make.inventory(depot, "MUG", levels={"w1": 3, "w2": 2})
    make.inventory(depot, "TRAY", levels={"w2": 1})
    found = check(depot, want(("MUG", 5), ("TRAY", 1)))
    assert found.is_enough
    assert found.warehouses == ()
    assert [(parcel.warehouse, parcel.contents) for parcel in found.parcels] == [
        ("Allentown", (("MUG", 3),)),
        ("Reno", (("MUG", 2), ("TRAY", 1))),
    ]
    at_one_warehouse = check(depot, want(("MUG", 3), ("TRAY", 1)), warehouse="w1")
    assert [line.verdict for line in at_one_warehouse.lines] == [Verdict.ENOUGH, Verdict.SHORT]


def test_kit_is_counted_by_its_parts(depot: Connection) -> None:
    cup = make.inventory(depot, "CUP", levels={"w1": 9})
    box = make.inventory(depot, "BOX", levels={"w1": 2, "w2": 4})
    parts = [
        {"inventory_item_id": cup.external_id, "sku": "CUP", "unit_quantity": "4"},
        {"inventory_item_id": box.external_id, "sku": "BOX", "unit_quantity": "1"},
    ]
    make.product(depot, "GIFT", is_kit=True, record={"inventory_items": parts})
    found = check(depot, want(("GIFT", 2)))
    assert (found.lines[0].available, found.warehouses, found.lines[0].is_kit) == (2, ("Allentown",), True)
    together = check(depot, want(("CUP", 2), ("GIFT", 2)))  # 2 + 2 x 4 cups are more than 9
    assert [line.verdict for line in together.lines] == [Verdict.ENOUGH, Verdict.SHORT]


def test_placed_order_may_own_allocated_units(depot: Connection) -> None:
    make.inventory(depot, "MUG", onhand=5, fulfillable=0, committed=5)
    assert check(depot, want(("MUG", 3))).verdict == Verdict.SHORT
    assert check(depot, want(("MUG", 3)), placed=True).verdict == Verdict.DEPENDS
    assert check(depot, want(("MUG", 6)), placed=True).verdict == Verdict.SHORT


def test_wms_without_available_units_uses_units_on_hand(depot: Connection) -> None:
    """Tryton sends no available units."""
    make.inventory(depot, "MUG", onhand=5, fulfillable=None, committed=None)
    assert check(depot, want(("MUG", 5))).is_enough


def test_customers_have_separate_skus(depot: Connection) -> None:
    make.inventory(depot, "MUG", levels={"w1": 1}, warehouse_customer_id="c1")
    make.inventory(depot, "MUG", levels={"w1": 9}, warehouse_customer_id="c2")
    assert check(depot, want(("MUG", 5)), customer="c2").is_enough
    assert not check(depot, want(("MUG", 5)), customer="c1").is_enough


# --- Age of the numbers ---------------------------------------------------------------------------
def stale(connection: Connection) -> None:
    old = now() - timedelta(minutes=20)
    EntitySchedule.objects.filter(connection=connection, entity=Entity.INVENTORY).update(as_of=old, watermark=old)


@pytest.fixture
def counted(wms: ModelWms, connection: Connection) -> Connection:
    """The mirror has five mugs; the WMS has none left."""
    wms.put(Entity.INVENTORY, model_wms.item("MUG", "5", datetime.now(UTC) - timedelta(hours=1)))
    sync(connection, Entity.INVENTORY)
    wms.put(Entity.INVENTORY, model_wms.item("MUG", "0", datetime.now(UTC)))
    wms.calls.clear()
    return connection


def test_fresh_numbers_make_no_call(wms: ModelWms, counted: Connection) -> None:
    found = check(counted, want(("MUG", 5)))
    assert (found.is_enough, found.is_old, found.was_read, wms.calls) == (True, False, False, [])


def test_old_numbers_are_read_live_once(wms: ModelWms, counted: Connection) -> None:
    """The mirror has 5, the WMS 0: only this SKU is read, and the mirror is updated."""
    stale(counted)
    began = now()
    found = check(counted, want(("MUG", 5)))
    assert (found.verdict, found.was_read, found.is_old) == (Verdict.SHORT, True, False)
    assert found.as_of is not None
    assert found.as_of >= began
    assert [call.ids for call in wms.calls] == [("MUG",)]
    assert InventoryItem.objects.get(sku="MUG").onhand == 0
    again = check(counted, want(("MUG", 5)))
    assert (again.verdict, again.was_read, len(wms.calls)) == (Verdict.SHORT, True, 1)


def test_unreachable_wms_needs_confirmation(wms: ModelWms, counted: Connection) -> None:
    """The old numbers are shown with their age and the reason; the check can be stored with the order."""
    stale(counted)
    wms.faults.append(ConnectorError(Kind.UNREACHABLE, "The WMS did not answer in time."))
    found = check(counted, want(("MUG", 5)))
    assert (found.is_enough, found.needs_confirmation, found.was_read) == (True, True, False)
    assert "did not answer in time" in found.trouble
    assert found.as_json()["numbers_are_old"] is True
    chosen = check(counted, want(("MUG", 5)), live=False)
    assert (chosen.is_old, chosen.needs_confirmation, len(wms.calls)) == (True, False, 1)


def test_check_uses_a_constant_number_of_queries(depot: Connection, django_assert_num_queries: Any) -> None:
    for number in range(30):
        make.inventory(depot, f"SKU-{number}", levels={"w1": 5, "w2": 1})
        make.product(depot, f"SKU-{number}")
    with django_assert_num_queries(6):
        check(depot, want(*((f"SKU-{number}", 1) for number in range(30))))


# --- The arithmetic -------------------------------------------------------------------------------
counts = st.integers(0, 6).map(Decimal)
items = st.sampled_from("abc")
parts = st.lists(st.builds(Part, items, st.just("x"), st.integers(1, 3).map(Decimal)), min_size=1, max_size=2)
needs = st.lists(
    st.builds(
        Need,
        st.just("x"),
        st.integers(1, 5).map(Decimal),
        parts.map(lambda found: tuple({one.item_id: one for one in found}.values())),
    ),
    min_size=1,
    max_size=4,
)
shelf = st.dictionaries(items, counts)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(needs, st.dictionaries(st.sampled_from(["w1", "w2", "w3"]), shelf))
def test_split_fits_every_warehouse_and_fills_every_line(
    asked: list[Need], shelves: dict[str, dict[str, Decimal]]
) -> None:
    parcels = allocation.split(asked, shelves)
    if parcels:
        assert [sum(sent) for sent in zip(*parcels.values(), strict=True)] == [need.quantity for need in asked]
    for warehouse, sent in parcels.items():
        for item in "abc":
            used = sum(
                amount * part.per_unit
                for need, amount in zip(asked, sent, strict=True)
                for part in need.parts
                if part.item_id == item
            )
            assert used <= shelves[warehouse].get(item, 0)
