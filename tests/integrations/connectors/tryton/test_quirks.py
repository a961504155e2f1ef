"""What is peculiar to Tryton: its values, states, errors and sessions, and stamps that ignore changes of children."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors.base import FetchRequest
from integrations.connectors.tryton import Tryton, inbound, orders, payloads, reference_data, rpc, stock
from integrations.connectors.tryton.payloads import Row
from integrations.connectors.tryton.resources import ROW_FIELDS, TrytonTable
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.http.client import Client
from integrations.records import Counters, InboundLine, OrderLine
from tests.kit.server import Call, Reply, Server

SAMPLES = Path(__file__).parent / "samples"
SINCE = datetime(2026, 11, 21, 20, 41, 0, 250_000, tzinfo=UTC)
PREFERENCES = {"company": 1, "company.rec_name": "Northbay Goods", "language": "en"}
Answers = Callable[[str, list[Any]], Any]


def sample(name: str, **changes: Any) -> Row:
    return Row(json.loads((SAMPLES / f"{name}.json").read_text()) | changes)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Peer:
    """A stand-in for the server: `answers` by method, and the `calls` it got."""

    def __init__(self, server: Server, answers: Mapping[str, Any]) -> None:
        self.answers = {"common.db.login": [7, "token", None], "model.res.user.get_preferences": PREFERENCES, **answers}
        self.calls: list[tuple[str, list[Any]]] = []
        self.server = server
        server.answer = self.answer

    def answer(self, call: Call) -> Reply:
        question = json.loads(call.body)
        assert set(question) == {"id", "method", "params"}, "any other key changes the form of the answer"
        self.calls.append((question["method"], question["params"]))
        result = self.answers[question["method"]]
        result = result(*question["params"]) if callable(result) else result
        return result if isinstance(result, Reply) else Reply(json.dumps({"id": 1, "result": result}).encode())

    def client(self, **options: Any) -> Client:
        given = {"database": "north bay", "login": "packr", "password": f"secret of {self.server.host}"}
        return Client(self.server.url, credentials=given, private_hosts=frozenset({self.server.host}), **options)

    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]


@pytest.fixture
def server() -> Iterator[Server]:
    rpc._tokens.clear()
    with Server() as running:
        yield running


# Values.


STAMP = payloads.encoded_moment(datetime(2026, 1, 1, tzinfo=UTC))


def test_times_are_read_as_utc_and_days_as_midnight() -> None:
    time = {"__class__": "datetime", "year": 2026, "month": 2, "day": 4, "hour": 18, "minute": 40, "microsecond": 7}
    row = Row({"time": time, "day": {"__class__": "date", "year": 2026, "month": 2, "day": 4}, "none": None})
    assert row.moment("time") == datetime(2026, 2, 4, 18, 40, 0, 7, tzinfo=UTC)
    assert row.moment("day") == datetime(2026, 2, 4, tzinfo=UTC)
    assert row.moment("none") is None


def test_times_are_sent_in_utc_with_microseconds() -> None:
    paris = datetime(2026, 2, 4, 19, 40, 2, 5, tzinfo=timezone(timedelta(hours=1)))
    assert payloads.encoded_moment(paris) == {
        "__class__": "datetime", "year": 2026, "month": 2, "day": 4, "hour": 18, "minute": 40, "second": 2,
        "microsecond": 5,
    }  # fmt: skip


def test_numerics_are_exact() -> None:
    row = Row({"price": {"__class__": "Decimal", "decimal": "31.10000000000000001"}})
    assert row.amount("price") == Decimal("31.10000000000000001")


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("selection", None),
        ("text", 5),
        ("id_of", "5"),
        ("id_of", True),
        ("flag", "yes"),
        ("quantity", "12"),
        ("quantity", True),
        ("amount", 12.5),
        ("amount", {"decimal": "twelve"}),
        ("amount", {}),
        ("moment", "2026-02-04"),
        ("moment", {"year": 2026, "month": 2}),
        ("moment", {"year": 2026, "month": 2, "day": "4"}),
        ("moment", {"year": 2026, "month": 2, "day": 31}),
    ],
)
def test_values_of_another_type_are_refused(method: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"field|day"):
        getattr(Row({"field": value}), method)("field")


@pytest.mark.parametrize("value", [None, {}, "x"])
def test_null_is_no_empty_list_of_rows(value: Any) -> None:
    with pytest.raises(ValueError, match="lines is no list"):
        Row({"lines.": value}).rows("lines")


def test_nested_fields_are_requested_by_dotted_names(server: Server) -> None:
    peer = Peer(server, {"model.stock.location.search_read": []})
    read_all(peer.client(), Entity.WAREHOUSES, FetchRequest())
    assert peer.calls[-1][1][4] == [
        "id", "last_modified_at", "create_date", "name", "code", "address.party_name", "address.street", "address.city",
        "address.postal_code", "address.country.code", "address.subdivision.code",
    ]  # fmt: skip


def test_street_of_many_lines_fills_three_fields() -> None:
    street = "Dock 4\n\n 12 Pier Rd \nUnit 3\nRear"
    fields = payloads.address_fields(Row({"street": street, "city": "", "subdivision.": {"code": "US-ME"}}))
    assert (fields["address1"], fields["address2"], fields["address3"]) == ("Dock 4", "12 Pier Rd", "Unit 3, Rear")
    assert (fields["city"], fields["state"]) == (None, "ME")


# Orders.


def test_partly_shipped_order() -> None:
    """The sample's line is in two shipments: one is done, one is waiting."""
    order = orders.parse_order(sample("order"))
    assert (order.external_id, order.order_number, order.reference_id) == ("76", "51", "EXT-00075")
    assert (order.status, order.raw_status) == ("partially_fulfilled", "processing/partially shipped")
    assert (order.warehouse_customer_id, order.warehouse_id, order.invoice_currency_code) == ("1", "12", "USD")
    assert (order.total_price, order.total_tax) == ("28.33", "2.58")
    assert (order.shipping_method_id, order.shipping_method_name) == ("2", "UPS")
    assert order.created_at == moment("2026-11-21T20:38:24.210906")
    assert order.line_items == [
        OrderLine(product_id="76", sku="SKU00070", quantity="2", unit_price="12.875", is_picked=False)
    ]
    address = order.ship_to_address
    assert address
    assert (address.full_name, address.address1, address.address2) == ("Customer 015", "16 Elm Street", "Floor 15")
    assert (address.state, address.country, address.phone_number) == ("ME", "US", None)


