"""Behaviour that only Trackstar has: its stamps, look-ups, connections and record formats."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from integrations.connectors.base import FetchRequest
from integrations.connectors.trackstar import Trackstar
from integrations.connectors.trackstar.connection import CRAWLS
from integrations.connectors.trackstar.resources import LISTS, WITHOUT_LOOKUP
from integrations.entities import Entity
from integrations.errors import ConnectorError, CursorExpired, Kind
from integrations.http.client import Client
from packr.demo.sandbox.server import Sandbox
from tests.kit.contract import read_list
from tests.kit.server import Call, Reply, Server

from .test_samples import read, sample

SINCE = datetime(2026, 2, 4, 18, 40, 2, 999_999, tzinfo=UTC)
EMPTY = b'{"data": [], "next_token": null, "total_count": 0}'
Connect = Callable[..., Client]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(lambda call: Reply(EMPTY)) as server:
        yield server


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    clients = []

    def make(connection_id: str = "", **learned: Any) -> Client:
        credentials = {"api_key": "key-dxk3f1", "access_token": "trackstar_eyq7w2", "connection_id": connection_id}
        client = Client(server.url, credentials=credentials, learned=learned, private_hosts=frozenset({server.host}))
        Trackstar.sign(client)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def fetch(client: Client, ask: FetchRequest, entity: Entity = Entity.ORDERS, cursor: Any = None) -> Any:
    return Trackstar.resources[entity].fetch(client, ask, cursor)


def filters(call: Call) -> dict[str, str]:
    return {name: value for name, value in call.query.items() if name not in ("limit", "page_token")}


# Which changes are asked for.


@pytest.mark.parametrize("entity", LISTS)
def test_each_list_requests_its_filters(server: Server, connect: Connect, entity: Entity) -> None:
    client = connect()
    for ask in (FetchRequest(), FetchRequest(history_start=SINCE), FetchRequest(since=SINCE)):
        fetch(client, ask, entity)
    changes = {"trackstar_updated_date[gte]": "2026-02-04T18:40:02Z"}
    history_start = {"updated_date[gte]": "2026-02-04T18:40:02Z"} if entity.is_history else {}
    incremental = Trackstar.resources[entity].incremental
    assert [filters(call) for call in server.calls] == [{}, history_start, changes if incremental else {}]
    assert {call.query["limit"] for call in server.calls} == {"1000"}
    small = (
        Entity.CUSTOMERS,
        Entity.WAREHOUSES,
        Entity.SHIPPING_METHODS,
        Entity.SUPPLIERS,
        Entity.ORDER_CHANNELS,
    )
    assert incremental == (entity not in small)


def test_times_are_requested_in_utc(server: Server, connect: Connect) -> None:
    fetch(connect(), FetchRequest(since=datetime.fromisoformat("2026-02-04T20:40:02+02:00")))
    assert filters(server.calls[0]) == {"trackstar_updated_date[gte]": "2026-02-04T18:40:02Z"}


def older_trackstar(call: Call) -> Reply:
    """A Trackstar of 2025, which does not know its own stamp as a filter."""
    if any(name.startswith("trackstar_updated_date") for name in call.query):
        detail = {"query": {"trackstar_updated_date[gte]": ["Unknown field."]}}
        return Reply(json.dumps({"error": "Validation error", "detail": detail}).encode(), 422)
    item = sample("inventory") | {"id": call.query.get("page_token", "first")}
    token = None if "page_token" in call.query else "second"
    return Reply(json.dumps({"data": [item], "next_token": token, "total_count": 1}).encode())


def test_without_trackstars_stamp_two_hours_of_wms_time_overlap(server: Server, connect: Connect) -> None:
    server.answer = older_trackstar
    watermark = SINCE + timedelta(minutes=15)
    pages = read_list(Trackstar, connect(), Entity.INVENTORY, FetchRequest(since=SINCE))
    two_hours = {"updated_date[gte]": (watermark - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    assert [record.external_id for page in pages for record in page.records] == ["first", "second"]
    assert [filters(call) for call in server.calls[1:]] == [two_hours, two_hours]
    assert pages[0].learned == {"no_trackstar_dates": True}

    server.calls.clear()
    read_list(Trackstar, connect(no_trackstar_dates=True), Entity.INVENTORY, FetchRequest(since=SINCE))
    assert [filters(call) for call in server.calls] == [two_hours, two_hours]


def test_other_422_is_not_a_missing_stamp(server: Server, connect: Connect) -> None:
    server.answer = lambda call: Reply(b'{"error": "Validation error", "detail": {"query": {"limit": ["No."]}}}', 422)
    with pytest.raises(ConnectorError) as caught:
        fetch(connect(), FetchRequest(since=SINCE))
    assert caught.value.kind is Kind.CONTRACT
    assert len(server.calls) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_unknown_page_token_expires_the_cursor(server: Server, connect: Connect, status: int) -> None:
    server.answer = lambda call: Reply(b'{"error": "Invalid page token"}', status)
    with pytest.raises(CursorExpired):
        fetch(connect(), FetchRequest(), cursor="old")


@pytest.mark.parametrize("token", ["", '"next_token": "",', '"next_token": 5,', r'"next_token": "\u0000",'])
def test_page_without_usable_token_is_rejected(server: Server, connect: Connect, token: str) -> None:
    server.answer = lambda call: Reply(f'{{{token} "data": []}}'.encode())
    with pytest.raises(ConnectorError) as caught:
        fetch(connect(), FetchRequest())
    assert caught.value.kind is Kind.CONTRACT


# Looking records up.


def test_lookup_returns_only_requested_records(server: Server, connect: Connect) -> None:
    items = [sample("inventory") | {"id": one} for one in ("a", "other")]
    server.answer = lambda call: Reply(json.dumps({"data": items, "next_token": None}).encode())
    page = Trackstar.resources[Entity.INVENTORY].lookup(connect(), ["a", "gone"])
    assert [record.external_id for record in page.records] == ["a"]
    assert server.calls[0].query == {"ids[in]": "a,gone"}


def test_id_with_a_comma_is_requested_alone(server: Server, connect: Connect) -> None:
    def answer(call: Call) -> Reply:
        if call.path == "/wms/inventory":
            return Reply(EMPTY)
        if call.path == "/wms/inventory/gone%2Cid":
            return Reply(b'{"error": "Not found", "id": "gone,id"}', 404)
        return Reply(json.dumps({"data": sample("inventory") | {"id": "a,b/c"}}).encode())

    server.answer = answer
    page = Trackstar.resources[Entity.INVENTORY].lookup(connect(), ["a,b/c", "gone,id", "plain"])
    assert [record.external_id for record in page.records] == ["a,b/c"]
    assert [record.unit_cost for record in page.records] == ["5.1"]
    assert [call.path for call in server.calls] == [
        "/wms/inventory",
        "/wms/inventory/a%2Cb%2Fc",
        "/wms/inventory/gone%2Cid",
    ]
    assert server.calls[0].query == {"ids[in]": "plain"}


def test_lookup_in_pages_is_rejected(server: Server, connect: Connect) -> None:
    body = json.dumps({"data": [sample("inventory") | {"id": "a"}], "next_token": "more"}).encode()
    server.answer = lambda call: Reply(body)
    with pytest.raises(ConnectorError):
        Trackstar.resources[Entity.INVENTORY].lookup(connect(), ["a", "b"])


# Warehouse locations, which are listed by warehouse.


def two_warehouses(call: Call) -> Reply:
    """Serve two pages of warehouses. One has several pages of locations; another was deleted meanwhile."""
    token = call.query.get("page_token")
    pages: dict[tuple[str, str | None], tuple[list[str], str | None]] = {
        ("/wms/warehouses", None): (["w/1", "gone"], "more"),
        ("/wms/warehouses", "more"): (["w2"], None),
        ("/wms/warehouses/w%2F1/locations", None): (["a", "b"], "next"),
        ("/wms/warehouses/w%2F1/locations", "next"): (["c"], None),
        ("/wms/warehouses/w2/locations", None): (["d"], None),
    }
    if (call.path, token) not in pages:
        return Reply(b'{"error": "warehouses not found", "id": "gone"}', 404)
    ids, following = pages[call.path, token]
    return Reply(json.dumps({"data": [{"id": one} for one in ids], "next_token": following}).encode())


def test_locations_are_read_warehouse_by_warehouse(server: Server, connect: Connect) -> None:
    """Each warehouse's listing to its end, resumed from any page by another worker."""
    server.answer = two_warehouses
    pages = read_list(Trackstar, connect(), Entity.WAREHOUSE_LOCATIONS, FetchRequest())
    ids = [[record.external_id for record in page.records] for page in pages]
    assert ids == [[], ["a", "b"], ["c"], [], [], ["d"]]
    for done, page in enumerate(pages[:-1], start=1):
        rest = read_list(
            Trackstar, connect(), Entity.WAREHOUSE_LOCATIONS, FetchRequest(), json.loads(json.dumps(page.cursor))
        )
        assert [[record.external_id for record in one.records] for one in rest] == ids[done:]


