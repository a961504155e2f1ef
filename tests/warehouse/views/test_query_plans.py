"""The query plans of pages on PostgreSQL: they use the intended indexes and read no more rows than they show.

Tests plans, not times, with 20,000 orders. Plans that pay off only at this size are disabled, such as table scans.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations.entities import Entity
from packr.warehouse.mirror import export, writer
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.models import InboundShipment, InventoryItem, Order, ProcessingMark
from packr.workspaces.models import Role, Workspace
from packr.workspaces.request_context import RequestContext
from syncs.runs import sql as run_sql
from tests.kit import factories as make
from tests.kit import large
from tests.kit.page_fixtures import signed_in

pytestmark = pytest.mark.skipif(database.vendor != "postgresql", reason="plans are PostgreSQL's")
Node = dict[str, Any]
# Sorting more rows than this means sorting the whole list. A page of two connections sorts 2 x 2 ranges of 51 rows.
PAGE = 400
SEARCHED = 5_001


@pytest.fixture(scope="module")
def _filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[large.Large]:
    """Fill the tables once for the module, and roll back at its end."""
    with django_db_blocker.unblock(), transaction.atomic():
        made = large.fill(orders=20_000, inventory=10_000, products=5_000, inbound=5_000)
        database.check_constraints()  # here, instead of at the end of each test
        make.person("dana", in_=made.workspace, role=Role.ADMIN)
        yield made
        transaction.set_rollback(True)


@pytest.fixture
def full(_filled: large.Large, db: None) -> large.Large:
    with database.cursor() as cursor:
        for way in ("seqscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    return _filled


Plans = Callable[[str], list[Node]]


@pytest.fixture
def plans(full: large.Large) -> Plans:
    """Return a function for the plans of the statements by which a page reads the mirror."""
    from django.contrib.auth import get_user_model

    client = signed_in(get_user_model().objects.get(username="dana"))

    def ask(address: str) -> list[Node]:
        return [explained(sql) for sql in statements(client, address)]

    return ask


def statements(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(database) as queries:
        response = client.get(address)
        assert response.status_code == 200
        if response.streaming:
            assert b"".join(response.streaming_content)
    found = [query["sql"] for query in queries.captured_queries if '"warehouse_' in query["sql"]]
    assert found, f"{address} reads nothing of the mirror"  # or the tests below would check no plan
    return found


def explained(sql: str, *, analyze: bool = True) -> Node:
    how = "ANALYZE, FORMAT JSON, TIMING OFF" if analyze else "FORMAT JSON"
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({how}) " + sql.replace("%", "%%"), [])
        (found,) = cursor.fetchone()
    root: Node = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return root | {"sql": sql}


def nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def indexes(plan: Node) -> set[str]:
    return {node["Index Name"] for node in nodes(plan) if "Index Name" in node}


def read(node: Node) -> float:
    """Return how many rows a node read, including those it filtered out."""
    return float(node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)))


def check(plan: Node, most: int) -> None:
    """Fail if a table is scanned or a node read more than `most` rows."""
    for node in nodes(plan):
        assert node["Node Type"] != "Seq Scan", plan
        if "Scan" in node["Node Type"] and node["Node Type"] != "Subquery Scan":
            assert read(node) <= most, (node, most)


def rows_of(found: list[Node]) -> Node:
    """Return the plan of the statement that reads the page's rows."""
    (plan,) = [plan for plan in found if '"sort_key"' in plan["sql"]]
    return plan