def test_draft_order_has_no_number() -> None:
    order = orders.parse_order(sample("order-draft"))
    assert (order.order_number, order.status, order.raw_status) == (None, "open", "draft/none")


def test_order_has_the_stamp_of_its_latest_child() -> None:
    sale = sample("order")
    assert orders.parse_order(sale).updated_at == sale.changed_at
    line = sale.values["lines."][0]
    for day, child in enumerate((line, line["moves."][0], line["moves."][0]["shipment."]), start=1):
        later = datetime(2027, 1, day, tzinfo=UTC)
        child["last_modified_at"] = payloads.encoded_moment(later)
        assert orders.parse_order(sale).updated_at == later
        child["last_modified_at"] = STAMP


def test_only_lines_are_line_items() -> None:
    sale = sample("order")
    sale.values["lines."].insert(0, {"id": 9, "last_modified_at": STAMP, "type": "title"})
    assert [line.sku for line in orders.parse_order(sale).line_items or ()] == ["SKU00070"]


@pytest.mark.parametrize(
    ("state", "shipment", "status"),
    [
        ("draft", "none", "open"),
        ("quotation", "none", "open"),
        ("confirmed", "none", "confirmed"),
        ("cancelled", "none", "cancelled"),
        ("processing", "none", "processing"),
        ("processing", "waiting", "processing"),
        ("processing", "partially shipped", "partially_fulfilled"),
        ("processing", "sent", "fulfilled"),  # `done` would need the invoice paid too
        ("processing", "exception", "exception"),
        ("done", "sent", "fulfilled"),
        ("done", "none", "fulfilled"),  # services only
        ("invented", "waiting", "other"),
    ],
)
def test_order_states(state: str, shipment: str, status: str) -> None:
    assert orders.order_status(state, shipment) == status