def test_locations_of_a_rejected_warehouse_are_read(server: Server, connect: Connect) -> None:
    """Otherwise they would count as removed."""

    def answer(call: Call) -> Reply:
        whole = {"data": [{"id": "w2", "name": 5}], "next_token": None}
        return Reply(json.dumps(whole).encode()) if call.path == "/wms/warehouses" else two_warehouses(call)

    server.answer = answer
    pages = read_list(Trackstar, connect(), Entity.WAREHOUSE_LOCATIONS, FetchRequest())
    assert [[record.external_id for record in page.records] for page in pages] == [[], ["d"]]
    assert not pages[0].rejected

    server.answer = lambda call: Reply(b'{"data": [{"name": "nowhere"}], "next_token": null}')
    with pytest.raises(ConnectorError) as caught:
        fetch(connect(), FetchRequest(), Entity.WAREHOUSE_LOCATIONS)
    assert caught.value.kind is Kind.CONTRACT


def test_locations_report_expired_tokens_and_refusals(server: Server, connect: Connect) -> None:
    cursor = {"left": ["w2"], "token": "old", "more": None}
    server.answer = lambda call: Reply(b'{"error": "Invalid page token"}', 422)
    with pytest.raises(CursorExpired):
        fetch(connect(), FetchRequest(), Entity.WAREHOUSE_LOCATIONS, cursor)
    server.answer = lambda call: Reply(b'{"error": "no"}', 501)
    with pytest.raises(ConnectorError) as caught:
        fetch(connect(), FetchRequest(), Entity.WAREHOUSE_LOCATIONS, {**cursor, "token": None})
    assert caught.value.kind is Kind.NOT_OFFERED