@pytest.mark.parametrize(
    ("address", "index"),
    [
        ("/orders/", "orders_newest_present"),
        ("/orders/?sort=created_at", "orders_newest_present"),
        ("/orders/?sort=order_number", "orders_by_number"),
        ("/orders/?sort=-ship_to_name", "orders_by_ship_to"),
        ("/orders/?sort=required_ship_date", "orders_by_ship_date"),
        ("/orders/?sort=-total_price", "orders_by_total"),
        ("/orders/?status=open", "orders_of_status"),
        ("/orders/?held=yes", "orders_on_hold"),
        ("/orders/?channel=Amazon", "orders_of_channel"),
        ("/orders/?ship_by=overdue", "orders_to_ship"),
        ("/inventory/", "inventory_by_folded_sku"),
        ("/inventory/?sort=-name", "inventory_by_name"),
        ("/inventory/?sort=-onhand", "inventory_by_onhand"),
        ("/inventory/?sort=fulfillable", "inventory_by_fulfillable"),
        ("/inventory/?sort=-updated_at", "inventory_by_updated"),
        ("/products/", "products_by_folded_sku"),
        ("/products/?is_kit=yes", "products_kits"),
        ("/products/?sort=name", "products_by_name"),
        ("/products/?sort=-gtin", "products_by_gtin"),
        ("/products/?sort=-updated_at", "products_by_updated"),
        ("/products/?sort=unit_price", "products_by_price"),
        ("/products/?active=no", "products_by_active"),
        ("/inbound-shipments/", "inbound_newest_present"),
        ("/inbound-shipments/?sort=purchase_order_number", "inbound_by_number"),
        ("/inbound-shipments/?sort=-supplier_name", "inbound_by_supplier"),
        ("/inbound-shipments/?sort=-expected_arrival_date", "inbound_by_expected"),
        ("/inbound-shipments/?status=open", "inbound_of_status"),
        ("/inbound-shipments/?kind=transfer", "inbound_of_kind"),
        ("/inbound-shipments/?supplier=Supplier+1", "inbound_of_supplier"),
    ],
)
def test_list_uses_the_index_of_its_sort(plans: Plans, address: str, index: str) -> None:
    plan = rows_of(plans(address))
    check(plan, PAGE)
    assert index in indexes(plan)
    deep = rows_of(plans(deeper(address)))
    check(deep, PAGE)
    assert index in indexes(deep)


def test_filter_without_matches_reads_no_rows(plans: Plans) -> None:
    plan = rows_of(plans("/orders/?status=exception"))
    check(plan, 0)
    assert "orders_of_status" in indexes(plan)