@pytest.mark.parametrize(
    ("moves", "picked"),
    [
        ([], False),
        ([("draft", "assigned")], False),
        ([("draft", "picked")], True),  # a pick leaves the move as it is
        ([("done", "done"), ("draft", "waiting")], False),
        ([("done", "done"), ("cancelled", "cancelled")], True),
        ([("cancelled", "cancelled")], False),
        ([("done", None)], True),
        ([("draft", None)], False),
    ],
)
def test_line_is_picked_if_its_shipments_are(moves: list[tuple[str, str | None]], picked: bool) -> None:
    rows = [Row({"state": state, "shipment.": shipment and {"state": shipment}}) for state, shipment in moves]
    assert orders.is_picked(rows) is picked


def test_shipment_with_a_package() -> None:
    shipment = orders.parse_order_shipment(sample("order-shipment"))
    assert (shipment.order_id, shipment.status, shipment.raw_status) == ("81", "shipped", "done")
    assert shipment.shipped_date == moment("2026-11-21")
    assert [(line.sku, line.quantity) for line in shipment.line_items or ()] == [
        ("SKU00082", "4"),
        ("SKU00081", "3"),
        ("SKU00079", "2"),
    ]
    (package,) = shipment.packages or ()
    assert (package.package_id, package.package_name, package.tracking_number) == ("3", "3", "1Z000022")
    assert [line.quantity for line in package.line_items] == ["4", "3", "2"]


def test_cancelled_moves_count_only_in_a_cancelled_shipment() -> None:
    row = sample("order-shipment")
    row.values["outgoing_moves."][0]["state"] = "cancelled"
    assert len(orders.parse_order_shipment(row).line_items or ()) == 2
    row.values["state"] = "cancelled"
    assert len(orders.parse_order_shipment(row).line_items or ()) == 3


# Inbound shipments.


def test_partly_received_purchase() -> None:
    purchase = inbound.parse_purchase(sample("purchase"))
    assert (purchase.external_id, purchase.kind) == ("purchase.purchase,7", "purchase")
    assert (purchase.status, purchase.raw_status) == ("receiving", "processing/partially shipped")
    assert purchase.line_items == [
        InboundLine(
            inventory_item_id="113",
            sku="SKU00113",
            expected_quantity="20",
            received_quantity="12",
            unit_cost="4.25",
            external_id="purchase.line,10",
        )
    ]
    (receipt,) = purchase.receipts or ()
    assert (receipt.id, receipt.arrived_date) == ("stock.shipment.in,2", moment("2026-11-21"))
    assert [line.quantity for line in receipt.line_items] == ["12"]


def test_received_quantity_is_in_the_unit_of_the_line() -> None:
    row = sample("purchase")
    row.values["lines."][0]["unit."] = {"id": 2, "factor": 12.0}
    (line,) = inbound.parse_purchase(row).line_items or ()
    assert (line.expected_quantity, line.received_quantity) == ("20", "1")


def test_advance_notice_does_not_count_lines_of_purchases() -> None:
    notice = inbound.parse_notice(sample("advance-notice"))
    assert (notice.external_id, notice.kind, notice.status) == ("stock.shipment.in,2", "other", "received")
    assert notice.line_items == []
    assert isinstance(notice.extra, dict)
    assert notice.extra["purchase_lines"] == [
        {
            "purchase": "purchase.purchase,7",
            "line": "purchase.line,10",
            "inventory_item_id": "113",
            "sku": "SKU00113",
            "expected_quantity": "12",
            "received_quantity": "12",
        }
    ]


