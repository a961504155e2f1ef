"""Automatic syncs: the data of a new connection and every later change arrive without any action."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kit.processes import SANDBOX_CREDENTIALS, Packr, Sandbox, sandbox, until

pytestmark = pytest.mark.real

CADENCE, GRACE = 5, 6  # seconds for the run itself and for two exports
LISTS = {
    "orders": "/wms/orders",
    "inventory": "/wms/inventory",
    "inbound-shipments": "/wms/inbound-shipments",
    "products": "/wms/products",
    "returns": "/wms/returns",
    "bills": "/wms/billing",
    "customers": "/wms/warehouse-customers",
    "warehouses": "/wms/warehouses",
    "warehouse-locations": "/wms/warehouses/wh_east/locations",
    "shipping-methods": "/wms/shipping-methods",
    "suppliers": "/wms/inbound-shipments/suppliers",
    "order-channels": "/wms/orders/channels",
}


@pytest.fixture
def wms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("sandbox"), "--orders", "300", "--still") as running:
        yield running


def first(records: list[dict[str, Any]], **like: Any) -> dict[str, Any]:
    return next(record for record in records if like.items() <= record.items())


def test_data_and_changes_arrive_automatically(packr: Packr, wms: Sandbox, tell: Callable[[str], None]) -> None:
    """Nobody starts a sync, and a change appears."""
    connection = packr.connect("trackstar", wms.url, SANDBOX_CREDENTIALS, "--lookback-days", "90")
    packr.hasten(CADENCE)
    last = wms.last()
    packr.start("qcluster")
    until(lambda: complete(packr) == set(LISTS), "every entity's first run succeeded", 60)
    runs = packr.rows('SELECT entity, "trigger", mode FROM syncs_syncrun ORDER BY id')
    assert {run[0] for run in runs[: len(LISTS)]} == set(LISTS)
    assert {run[1:] for run in runs[: len(LISTS)]} == {("first", "full")}
    asked = {request["path"] for request in wms.requests("/wms", after=last)}
    assert asked >= set(LISTS.values())
    for entity in ("orders", "inventory", "products"):
        assert len(packr.export(connection, entity)) == len(wms.listing(LISTS[entity]))

    order = first(packr.export(connection, "orders"), status="open")
    wms.change(entity="orders", id=order["external_id"], set={"status": "cancelled", "raw_status": "Cancelled"})
    waited = {"a cancelled order": appears(packr, connection, "orders", order["external_id"], status="cancelled")}
    added = wms.change(entity="orders", add={"order_number": "BY-ITSELF", "status": "open"})
    waited["a new order"] = appears(packr, connection, "orders", added["id"], order_number="BY-ITSELF")
    item = packr.export(connection, "inventory")[0]["external_id"]
    wms.change(entity="inventory", id=item, set={"onhand": 4711})
    waited["counted stock"] = appears(packr, connection, "inventory", item, onhand="4711")
    tell(", ".join(f"{what} after {seconds:.1f} s" for what, seconds in waited.items()))
    brought = packr.rows("SELECT DISTINCT \"trigger\" FROM syncs_syncrun WHERE updated > 0 OR entity = 'orders'")
    assert set(brought) == {("first",), ("schedule",)}
    assert packr.rows("SELECT id FROM syncs_syncrun WHERE requested_by_id IS NOT NULL") == []


def complete(packr: Packr) -> set[str]:
    """Return the entities whose first run succeeded."""
    return {row[0] for row in packr.rows("SELECT entity FROM syncs_syncrun WHERE state = 'succeeded'")}


def appears(packr: Packr, connection: str, entity: str, external_id: str, **values: Any) -> float:
    """Return the seconds until the export shows the value. Fails if that takes longer than its cadence allows."""
    began = time.monotonic()

    def look() -> bool:
        records = {record["external_id"]: record for record in packr.export(connection, entity)}
        return values.items() <= records.get(external_id, {}).items()

    until(look, f"{entity} say {values}", CADENCE + GRACE)
    return time.monotonic() - began