def test_probe_requests_locations_of_one_warehouse(server: Server, connect: Connect) -> None:
    server.answer = lambda call: two_warehouses(call) if call.path == "/wms/warehouses" else Reply(b"{}", 403)
    with pytest.raises(ConnectorError) as caught:
        Trackstar.probe(connect(), Entity.WAREHOUSE_LOCATIONS, SINCE)
    assert caught.value.kind is Kind.FORBIDDEN
    assert [call.path for call in server.calls] == ["/wms/warehouses", "/wms/warehouses/w%2F1/locations"]


# Records.


@pytest.mark.parametrize(
    ("entity", "name"),
    [
        (Entity.ORDERS, "order"),
        (Entity.INVENTORY, "inventory"),
        (Entity.INBOUND_SHIPMENTS, "inbound-shipment"),
        (Entity.RETURNS, "return"),
        (Entity.BILLS, "bill"),
    ],
)
def test_missing_is_unset_and_null_is_null(entity: Entity, name: str) -> None:
    whole = sample(name)
    (nothing,) = read(entity, {"id": "x"})
    (nulls,) = read(entity, dict.fromkeys(whole) | {"id": "x", "trackstar_updated_date": None})
    for field in nothing.__struct_fields__:
        if field != "external_id":
            assert getattr(nothing, field) is UNSET, field
    present = {field for field in nulls.__struct_fields__ if getattr(nulls, field) is not UNSET}
    assert present == set(nulls.__struct_fields__) - {"version_at"}
    given = {field for field in present if getattr(nulls, field) is not None}
    assert given == (
        {"external_id", "extra", "kind"} if entity is Entity.INBOUND_SHIPMENTS else {"external_id", "extra"}
    )