def test_advance_notice_counts_goods_without_a_purchase() -> None:
    notice = inbound.parse_notice(sample("advance-notice-without-purchase"))
    (line,) = notice.line_items or ()
    assert (line.sku, line.expected_quantity, line.received_quantity) == ("SKU00150", "6", "6")
    assert isinstance(notice.extra, dict)
    assert notice.extra["purchase_lines"] == []


@pytest.mark.parametrize(
    ("name", "status", "received"), [("transfer", "received", "5"), ("transfer-draft", "open", "0")]
)
def test_transfer_over_a_transit_location_is_counted_once(name: str, status: str, received: str) -> None:
    transfer = inbound.parse_transfer(sample(name))
    assert (transfer.kind, transfer.status, transfer.warehouse_id) == ("transfer", status, "12")
    assert [(line.expected_quantity, line.received_quantity) for line in transfer.line_items or ()] == [("5", received)]


@pytest.mark.parametrize(
    ("state", "shipment", "status"),
    [
        ("draft", "none", "open"),
        ("confirmed", "none", "open"),
        ("processing", "waiting", "open"),
        ("processing", "partially shipped", "receiving"),
        ("processing", "received", "received"),
        ("processing", "exception", "other"),
        ("done", "received", "received"),
        ("cancelled", "none", "cancelled"),
    ],
)
def test_purchase_states(state: str, shipment: str, status: str) -> None:
    assert inbound.purchase_status(state, shipment) == status


# Products, inventory, reference data.


def test_product_is_active_only_if_its_template_is() -> None:
    row = sample("product")
    assert (row.values["active"], stock.parse_product(row).active) == (0, False)  # SQLite's truth values
    template = row.values["template."]
    row.values["active"], template["active"] = True, False
    assert stock.parse_product(row).active is False
    template["active"] = 1
    product = stock.parse_product(row)
    assert product.active is True
    assert (product.name, product.sku, product.unit_price) == ("Item 0013", "SKU00013", "99.5")


def test_service_has_no_inventory_item() -> None:
    row = sample("product", type="service")
    assert stock.parse_product(row).inventory_items == []


def test_customers_warehouses_and_shipping_methods() -> None:
    company = reference_data.parse_customer(sample("company"))
    assert (company.external_id, company.name, company.email) == ("1", "Northbay Goods", "ops@northbay.example")
    depot = reference_data.parse_warehouse(sample("warehouse"))
    assert depot.address
    assert (depot.external_id, depot.address.address1, depot.address.state) == ("12", "400 Dock St", "ME")
    carrier = reference_data.parse_shipping_method(sample("carrier"))
    assert (carrier.external_id, carrier.name, carrier.carrier_name) == ("1", "DHL", "DHL")


GOODS = json.loads((SAMPLES / "product.json").read_text()) | {"cost_price": {"__class__": "Decimal", "decimal": "4"}}


class Shelves:
    """Answers about 3 products in 2 warehouses. A quantity exists only in a context that names a location."""

    def __init__(self, new_warehouses: int = 0) -> None:
        self.new_warehouses = new_warehouses

    def answers(self) -> dict[str, Any]:
        return {
            "model.product.product.search_read": self.products,
            "model.stock.location.search": [5, 12],
            "model.stock.location.search_count": self.new_warehouses,
            "model.stock.move.search_read": [{"id": 8, "product": 3}, {"id": 9, "product": 3}],
        }

    def products(
        self, domain: list[Any], _offset: int, limit: int | None, _order: Any, fields: list[str], how: Any
    ) -> Any:
        ids = next((rule[2] for rule in domain if rule[:2] == ["id", "in"]), [1, 2, 3])
        last_id = next((rule[2] for rule in domain if rule[:2] == ["id", ">"]), 0)
        ids = [row_id for row_id in ids if row_id > last_id][:limit]
        if fields == ["quantity"]:
            (place,) = how["locations"]
            return [{"id": row_id, "quantity": float(place * row_id) / 2} for row_id in ids]
        if any(rule[0] == "OR" for rule in domain):
            return []
        return [{**GOODS, "id": row_id} for row_id in ids]


