"""Trackstar's documented behaviour: headers, envelope, paging, filters, errors, limits and connections."""

import re
import time
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import pytest

LISTS = [
    "orders",
    "inventory",
    "products",
    "inbound-shipments",
    "returns",
    "warehouses",
    "warehouse-customers",
    "shipping-methods",
    "inbound-shipments/suppliers",
    "orders/channels",
    "billing",
    "warehouses/wh_east/locations",
]
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.mark.parametrize("path", LISTS)
def test_every_listing_has_the_envelope_and_dated_records(reading, path):
    reply = reading.get(f"/wms/{path}")
    assert set(reply.json) == {"data", "next_token", "total_count"}
    assert reply.json["data"], "a listing without records shows nothing"
    for record in reply.json["data"]:
        assert isinstance(record["id"], str)
        assert record["additional_fields"] is not None
        for name in ("created_date", "updated_date", "trackstar_created_date", "trackstar_updated_date"):
            assert DATE.fullmatch(record[name])
        assert record["created_date"] <= record["updated_date"] <= record["trackstar_updated_date"]
    ids = [record["id"] for record in reading.rows(f"/wms/{path}")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", [p for p in LISTS if p not in ("inbound-shipments/suppliers", "orders/channels")])
def test_single_record_equals_the_listed_one_and_404_names_the_id(reading, path):
    first = reading.get(f"/wms/{path}", limit=1).json["data"][0]
    assert reading.get(f"/wms/{path}/{quote(first['id'], safe='')}").json == {"data": first}
    missing = reading.get(f"/wms/{path}/nowhere")
    assert (missing.status, missing.json["id"], missing.json["origin"]) == (404, "nowhere", "trackstar")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-trackstar-api-key": "sandbox"},
        {"x-trackstar-api-key": "wrong", "x-trackstar-access-token": "sandbox-1"},
        {"x-trackstar-api-key": "sandbox", "x-trackstar-access-token": "sandbox-x"},
    ],
)
def test_request_without_both_credentials_is_401(reading, headers):
    reply = reading.call("GET", "/wms/orders", headers=headers)
    assert (reply.status, reply.json["origin"]) == (401, "trackstar")
    assert "data" not in reply.json


def test_every_response_has_request_id_date_and_rate_headers(reading):
    replies = [reading.get("/wms/orders", limit=1), reading.get("/wms/orders/none"), reading.get("/wms/orders", x="1")]
    assert [reply.status for reply in replies] == [200, 404, 422]
    assert len({reply.headers["X-Request-Id"] for reply in replies}) == 3
    for reply in replies:
        assert abs(parsedate_to_datetime(reply.headers["Date"]).timestamp() - time.time()) < 5
    assert replies[0].headers["x-ratelimit-limit"] == "10"
    assert int(replies[0].headers["x-ratelimit-remaining"]) < 10
    assert abs(int(replies[0].headers["x-ratelimit-reset"]) - time.time()) < 5


def test_paging_returns_every_record_once(reading):
    everything = reading.rows("/wms/orders")
    for size in (7, 100, 299, 300):
        pages = reading.pages("/wms/orders", limit=size)
        assert [row for page in pages for row in page["data"]] == everything
        assert all(len(page["data"]) == size for page in pages[:-1])
    assert len(everything) == 300


def test_page_token_does_not_include_the_filters(reading):
    query = {"status": "fulfilled", "limit": 5}
    first = reading.get("/wms/orders", **query).json
    same = reading.get("/wms/orders", **query, page_token=first["next_token"]).json["data"]
    without = reading.get("/wms/orders", page_token=first["next_token"]).json["data"]
    assert {row["status"] for row in same} == {"fulfilled"}
    assert {row["status"] for row in without} > {"fulfilled"}


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "ten"},
        {"page_token": "rubbish"},
        {"colour": "blue"},
        {"status[gte]": "open"},
        {"created_date[contains]": "2026"},
        {"created_date[gte]": "yesterday"},
        {"created_date[gte]": "2026-01-01"},
        {"required_ship_date[in]": "2026-01-01T00:00:00Z"},
        {"sku": "X"},
        {"status[in]": ",".join(["open"] * 101)},
        {"ids[in]": ",".join(["x"] * 101)},
        {"ids": "x"},
    ],
)
def test_unknown_and_malformed_parameters_are_422_naming_the_parameter(reading, query):
    reply = reading.get("/wms/orders", **query)
    assert reply.status == 422
    assert list(reply.json["detail"]["query"]) == list(query)


def test_date_bounds_are_inclusive_and_combine(reading):
    everything = reading.rows("/wms/orders")
    for field in ("created_date", "updated_date", "trackstar_updated_date", "trackstar_created_date"):
        low, high = sorted([everything[50][field], everything[200][field]])
        found = reading.rows("/wms/orders", **{f"{field}[gte]": low, f"{field}[lte]": high})
        assert found == [row for row in everything if low <= row[field] <= high]
        assert {low, high} <= {row[field] for row in found}
        inner = reading.rows("/wms/orders", **{f"{field}[gt]": low, f"{field}[lt]": high})
        assert inner == [row for row in everything if low < row[field] < high]
        assert len(inner) < len(found)