def test_nested_objects_may_lack_everything() -> None:
    (record,) = read(
        Entity.ORDERS,
        {
            "id": 7,
            "line_items": [{}],
            "ship_to_address": {},
            "shipments": [{"shipment_id": 12, "packages": [{"line_items": None}, {}]}],
        },
    )
    assert record.external_id == "7"
    assert record.line_items[0].quantity is None
    (shipment,) = record.shipments
    assert (shipment.external_id, shipment.order_id, shipment.shipment_id) == ("7/12", "7", "12")
    assert [package.line_items for package in shipment.packages] == [[], []]
    assert shipment.status is UNSET


def test_repeated_shipment_of_an_order_counts_once() -> None:
    twice = [sample("order-shipment") | {"status": status} for status in ("open", "shipped")]
    (record,) = read(Entity.ORDERS, sample("order") | {"shipments": twice})
    assert [shipment.status for shipment in record.shipments] == ["shipped"]


def test_undocumented_values_are_kept() -> None:
    (record,) = read(
        Entity.ORDERS,
        sample("order") | {"status": "teleported", "type": "b2x", "total_price": "58.40", "unheard_of": {"a": 1}},
    )
    assert (record.status, record.type, record.total_price) == ("teleported", "b2x", "58.4")
    (item,) = read(Entity.INVENTORY, sample("inventory") | {"onhand": -3, "committed": "12", "sellable": 12.0})
    assert (item.onhand, item.committed, item.sellable) == ("-3", "12", "12")


def test_null_counters_of_a_warehouse_are_none() -> None:
    places = {"wh_west": None, "wh_north": {"onhand": 1}}
    (item,) = read(Entity.INVENTORY, sample("inventory") | {"inventory_by_warehouse_id": places})
    assert item.inventory_by_warehouse_id["wh_west"].onhand is None
    assert item.inventory_by_warehouse_id["wh_north"].onhand == "1"


@pytest.mark.parametrize(
    ("entity", "fields"),
    [
        (Entity.ORDERS, {"id": {"a": 1}}),
        (Entity.ORDERS, {"id": 7.5}),
        (Entity.ORDERS, {"id": True}),
        (Entity.ORDERS, {"reference_id": 7.5}),
        (Entity.ORDERS, {"status": 7}),
        (Entity.ORDERS, {"total_price": "words"}),
        (Entity.ORDERS, {"total_price": True}),
        (Entity.ORDERS, {"required_ship_date": ["2026-02-04"]}),
        (Entity.ORDERS, {"required_ship_date": 1.5}),
        (Entity.ORDERS, {"additional_fields": []}),
        (Entity.ORDERS, {"additional_fields": 0}),
        (Entity.ORDERS, {"shipments": ""}),
        (Entity.ORDERS, {"shipments": "words"}),
        (Entity.ORDERS, {"shipments": [7]}),
        (Entity.ORDERS, {"shipments": [{"shipment_id": ["a"]}]}),
        (Entity.ORDERS, {"shipments": [{"shipment_id": "a", "packages": [{"line_items": 0}]}]}),
        (Entity.ORDERS, {"line_items": {"sku": "a"}}),
        (Entity.ORDERS, {"line_items": [[]]}),
        (Entity.ORDERS, {"line_items": [{"quantity": "two"}]}),
        (Entity.INVENTORY, {"inventory_by_warehouse_id": []}),
        (Entity.INVENTORY, {"inventory_by_warehouse_id": {"w": 0}}),
        (Entity.INVENTORY, {"measurements": []}),
        (Entity.INBOUND_SHIPMENTS, {"additional_fields": "kind"}),
    ],
)
def test_value_of_another_type_rejects_the_record(entity: Entity, fields: dict[str, Any]) -> None:
    body = json.dumps({"data": [{"id": "x", **fields}, {"id": "y"}], "next_token": None}).encode()
    with Server(lambda call: Reply(body)) as server:
        client = Client(server.url, private_hosts=frozenset({server.host}))
        page = fetch(client, FetchRequest(), entity)
        client.close()
    assert [record.external_id for record in page.records] == ["y"]
    assert len(page.rejected) == 1
    assert page.rejected[0].reason