def read_all(client: Client, entity: Entity, ask: FetchRequest) -> list[Any]:
    records, cursor, resource = [], None, Tryton.resources[entity]
    for _ in range(20):
        page = resource.fetch(client, ask, cursor)
        assert page.clock
        assert not page.rejected
        records += page.records
        if (cursor := json.loads(json.dumps(page.cursor))) is None:
            return records
    raise AssertionError("the read_all does not end")


def test_stock_is_counted_by_warehouse(server: Server) -> None:
    peer = Peer(server, Shelves().answers())
    items = read_all(peer.client(), Entity.INVENTORY, FetchRequest())
    assert [(item.external_id, item.onhand) for item in items] == [("1", "8.5"), ("2", "17"), ("3", "25.5")]
    assert items[2].inventory_by_warehouse_id == {"5": Counters(onhand="7.5"), "12": Counters(onhand="18")}
    assert items[0].updated_at is None


def test_moved_stock_is_counted_again_without_a_new_stamp(server: Server) -> None:
    peer = Peer(server, Shelves().answers())
    assert [item.external_id for item in read_all(peer.client(), Entity.INVENTORY, FetchRequest(since=SINCE))] == ["3"]
    (domain, *_) = next(params for method, params in peer.calls if method == "model.stock.move.search_read")
    assert domain[1] == ["OR", ["last_modified_at", ">=", payloads.encoded_moment(SINCE)]]


def test_new_warehouse_is_counted_for_every_item(server: Server) -> None:
    peer = Peer(server, Shelves(new_warehouses=1).answers())
    assert len(read_all(peer.client(), Entity.INVENTORY, FetchRequest(since=SINCE))) == 3


# Paging and look-ups.


def test_changes_of_children_are_requested_with_their_parents(server: Server) -> None:
    peer = Peer(server, {"model.sale.sale.search_read": [], "model.sale.sale.fields_get": {"carrier": {}}})
    read_all(peer.client(), Entity.ORDERS, FetchRequest(since=SINCE))
    (_, changed), *_ = peer.calls[-1][1]
    at = payloads.encoded_moment(SINCE)
    assert changed[:4] == [
        "OR",
        ["last_modified_at", ">=", at],
        ["lines.last_modified_at", ">=", at],
        ["lines.moves.last_modified_at", ">=", at],
    ]
    assert ["lines.moves.shipment.last_modified_at", ">=", at, "stock.shipment.out"] in changed
    assert ["shipment_address.last_modified_at", ">=", at] in changed


def test_fields_of_inactive_modules_are_not_requested(server: Server) -> None:
    peer = Peer(server, {"model.sale.sale.search_read": [], "model.sale.sale.fields_get": {}})
    client = peer.client()
    read_all(client, Entity.ORDERS, FetchRequest(since=SINCE))
    read_all(client, Entity.ORDERS, FetchRequest(since=SINCE))
    assert "carrier" not in json.dumps(peer.calls[-1])
    assert peer.methods().count("model.sale.sale.fields_get") == 1


def test_tables_of_an_entity_are_read_one_after_the_other(server: Server) -> None:
    rows = [json.loads((SAMPLES / "purchase.json").read_text()) | {"id": at} for at in range(1, 6)]

    def purchases(domain: list[Any], _offset: int, limit: int, *_: Any) -> list[Any]:
        return [row for row in rows if row["id"] > domain[0][2]][:limit]

    notice, transfer = (json.loads((SAMPLES / f"{name}.json").read_text()) for name in ("advance-notice", "transfer"))
    peer = Peer(
        server,
        {
            "model.purchase.purchase.search_read": purchases,
            "model.stock.shipment.in.search_read": [notice],
            "model.stock.shipment.internal.search_read": [transfer],
        },
    )
    chain = inbound.TableSequence(tuple(replace(table, size=2) for table in inbound.INBOUND_SHIPMENTS.tables))
    client, found, cursor = peer.client(), [], None
    for _ in range(5):
        page = chain.fetch(client, FetchRequest(), cursor)
        found += [record.external_id for record in page.records]
        cursor = json.loads(json.dumps(page.cursor))
    assert cursor is None
    assert found == [
        *(f"purchase.purchase,{at}" for at in range(1, 6)),
        "stock.shipment.in,2",
        "stock.shipment.internal,5",
    ]