def deeper(address: str) -> str:
    """Return the address of a page in the middle of the same list."""
    from django.http import QueryDict

    from packr.warehouse.lists import keyset, listing
    from packr.warehouse.urls import SCREENS

    path, _, query = address.partition("?")
    list_query = listing.parse_query(next(one for one in SCREENS if f"/{one.path}/" == path), QueryDict(query))
    context = RequestContext(Workspace.objects.get(slug="large"), None, [], [], False)
    rows = list_query.screen.model._default_manager.filter(
        list_query.condition(context), connection__workspace__slug="large"
    )
    middle = keyset.read_sorted(rows, list_query.sort, None, rows.count() // 2).rows
    cursor = listing.cursor_after(middle[-1]) if middle else keyset.Cursor(None, 1)
    return f"{path}?{query}&after={keyset.encode_cursor(list_query.sort, cursor)}"


def test_brand_reads_only_its_customers_rows(full: large.Large, plans: Plans) -> None:
    plan = rows_of(plans("/orders/?brand=acme"))
    check(plan, PAGE)
    assert "orders_of_customer" in indexes(plan)


@pytest.mark.parametrize(
    ("address", "used"),
    [
        ("/orders/?q=NB-123", {"orders_by_number", "orders_by_reference", "orders_by_ship_to", "order_lines_by_sku"}),
        ("/orders/?q=SKU-04321&sort=-total_price", {"order_lines_by_sku"}),
        ("/inventory/?q=SKU-00001", {"inventory_by_folded_sku", "inventory_by_name"}),
        ("/products/?q=0000000000", {"products_by_folded_sku", "products_by_name", "products_by_gtin"}),
        ("/inbound-shipments/?q=PO-1", {"inbound_by_number", "inbound_by_supplier", "inbound_lines_by_sku"}),
    ],
)
def test_search_reads_only_matching_index_entries(plans: Plans, address: str, used: set[str]) -> None:
    found = plans(address)
    for plan in found:
        check(plan, SEARCHED)
    assert used <= indexes(rows_of(found))


def test_search_with_too_many_hits_is_bounded(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packr.warehouse.lists.search.MAX_HITS", 1_000)
    monkeypatch.setattr("packr.warehouse.lists.search.FIRST_HITS", 1_000)
    found = plans("/orders/?q=SKU")
    for plan in found:
        check(plan, 2 * 1_001 * large.LINES)
    assert "orders_newest_present" in indexes(rows_of(found))


def test_count_stops_at_its_limit(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packr.warehouse.lists.listing.MAX_COUNT", 100)
    for plan in plans("/orders/"):
        check(plan, 2 * 101)


@pytest.mark.parametrize("model", [Order, InboundShipment])
def test_record_page_reads_few_rows(full: large.Large, plans: Plans, model: Any) -> None:
    row = model.objects.present().filter(connection=full.connections[0])[7]
    path = "orders" if model is Order else "inbound-shipments"
    for brand in ("", full.brand.slug if row.warehouse_customer_id == "c-1" else ""):
        for plan in plans(f"/{path}/{row.pk}/?brand={brand}"):
            check(plan, 20)


@pytest.mark.parametrize("address", ["/orders/export.csv?status=open", "/inventory/export.csv?sort=-onhand"])
def test_export_reads_a_page_at_a_time(plans: Plans, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("packr.warehouse.lists.csv_export.ROWS_PER_QUERY", 500)
    found = plans(address)
    assert len(found) > 3
    for plan in found:
        check(plan, 2 * 2 * 501)


def test_command_export_reads_by_the_id_index(full: large.Large) -> None:
    with CaptureQueriesContext(database) as queries:
        assert next(export.export_lines(full.connections[0], Entity.ORDERS))
    (sql,) = [query["sql"] for query in queries.captured_queries if '"warehouse_order"' in query["sql"]]
    # A cursor makes PostgreSQL's planner prefer plans that return the first rows soon.
    plan = explained(f"DECLARE reading CURSOR FOR {sql}", analyze=False)
    assert "Sort" not in {node["Node Type"] for node in nodes(plan)}
    assert indexes(plan) == {"one_order"}


def test_search_is_planned_for_its_own_words(full: large.Large) -> None:
    """Every line begins with "SKU" and few or none with other words, so one plan for all is slow for some."""
    from django.contrib.auth import get_user_model

    client = signed_in(get_user_model().objects.get(username="dana"))
    for _ in range(7):  # from the sixth execution on, PostgreSQL may reuse a plan
        statements(client, "/orders/?q=SKU")
        statements(client, "/orders/?q=NB-123")
    with database.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        kept = [statement for (statement,) in cursor.fetchall()]
    assert any('"integrations_connection"' in statement for statement in kept)
    assert [statement for statement in kept if "piece_" in statement] == []


def test_unchanged_records_are_recognised_by_id_index(full: large.Large) -> None:
    """A page's thousand ids are looked up by index, without reading all rows of the connection."""
    connection = full.connections[0]
    ids = [str(one) for one in InventoryItem.objects.filter(connection=connection).values_list("external_id")[:1000]]
    with CaptureQueriesContext(database) as queries:
        writer.recognised_by_source(connection.pk, Entity.INVENTORY, dict.fromkeys(ids, b""))
    plan = explained(queries.captured_queries[0]["sql"])
    assert indexes(plan) == {"one_inventoryitem"}
    (scan,) = [node for node in nodes(plan) if node.get("Relation Name") == InventoryItem._meta.db_table]
    assert all("external_id" in node["Index Cond"] for node in nodes(plan) if "Index Name" in node)
    assert read(scan) <= len(ids)


@pytest.mark.usefixtures("_filled", "db")
@pytest.mark.parametrize("entity", [Entity.ORDERS, Entity.INVENTORY])
def test_idle_run_reads_one_row(entity: Entity) -> None:
    """Every run checks for unprocessed changes by reading one row, with all plans allowed."""
    newest: Any = TABLES[entity].model._default_manager.order_by("-change_no")[0]
    connection = newest.connection
    mark = ProcessingMark.objects.create(connection=connection, entity=entity.value, change_no=newest.change_no)
    with CaptureQueriesContext(database) as queries:
        state = run_sql.get_schedule_state(connection.pk, entity)
    assert not state.has_unprocessed_changes
    plan = explained(queries.captured_queries[0]["sql"])
    here = [node for node in nodes(plan) if node.get("Relation Name") == newest._meta.db_table]
    assert [read(node) for node in here] == [1]
    ProcessingMark.objects.filter(pk=mark.pk).update(change_no=newest.change_no - 1)
    assert run_sql.get_schedule_state(connection.pk, entity).has_unprocessed_changes