def test_fields_named_as_packrs_own_are_ignored() -> None:
    own = {"external_id": "z", "created_at": 1, "updated_at": 1, "version_at": 1, "extra": 5, "kind": 7, "order_id": 3}
    (order,) = read(Entity.ORDERS, {"id": "x", **own, "shipments": [{"shipment_id": "s", **own}]})
    assert (order.external_id, order.created_at, order.version_at, order.extra) == ("x", UNSET, UNSET, UNSET)
    (shipment,) = order.shipments
    assert (shipment.external_id, shipment.order_id, shipment.updated_at, shipment.extra) == ("x/s", "x", UNSET, {})
    (inbound,) = read(Entity.INBOUND_SHIPMENTS, {"id": "x", **own})
    assert inbound.kind is UNSET


def test_money_is_exact() -> None:
    body = json.dumps({"data": [sample("order")], "next_token": None})
    body = body.replace('"total_price": 58.4', '"total_price": 12345678901234.123456789')
    with Server(lambda call: Reply(body.encode())) as server:
        client = Client(server.url, private_hosts=frozenset({server.host}))
        assert fetch(client, FetchRequest()).records[0].total_price == "12345678901234.123456789"
        client.close()


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "other"),
        ({"kind": "Transfer"}, "transfer"),
        ({"type": "purchase"}, "purchase"),
        ({"kind": "pallet", "type": "assembly"}, "assembly"),
        ({"type": None}, "other"),
        ({"type": ["purchase"]}, "other"),
    ],
)
def test_kind_of_inbound_shipment_comes_from_additional_fields(fields: dict[str, Any], kind: str) -> None:
    (record,) = read(Entity.INBOUND_SHIPMENTS, sample("inbound-shipment") | {"additional_fields": fields})
    assert record.kind == kind


def test_additional_fields_are_stored_as_json() -> None:
    odd = '{"id": "x", "additional_fields": {"a": 1e400, "b": NaN, "c": 1.5, "d": [{"e": 10000000000000000000000}]}}'
    body = f'{{"data": [{odd}], "next_token": null}}'.encode()
    with Server(lambda call: Reply(body)) as server:
        client = Client(server.url, private_hosts=frozenset({server.host}))
        (record,) = fetch(client, FetchRequest()).records
        client.close()
    assert record.extra == {"a": "1E+400", "b": "NaN", "c": 1.5, "d": [{"e": "10000000000000000000000"}]}
    assert msgspec.json.decode(msgspec.json.encode(record.extra)) == record.extra


# The connection.

CONNECTION = {
    "connection_id": "3f0c1c52",
    "integration_name": "shiphero",
    "integration_display_name": "ShipHero",
    "sync_schedules": [
        {"function_name": "get_orders", "last_crawl_start": "2026-02-05T09:00:01Z", "sync_status": "enabled"},
        {"function_name": "get_inventory", "last_crawl_start": None},
        {"function_name": "get_products", "last_crawl_start": "soon"},
        {"function_name": "get_returns", "last_crawl_start": "2026-02-05T09:00:01Z"},
        {"function_name": "get_warehouses", "last_crawl_start": "2026-02-05T08:00:00Z"},
    ],
    "errors": [],
}
NO_RETURNS = {
    "error_message": "Missing permission for returns",
    "affected_endpoints": [{"endpoint": "GET /wms/returns", "preventing_sync": True}],
}
NO_LOGIN = {"error_type": "invalid_credentials", "resource": None, "message": "The WMS rejected the stored login."}
NO_RETURNS_2 = {"error_type": "missing_permission", "resource": "returns", "message": "Missing permission for returns"}
NO_ORDERS = {
    "error_message": "Missing permission",
    "affected_endpoints": [
        {"endpoint": "GET /wms/orders", "preventing_sync": True},
        *({"endpoint": f"GET {one.path}", "preventing_sync": False} for one in LISTS.values()),
    ],
}
NOTHING = {
    "error_message": "Store suspended",
    "affected_endpoints": [{"endpoint": f"GET {one.path}", "preventing_sync": True} for one in LISTS.values()],
}