def test_ids_are_looked_up_in_their_own_table(server: Server) -> None:
    notice = json.loads((SAMPLES / "advance-notice.json").read_text())
    peer = Peer(server, {"model.stock.shipment.in.search_read": [notice]})
    page = inbound.INBOUND_SHIPMENTS.lookup(peer.client(), ["stock.shipment.in,2", "stock.shipment.in,9"])
    assert [record.external_id for record in page.records] == ["stock.shipment.in,2"]
    assert peer.calls[-1][1][0] == [["id", "in", [2, 9]]]


def test_rejected_row_has_the_id_of_its_record(server: Server) -> None:
    notice = json.loads((SAMPLES / "advance-notice.json").read_text()) | {"state": 5}
    peer = Peer(server, {"model.stock.shipment.in.search_read": [notice]})
    page = inbound.INBOUND_SHIPMENTS.tables[1].fetch(peer.client(), FetchRequest(), None)
    assert [rejected.external_id for rejected in page.rejected] == ["stock.shipment.in,2"]


# Sessions and errors.


def test_clients_of_a_process_share_a_session(server: Server) -> None:
    peer = Peer(server, {"model.carrier.search_read": []})
    read_all(peer.client(), Entity.SHIPPING_METHODS, FetchRequest())
    read_all(peer.client(), Entity.SHIPPING_METHODS, FetchRequest())
    assert peer.methods().count("common.db.login") == 1
    assert {call.path for call in server.calls} == {"/north%20bay/rpc/"}


def test_another_password_needs_a_session_of_its_own(server: Server) -> None:
    peer = Peer(server, {"model.carrier.search_read": []})
    read_all(peer.client(), Entity.SHIPPING_METHODS, FetchRequest())
    other = peer.client()
    other.credentials = {**other.credentials, "password": "another"}
    read_all(other, Entity.SHIPPING_METHODS, FetchRequest())
    assert peer.methods().count("common.db.login") == 2


def test_ended_session_is_renewed_once(server: Server) -> None:
    replies = iter([Reply(b"", 401), Reply(b'{"id": 1, "result": []}')])
    peer = Peer(server, {"model.carrier.search_read": lambda *_: next(replies)})
    assert read_all(peer.client(), Entity.SHIPPING_METHODS, FetchRequest()) == []
    assert peer.methods().count("common.db.login") == 2


def test_wrong_password_is_tried_once(server: Server) -> None:
    """Tryton slows each further attempt down, up to 20 s, and then bars the login."""
    peer = Peer(server, {"common.db.login": Reply(b"<!doctype html>", 401)})
    with pytest.raises(ConnectorError) as caught:
        read_all(peer.client(), Entity.ORDERS, FetchRequest())
    assert caught.value.kind is Kind.CREDENTIALS
    assert peer.methods() == ["common.db.login"]


