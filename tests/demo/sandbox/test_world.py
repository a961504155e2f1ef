"""The sandbox's data: reproducible, plausible, and with consistent stock over time."""

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from packr.demo.sandbox.orders import needs
from packr.demo.sandbox.server import Sandbox
from packr.demo.sandbox.simulation import tick
from packr.demo.sandbox.world import SandboxWorld

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def make(*, seed=1, number=1, orders=400):
    return SandboxWorld(seed=seed, orders=orders, clock=lambda: NOW).account(number)


def bodies(account):
    return {entity: [row.body for row in table.rows] for entity, table in account.tables.items()}


def check_sums(account):
    committed, awaiting = Counter(), Counter()
    for order in account.tables["orders"].all():
        if order["additional_fields"]["allocated"]:
            for line in needs(order, account.parts):
                committed[line["inventory_item_id"], order["warehouse_id"]] += line["quantity"]
    for shipment in account.tables["inbound-shipments"].all():
        if shipment["status"] in ("open", "in-transit", "receiving"):
            for line in shipment["line_items"]:
                left = line["expected_quantity"] - line["received_quantity"]
                awaiting[line["inventory_item_id"], shipment["warehouse_id"]] += left
        received = Counter()
        for receipt in shipment["receipts"]:
            for line in receipt["line_items"]:
                received[line["inventory_item_id"]] += line["quantity"]
        assert all(received[line["inventory_item_id"]] == line["received_quantity"] for line in shipment["line_items"])
    for item in account.tables["inventory"].all():
        for warehouse, c in item["inventory_by_warehouse_id"].items():
            assert c["onhand"] == c["committed"] + c["unfulfillable"] + c["fulfillable"]
            assert c["committed"] == committed[item["id"], warehouse]
            assert c["awaiting"] == awaiting[item["id"], warehouse]
            assert min(c["fulfillable"], c["unfulfillable"]) >= 0
        for name in ("awaiting", "onhand", "committed", "unfulfillable", "fulfillable", "sellable"):
            assert item[name] == sum(c[name] for c in item["inventory_by_warehouse_id"].values())
        assert sum(place["quantity"] for place in item["locations"]) == item["onhand"]
        assert not item["lots"] or sum(lot["onhand"] for lot in item["lots"]) == item["onhand"]


def test_same_seed_and_time_give_the_same_world():
    one, two = make(), make()
    for account in (one, two):
        for _ in range(100):
            tick(account)
    assert bodies(one) == bodies(two)


def test_other_seeds_and_other_accounts_differ():
    orders = [bodies(account)["orders"] for account in (make(), make(seed=2), make(number=2))]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    assert make().connection_id == make(seed=2).connection_id != make(number=2).connection_id


def test_history_is_plausible():
    account = make(orders=3000)
    orders = account.tables["orders"].all()
    statuses = Counter(order["status"] for order in orders)
    assert statuses["fulfilled"] > 2500
    assert len(statuses) == 10
    created = [order["created_date"] for order in orders]
    assert created == sorted(created)
    assert "2025-12-31" < created[0] < "2026-01-01"
    thirty_days_ago = "2026-01-30T12:00:00Z"
    old = [order for order in orders if order["created_date"] < thirty_days_ago]
    assert len(old) > 1000
    assert any(order["status"] == "open" for order in old)
    assert {order["warehouse_customer_id"] for order in orders} == {"wc_204", "wc_311"}
    assert len(account.tables["products"]) > 200
    for order in orders:
        shipped = order["status"] in ("fulfilled", "partially_fulfilled")
        assert bool(order["shipments"]) == shipped
        assert not (order["status"] == "fulfilled" and needs(order, account.parts))
        assert max(order["updated_date"], order["trackstar_updated_date"]) <= "2026-03-01T12:00:00Z"


def test_stock_adds_up_at_the_start_and_after_500_ticks():
    account = make()
    check_sums(account)
    before = bodies(account)
    for _ in range(500):
        tick(account)
    check_sums(account)
    after = bodies(account)
    for entity in ("orders", "inventory", "inbound-shipments", "returns"):
        assert before[entity] != after[entity], f"{entity} never changed"
    statuses = Counter(json.loads(text)["status"] for text in after["orders"][400:])
    assert statuses["fulfilled"] > 5
    changed = [json.loads(text) for text in set(after["orders"]) - set(before["orders"])]
    assert {order["trackstar_updated_date"] for order in changed} == {"2026-03-01T12:00:00Z"}


def test_world_changes_automatically_unless_paused(monkeypatch):
    monkeypatch.setattr("packr.demo.sandbox.server.BEAT", 0.01)
    for still in (False, True):
        with Sandbox(orders=50, still=still) as sandbox:
            account = sandbox.world.account(1)
            before = bodies(account)
            end = time.monotonic() + (0.3 if still else 5)
            while time.monotonic() < end and (still or bodies(account) == before):
                time.sleep(0.02)
            assert (bodies(account) == before) is still
            assert [account.number for account in sandbox.world.touched()] == [1]


@pytest.mark.parametrize("orders", [0, 1])
def test_tiny_worlds_change_too(orders):
    account = make(orders=orders)
    for _ in range(200):
        tick(account)
    check_sums(account)
    assert len(account.tables["orders"]) > orders


def test_saved_world_continues_where_it_stopped(tmp_path: Path) -> None:
    """Changes before the end are unaltered after the next start."""
    kept = tmp_path / "world"
    with Sandbox(orders=50, still=True, keep=kept) as sandbox:
        account = sandbox.world.account(1)
        for _ in range(200):
            tick(account)
        before = {entity: table.all() for entity, table in account.tables.items()}
    with Sandbox(orders=50, still=True, keep=kept) as sandbox:
        account = sandbox.world.account(1)
        assert {entity: table.all() for entity, table in account.tables.items()} == before
        tick(account)