def serve_connection(server: Server, as_list: bool, **fields: Any) -> None:
    found = CONNECTION | fields
    data = [{"connection_id": "another", "errors": [NO_LOGIN]}, found] if as_list else found
    body = json.dumps({"data": data}).encode()
    server.answer = lambda call: Reply(body if call.path.startswith("/connections") else EMPTY)


@pytest.mark.parametrize("as_list", [True, False])
def test_check_sends_one_request(server: Server, connect: Connect, as_list: bool) -> None:
    serve_connection(server, as_list)
    health = Trackstar.check(connect("3f0c1c52"))
    assert [call.path for call in server.calls] == ["/connections/3f0c1c52"]
    assert (health.account, health.warning) == ("ShipHero", "")
    assert health.clock is not None


def test_check_without_connection_id_requests_one_warehouse(server: Server, connect: Connect) -> None:
    assert Trackstar.check(connect()).warning == ""
    assert [(call.path, call.query) for call in server.calls] == [("/wms/warehouses", {"limit": "1"})]


def test_connecting_checks_key_token_and_connection(server: Server, connect: Connect) -> None:
    serve_connection(server, True)
    Trackstar.check(connect("3f0c1c52"), connecting=True)
    assert sorted(call.path for call in server.calls) == ["/connections/3f0c1c52", "/wms/warehouses"]


@pytest.mark.parametrize("status", [403, 501])
def test_wms_without_warehouses_can_be_connected(server: Server, connect: Connect, status: int) -> None:
    server.answer = lambda call: Reply(b'{"error": "no"}', status)
    assert Trackstar.check(connect()).clock is not None


@pytest.mark.parametrize("as_list", [True, False])
@pytest.mark.parametrize("error", [NO_RETURNS, NO_RETURNS_2, NO_ORDERS])
def test_error_of_one_list_is_a_warning(server: Server, connect: Connect, as_list: bool, error: Any) -> None:
    serve_connection(server, as_list, errors=[error])
    warning = Trackstar.check(connect("3f0c1c52")).warning
    words = error.get("message") or error["error_message"]
    assert warning == f"Trackstar reports a problem with the WMS: “{words}”"


@pytest.mark.parametrize("error", [NO_LOGIN, NOTHING])
def test_error_that_stops_every_list_rejects_the_credentials(server: Server, connect: Connect, error: Any) -> None:
    serve_connection(server, True, errors=[NO_RETURNS, error])
    with pytest.raises(ConnectorError) as caught:
        Trackstar.check(connect("3f0c1c52"))
    assert caught.value.kind is Kind.CREDENTIALS
    assert (error.get("message") or error["error_message"]) in caught.value.message


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b'{"error": "Not found", "id": "x"}', 404),
        Reply(b'{"data": []}'),
        Reply(b'{"data": [{"connection_id": "y"}]}'),
    ],
)
def test_unknown_connection_is_reported(server: Server, connect: Connect, reply: Reply) -> None:
    server.answer = lambda call: reply if call.path.startswith("/connections") else Reply(EMPTY)
    with pytest.raises(ConnectorError) as caught:
        Trackstar.check(connect("x"), connecting=True)
    assert caught.value.kind is Kind.CREDENTIALS
    assert "connection ID" in caught.value.message


@pytest.mark.parametrize("name", ["api_key", "access_token"])
def test_missing_credential_is_named(server: Server, name: str) -> None:
    credentials = {"api_key": "a", "access_token": "b"} | {name: " "}
    client = Client(server.url, credentials=credentials, private_hosts=frozenset({server.host}))
    with pytest.raises(ConnectorError, match=name.replace("_", " ")):
        Trackstar.sign(client)
    client.close()


@pytest.mark.parametrize("as_list", [True, False])
def test_crawl_times_per_entity(server: Server, connect: Connect, as_list: bool) -> None:
    serve_connection(server, as_list)
    orders = datetime(2026, 2, 5, 9, 0, 1, tzinfo=UTC)
    assert Trackstar.crawled(connect("3f0c1c52")) == {
        Entity.ORDERS: orders,
        Entity.ORDER_SHIPMENTS: orders,
        Entity.ORDER_CHANNELS: orders,
        Entity.RETURNS: orders,
        Entity.WAREHOUSES: datetime(2026, 2, 5, 8, tzinfo=UTC),
    }
    assert {entity for entities in CRAWLS.values() for entity in entities} == set(Trackstar.entities())


