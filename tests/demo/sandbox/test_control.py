"""Exact changes, the request log, and the command."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from packr.demo.sandbox.server import Sandbox


def test_set_merges_fields_and_stamps_now_by_default(wms):
    before = wms.rows("/wms/orders")[3]
    now = time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
    changed = wms.change("orders", id=before["id"], set={"status": "exception", "tags": ["a"]})
    assert (changed["updated_date"] >= now, changed["trackstar_updated_date"] >= now) == (True, True)
    assert wms.rows("/wms/orders")[3] == changed
    assert {k: v for k, v in changed.items() if before[k] != v}.keys() == {
        "status",
        "tags",
        "updated_date",
        "trackstar_updated_date",
    }
    kept = wms.change("orders", id=before["id"], set={"tags": ["b"]}, stamp="keep")
    assert kept == changed | {"tags": ["b"]}
    old = wms.change("orders", id=before["id"], set={"updated_date": "2020-01-01T00:00:00Z"})
    assert old["updated_date"] == "2020-01-01T00:00:00Z"
    assert wms.rows("/wms/orders", **{"updated_date[lte]": "2020-01-01T00:00:00Z"}) == [old]


def test_clear_add_and_remove_give_exactly_the_requested_data(wms):
    wms.control("change", account="sandbox-1", clear="inventory")
    assert wms.rows("/wms/inventory") == []
    for sku, onhand in (("A", 5), ("B", 0), ("C", 12)):
        wms.change("inventory", add={"id": f"i-{sku}", "sku": sku, "name": sku, "onhand": onhand})
    rows = wms.rows("/wms/inventory")
    assert [(row["id"], row["sku"], row["onhand"]) for row in rows] == [
        ("i-A", "A", 5),
        ("i-B", "B", 0),
        ("i-C", "C", 12),
    ]
    assert rows[0]["inventory_by_warehouse_id"] == {}
    wms.change("inventory", id="i-B", remove=True)
    assert [row["id"] for row in wms.rows("/wms/inventory")] == ["i-A", "i-C"]
    assert wms.get("/wms/inventory/i-B").status == 404
    assert wms.change("inbound_shipments", add={})["status"] == "open"
    for wrong in ({"entity": "ghosts", "id": "1"}, {"id": "none", "set": {}}, {"add": {"id": "i-A"}}, {"id": "i-A"}):
        body = {"account": "sandbox-1", "entity": "inventory"} | wrong
        assert "error" in wms.control("change", 422, **body)
    assert "error" in wms.control("change", 422, account="sandbox-0", clear="orders")


def test_ticks_change_a_paused_world_except_manual_changes(wms):
    wms.control("change", account="sandbox-1", clear="orders")
    pinned = wms.change("orders", add={"id": "mine", "status": "open", "line_items": "odd"})
    wms.control("change", account="sandbox-1", tick=150)
    rows = wms.rows("/wms/orders")
    assert rows[0] == pinned
    assert len(rows) > 5
    assert wms.change("inventory", id="inv_1", set={"onhand": 999})["onhand"] == 999
    wms.control("change", account="sandbox-1", tick=300)
    assert wms.get("/wms/inventory/inv_1").json["data"]["onhand"] == 999


def test_paging_is_complete_while_rows_change(wms):
    before = [row["id"] for row in wms.rows("/wms/orders")]
    first = wms.get("/wms/orders", limit=30).json
    wms.change("orders", id=before[5], remove=True)
    wms.change("orders", id=before[29], remove=True)
    wms.change("orders", add={"id": "new"})
    rest = wms.get("/wms/orders", page_token=first["next_token"]).json["data"]
    assert [row["id"] for row in rest] == [*before[30:], "new"]


def test_request_log_shows_what_was_fetched(wms):
    wms.control("requests", clear=True)
    token = wms.get("/wms/orders", limit=40).json["next_token"]
    wms.get("/wms/orders", limit=40, page_token=token)
    wms.get("/wms/orders/none")
    log = wms.log()
    assert [(e["method"], e["path"], e["status"], e["rows"], e["page_token"], e["account"]) for e in log] == [
        ("GET", "/wms/orders", 200, 40, None, "sandbox-1"),
        ("GET", "/wms/orders", 200, 20, token, "sandbox-1"),
        ("GET", "/wms/orders/none", 404, None, None, "sandbox-1"),
    ]
    assert log[0]["query"] == "limit=40"
    assert log[2]["number"] == log[0]["number"] + 2
    assert abs(log[0]["time"] - time.time()) < 10
    wms.control("requests", clear=True)
    assert wms.log() == []


def test_accounts_are_separate(wms):
    wms.change("orders", account="sandbox-2", add={"id": "theirs"})
    assert wms.get("/wms/orders/theirs").status == 404
    other = {"x-trackstar-api-key": "sandbox", "x-trackstar-access-token": "sandbox-2"}
    assert wms.call("GET", "/wms/orders/theirs", headers=other).status == 200
    healthz = wms.call("GET", "/_control/healthz", headers={}).json
    assert healthz == {"ok": True, "accounts": ["sandbox-1", "sandbox-2"]}


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_command_reports_when_it_is_ready_and_ends_cleanly(ending):
    command = [sys.executable, "-m", "packr.demo.sandbox", "--port", "0", "--orders", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert line.startswith("Sandbox WMS is ready at http://127.0.0.1:")
        port = int(line.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            os.kill(process.pid, ending)
            assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_taken_port_ends_the_command_with_one_sentence():
    with Sandbox(orders=0, still=True) as sandbox:
        port = sandbox.url.rsplit(":", 1)[1]
        command = [sys.executable, "-m", "packr.demo.sandbox", "--port", port, "--orders", "0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == f"Port {port} can't be used (Address already in use); choose another with --port."