@pytest.mark.parametrize(("status", "kind"), [(404, Kind.CREDENTIALS), (503, Kind.UNREACHABLE)])
def test_unknown_database_is_reported(server: Server, status: int, kind: Kind) -> None:
    peer = Peer(server, {"common.db.login": Reply(b"<!doctype html>", status)})
    with pytest.raises(ConnectorError, match="name of the database") as caught:
        read_all(peer.client(), Entity.ORDERS, FetchRequest())
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (["UserError", ['You are not allowed to access "Sale".', "", None]], Kind.FORBIDDEN, "groups"),
        (["LoginException", ["otp", "Code", "char"]], Kind.CREDENTIALS, "more than a password"),
        (["'carrier'", ""], Kind.NOT_OFFERED, "no carrier"),
        (["'<script>'", ""], Kind.UNREACHABLE, "internal error"),
        (["database is locked", ""], Kind.UNREACHABLE, "internal error"),
        (["ConcurrencyException", "Records were modified"], Kind.UNREACHABLE, "internal error"),
        ("odd", Kind.UNREACHABLE, "internal error"),
    ],
)
def test_errors_inside_http_200_have_their_kind(server: Server, error: Any, kind: Kind, says: str) -> None:
    reply = Reply(json.dumps({"id": 1, "error": error}).encode())
    peer = Peer(server, {"model.carrier.search_read": reply})
    with pytest.raises(ConnectorError, match=says) as caught:
        read_all(peer.client(), Entity.SHIPPING_METHODS, FetchRequest())
    assert caught.value.kind is kind


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b'{"id": 1, "result": "7.8"}'),
        Reply(b"<html>a shop</html>", 404),
        Reply(b"", 405),
    ],
)
def test_connecting_to_another_server_is_refused(server: Server, reply: Reply) -> None:
    peer = Peer(server, {"common.server.version": reply})
    with pytest.raises(ConnectorError, match="No Tryton") as caught:
        Tryton.check(peer.client(), connecting=True)
    assert caught.value.kind is Kind.CONTRACT


def test_check_sends_one_request_after_the_sign_in(server: Server) -> None:
    peer = Peer(server, {"common.server.version": "8.2"})
    client = peer.client()
    assert Tryton.check(client, connecting=True).account == "Northbay Goods"
    peer.calls.clear()
    health = Tryton.check(client)
    assert peer.methods() == ["model.res.user.get_preferences"]
    assert health.clock
    assert not health.warning


def test_login_without_a_company_has_a_warning(server: Server) -> None:
    peer = Peer(server, {"model.res.user.get_preferences": {"company": None, "company.rec_name": ""}})
    assert "no company" in Tryton.check(peer.client()).warning


def test_no_record_has_a_source(server: Server) -> None:
    """Tryton's mappings need no stored version, since every record is parsed and compared."""
    peer = Peer(server, {"model.company.company.search_read": [json.loads((SAMPLES / "company.json").read_text())]})
    page = Tryton.resources[Entity.CUSTOMERS].fetch(peer.client(), FetchRequest(lazily=True), None)
    assert len(page.records) == 1
    assert (page.sources, page.unparsed, page.raw_items) == ({}, (), None)


# Fields.


class RecordingDict(dict[str, Any]):
    """A row of a sample that records the full names of the fields that are read from it."""

    def __init__(self, values: Mapping[str, Any], path: str, names: set[str]) -> None:
        self.path, self.names = path, names
        super().__init__({name: self.wrap(name, value) for name, value in values.items()})

    def wrap(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self.wrap(name, item) for item in value]
        is_row = name.endswith(".") and isinstance(value, dict)
        return RecordingDict(value, self.path + name, self.names) if is_row else value

    def get(self, name: str, default: Any = None) -> Any:
        if not name.endswith("."):
            self.names.add(self.path + name)
        return super().get(name, default)


PURCHASES, NOTICES, TRANSFERS = inbound.INBOUND_SHIPMENTS.tables


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (orders.ORDERS, ["order", "order-draft"]),
        (orders.ORDER_SHIPMENTS, ["order-shipment"]),
        (PURCHASES, ["purchase"]),
        (NOTICES, ["advance-notice", "advance-notice-without-purchase"]),
        (TRANSFERS, ["transfer", "transfer-draft"]),
        (stock.PRODUCTS, ["product"]),
        (reference_data.CUSTOMERS, ["company"]),
        (reference_data.WAREHOUSES, ["warehouse"]),
        (reference_data.SHIPPING_METHODS, ["carrier"]),
    ],
)
def test_every_field_that_is_read_is_requested(table: TrytonTable, names: list[str]) -> None:
    read: set[str] = set()
    for name in names:
        table.parse(Row(RecordingDict(sample(name).values, "", read)))
    assert len(read) > 4
    assert read <= {*ROW_FIELDS, *payloads.dotted_names(table.fields)}
