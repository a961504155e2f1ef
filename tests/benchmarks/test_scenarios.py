"""Every benchmark scenario runs, with Packr and with the floor, at a two-hundredth of its size."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection as database

from benchmarks import databases, peers, table
from benchmarks.scenarios import ON_SQLITE, SCENARIOS, BenchmarkPlan, Result, Stage, run
from benchmarks.wms_process import WmsProcess

from .conftest import ON_POSTGRES

SCALE = 1 / 200
NAMES = ("packr", "floor", "floor-digests")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the name of a database with Packr's tables, created once and copied for each contestant."""
    name = database.vendor.replace("postgresql", "postgres")
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(databases, "VAR", folder)
        patch.setattr(databases.Sqlite, "template", folder / "template.sqlite3")
        patch.setattr(databases.Postgres, "template", f"bench_template_{os.getpid()}")
        if ON_POSTGRES:
            patch.setenv("PACKR_BENCH_POSTGRES", os.environ["DATABASE_URL"])
        databases.DATABASES[name].prepare()
        yield name
        databases.DATABASES[name].discard()


@pytest.fixture
def ground(template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of the database from which the contestants' databases are created."""
    monkeypatch.setattr(databases, "VAR", tmp_path)
    monkeypatch.setattr(peers, "VAR", tmp_path)
    return template


def test_scenario_runs(ground: str) -> None:
    contestants = tuple(peers.PEERS[name] for name in NAMES)
    results = list(run(BenchmarkPlan(SCENARIOS, contestants, ground, SCALE), lambda what: None))
    assert {one.failed for one in results} == {""}
    offered = SCENARIOS if ground == "postgres" else ON_SQLITE
    assert {(one.scenario, one.peer) for one in results} == {(name, peer) for name in offered for peer in NAMES}
    shown = table.tables(results)
    assert all(table.TITLES[name] in shown for name in offered)
    if ground == "postgres":
        _writes_as_promised({(one.scenario, one.peer): one.figures for one in results})


def _writes_as_promised(figures: dict[Any, Any]) -> None:
    assert figures["first-inventory", "packr"]["rows_written"] == figures["first-inventory", "floor"]["rows_written"]
    assert figures["unchanged", "packr"]["rows_written"] == figures["unchanged", "floor-digests"]["rows_written"] == 0
    assert figures["unchanged", "floor"]["rows_written"] > 0


COMPARED = {
    "inventory": "SELECT r.external_id, r.sku, r.name, r.warehouse_customer_id, r.onhand + 0.5, l.warehouse_id, "
    "l.fulfillable + 0.5 FROM warehouse_inventoryitem r JOIN warehouse_inventorylevel l ON l.item_id = r.id",
    "orders": "SELECT r.external_id, r.order_number, r.status, r.ship_to_name, r.channel_name, r.total_price + 0.5, "
    "l.position, l.sku, l.product_id, l.quantity + 0.5 FROM warehouse_order r "
    "JOIN warehouse_orderline l ON l.order_id = r.id",
}


@pytest.mark.parametrize("kind", ["inventory", "orders"])
def test_all_contestants_write_the_same_rows(ground: str, kind: str) -> None:
    """The floor is a valid measure only if it writes the same rows."""
    filled = {}
    for name in (*NAMES, "bulk_create", "update_or_create"):
        peer = peers.PEERS[name]
        with WmsProcess(**{kind: 120}) as wms:
            stage = Stage(BenchmarkPlan((), (peer,), ground), peer, wms)
            with stage.worker as worker:
                worker.sync(kind, full=True)
                wms.control("clock", ahead=7200)
                wms.control("change", kind=kind, share=0.1)
                worker.sync(kind, full=False)
                worker.rest()
            filled[name] = _rows(stage.database.url, COMPARED[kind])
            stage.close()
    assert len(filled["packr"]) == (360 if kind == "orders" else 120)
    assert [name for name, rows in filled.items() if rows != filled["packr"]] == []


def _rows(url: str, query: str) -> list[Any]:
    connect = psycopg.connect if url.startswith("postgres") else sqlite3.connect
    with contextlib.closing(connect(url.removeprefix("sqlite:///"))) as read:
        return sorted(tuple(map(str, row)) for row in read.execute(query))


def test_sample_is_scaled_and_failure_is_reported() -> None:
    shown = table.tables(
        [
            Result("first-orders", "postgres", "packr", {"wall": 2.0, "rows": 1000, "share": 1.0}),
            Result("first-orders", "postgres", "packr", {"wall": 4.0, "rows": 1000, "share": 1.0}),
            Result("first-orders", "postgres", "update_or_create", {"wall": 6.0, "rows": 20, "share": 0.02}),
            Result("first-orders", "postgres", "dlt-upsert", failed="no | such package"),
        ]
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines()[4:]]
    assert rows[0][:4] == ["packr", "3.00", "333", "1.00"]
    assert rows[1][:4] == ["update_or_create (2% of the rows, scaled)", "300.00", "3", "100.00"]
    assert rows[2][:2] == ["dlt-upsert", "failed: no / such package"]