@pytest.mark.parametrize(
    ("query", "keep"),
    [
        ({"status": "cancelled"}, lambda row: row["status"] == "cancelled"),
        ({"status[eq]": "cancelled"}, lambda row: row["status"] == "cancelled"),
        ({"status[neq]": "fulfilled"}, lambda row: row["status"] != "fulfilled"),
        ({"status[in]": "open,cancelled"}, lambda row: row["status"] in ("open", "cancelled")),
        ({"status[nin]": "open,fulfilled"}, lambda row: row["status"] not in ("open", "fulfilled")),
        ({"channel[contains]": "shopify"}, lambda row: "shopify" in row["channel"]),
        ({"channel[not_contains]": "shopify"}, lambda row: "shopify" not in row["channel"]),
        ({"order_number[contains-insensitive]": "#nb-770"}, lambda row: row["order_number"].startswith("#NB-770")),
        ({"type": "b2b", "status": "fulfilled"}, lambda row: (row["type"], row["status"]) == ("b2b", "fulfilled")),
        ({"warehouse_customer_id": "wc_204"}, lambda row: row["warehouse_customer_id"] == "wc_204"),
        ({"required_ship_date[gte]": "2000-01-01T00:00:00Z"}, lambda row: row["required_ship_date"]),
    ],
)
def test_operators_select_exactly_the_matching_orders(reading, query, keep):
    everything = reading.rows("/wms/orders")
    expected = [row["id"] for row in everything if keep(row)]
    assert 0 < len(expected) < len(everything)
    assert [row["id"] for row in reading.rows("/wms/orders", **query, limit=11)] == expected


def test_other_filters_select_matching_records(reading):
    items = reading.rows("/wms/inventory")
    assert [i for i in items if not i["active"]] == reading.rows("/wms/inventory", active="false")
    assert reading.rows("/wms/products", sku=items[3]["sku"])[0]["inventory_items"][0]["inventory_item_id"] == "inv_4"
    assert {s["status"] for s in reading.rows("/wms/inbound-shipments", status="in-transit")} == {"in-transit"}
    types = {place["type"] for place in reading.rows("/wms/warehouses/wh_west/locations", type="pallet")}
    assert types == {"pallet"}
    assert {p["warehouse_id"] for p in reading.rows("/wms/warehouses/wh_west/locations")} == {"wh_west"}
    assert reading.get("/wms/warehouses/wh_moon/locations").status == 404
    assert reading.get("/wms/warehouses", status="open").status == 422


def test_ids_override_everything_else(reading):
    some = [row["id"] for row in reading.rows("/wms/orders")[10:13]]
    found = reading.rows("/wms/orders", **{"ids[in]": ",".join([*some, "unknown"]), "status": "none", "colour": "blue"})
    assert [row["id"] for row in found] == some


def test_501_names_the_function_and_the_integration(reading):
    reply = reading.get("/wms/inventory/ledger")
    assert reply.status == 501
    assert reply.json == {"error": "Endpoint get_inventory_ledger is not implemented for ShipHero"}


def test_more_than_ten_reads_a_second_are_429(limited):
    time.sleep(1.02 - time.time() % 1)
    replies = [limited.get("/wms/warehouses") for _ in range(12)]
    assert [reply.status for reply in replies] == [200] * 10 + [429] * 2
    assert replies[-1].headers["retry-after"] == "1"
    assert replies[-1].headers["x-ratelimit-remaining"] == "0"
    # Writes and other accounts have their own limits.
    assert limited.write("POST", "/connections/sync").status == 200
    other = {"x-trackstar-api-key": "sandbox", "x-trackstar-access-token": "sandbox-2"}
    assert limited.call("GET", "/wms/warehouses", headers=other).status == 200
    limited.fault("no_limit")
    assert limited.get("/wms/warehouses").status == 200


def test_connections_are_listed(reading):
    reading.get("/wms/warehouses")
    key_only = {"x-trackstar-api-key": "sandbox"}
    listed = reading.call("GET", "/connections", headers=key_only).json
    one = next(c for c in listed["data"] if c["times_used"])
    assert (one["integration_name"], one["integration_display_name"]) == ("shiphero", "ShipHero")
    assert one["errors"] == []
    assert all(one["historical_sync_completed"].values())
    assert "get_orders" in one["available_actions"]
    assert {s["function_name"] for s in one["sync_schedules"]} == set(one["historical_sync_completed"])
    again = reading.call("GET", f"/connections/{one['connection_id']}", headers=key_only).json["data"]
    assert again["connection_id"] == one["connection_id"]
    assert reading.call("GET", "/connections/none", headers=key_only).status == 404
    answer = reading.write("POST", "/connections/sync", {"functions_to_sync": ["get_orders"]}).json
    assert answer == {"id": one["connection_id"], "syncing": True, "functions_to_sync": ["get_orders"]}
    assert reading.write("POST", "/connections/sync", {"functions_to_sync": ["get_rich"]}).status == 422
    patched = reading.write("PATCH", "/connections", {"customer_id": "packr-ws-1"}).json
    assert patched == {"id": one["connection_id"], "object": "connection", "updated": True}
    again = reading.call("GET", f"/connections/{one['connection_id']}", headers=key_only).json["data"]
    assert again["customer_id"] == "packr-ws-1"