def test_no_crawl_times_without_a_connection_id(server: Server, connect: Connect) -> None:
    assert Trackstar.crawled(connect()) == {}
    assert server.calls == []


# Trackstar's words.


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"error": "Order\n\t archived\u202e", "origin": "integration"},
            "The WMS behind Trackstar says: “Order archived”",
        ),
        ({"error": "Unknown field", "origin": "trackstar"}, "Trackstar says: “Unknown field”"),
        ({"error": "x" * 5000}, f"Trackstar says: “{'x' * 200}…”"),
    ],
)
def test_quotes_of_trackstar_are_short_and_printable(server: Server, connect: Connect, body: Any, words: str) -> None:
    server.answer = lambda call: Reply(json.dumps(body).encode(), 422, {"X-Request-Id": "req-9"})
    with pytest.raises(ConnectorError) as caught:
        fetch(connect(), FetchRequest())
    assert caught.value.message.endswith(words)
    assert caught.value.detail == "status 422, request req-9"


@pytest.mark.parametrize("body", [b"[]", b'{"error": 5}', b'{"error": ""}', b"<html>", b'{"error": {"a": "b"}}'])
def test_error_without_text_quotes_nothing(server: Server, connect: Connect, body: bytes) -> None:
    server.answer = lambda call: Reply(body, 501)
    with pytest.raises(ConnectorError, match=r"does not offer this type of data\..* switch it on again\.$"):
        fetch(connect(), FetchRequest())


# Against the sandbox, which implements the whole API.


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Any]:
    with Sandbox(port=0, seed=1, orders=1200, still=True, limit=False) as sandbox:
        yield sandbox


@pytest.fixture
def account(sandbox: Any) -> Iterator[Client]:
    credentials = {"api_key": "sandbox", "access_token": "sandbox-1"}
    host = sandbox.url.removeprefix("http://")
    client = Client(sandbox.url, credentials=credentials, private_hosts=frozenset({host}))
    Trackstar.sign(client)
    yield client
    client.close()


@pytest.mark.parametrize("entity", LISTS)
def test_sandbox_list_is_read_whole_and_looked_up(account: Client, entity: Entity) -> None:
    pages = read_list(Trackstar, account, entity, FetchRequest())
    records = [record for page in pages for record in page.records]
    assert not [one for page in pages for one in page.rejected]
    ids = [record.external_id for record in records]
    assert ids
    assert len(set(ids)) == len(ids)
    first = account.get(LISTS[entity].path, {"limit": "1000"}).json()
    assert {item["id"] for item in first["data"]} <= set(ids)
    assert (len(pages) > 1) == (first["next_token"] is not None)
    if entity in WITHOUT_LOOKUP:
        assert Trackstar.resources[entity].lookup is None
        return
    some = ids[:100]
    found = Trackstar.resources[entity].lookup(account, [*some[:99], "not there"])
    assert [record for record in found.records if record.external_id in some]
    assert {record.external_id for record in found.records} == set(some[:99])


def test_sandbox_locations_cover_every_warehouse(account: Client) -> None:
    records = [
        record
        for page in read_list(Trackstar, account, Entity.WAREHOUSE_LOCATIONS, FetchRequest())
        for record in page.records
    ]
    assert len({record.external_id for record in records}) == len(records) == 180
    assert {record.warehouse_id for record in records} == {"wh_east", "wh_mid", "wh_west"}


def test_sandbox_incremental_returns_only_changes(account: Client) -> None:
    everything = read_list(Trackstar, account, Entity.ORDERS, FetchRequest())
    stamps = sorted(record.version_at for page in everything for record in page.records)
    middle = stamps[len(stamps) // 2]
    found = read_list(Trackstar, account, Entity.ORDERS, FetchRequest(since=middle))
    floor = middle.replace(microsecond=0)
    count = sum(len(page.records) for page in found)
    assert count == sum(1 for stamp in stamps if stamp >= floor)
    assert 0 < count < len(stamps)
