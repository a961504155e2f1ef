"""PostgreSQL reads only the rows that the writer and the metrics need."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from integrations import records
from integrations.entities import Entity
from integrations.models import Connection
from integrations.services import Account, connect
from packr.warehouse.metrics import pipeline
from packr.warehouse.mirror import query_planner, sql, writer
from packr.warehouse.models import Product, SkuMetrics
from tests.kit.model_wms import order

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite plans every execution"),
]

NOW = datetime(2026, 2, 5, tzinfo=UTC)
COUNT = 600
TABLE = Product._meta.db_table
SKUS = [f"SKU-{number:04}" for number in range(COUNT)]
# psycopg prepares a statement at its sixth execution. From the sixth execution of that statement on, PostgreSQL may
# choose a generic plan.
EXECUTIONS_FOR_A_GENERIC_PLAN = 15


@pytest.fixture
def other(connection: Connection, home: Any) -> Connection:
    return connect(home, Account("model", "Other", {"key": "k2"}), first_sync=False)


@pytest.fixture(autouse=True)
def _without_statistics(connection: Connection) -> None:
    """Remove the tables' rows and statistics of earlier tests."""
    with database.cursor() as cursor:
        cursor.execute("TRUNCATE warehouse_product, warehouse_order, warehouse_orderline, warehouse_kitpart")


def fill(connection: Connection, *, per_order: int = 3) -> None:
    """Create a product for each SKU, and orders with some of them."""
    products = (records.Product(external_id=sku, sku=sku, name=sku, inventory_items=[]) for sku in SKUS)
    lines = [records.OrderLine(sku=sku, quantity="1") for sku in SKUS]
    orders = (
        order(f"o{first}", NOW, created_at=NOW, line_items=lines[first : first + per_order])
        for first in range(0, COUNT, per_order)
    )
    with transaction.atomic():
        writer.apply(connection.pk, Entity.PRODUCTS, products, now=NOW)
        writer.apply(connection.pk, Entity.ORDERS, orders, now=NOW)


def process_changes(connection: Connection, entity: Entity = Entity.ORDERS) -> None:
    """Process all changes of an entity."""
    progress: pipeline.Progress | None = pipeline.begin(connection, entity, NOW)
    while progress is not None:
        _, progress = pipeline.run_portion(connection, entity, progress, NOW)


def rows_read() -> dict[str, int]:
    """Return how many rows of each table were read in this transaction."""
    with database.cursor() as cursor:
        cursor.execute("SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables")
        return {name: count or 0 for name, count in cursor.fetchall()}


def test_ids_are_looked_up_by_index(connection: Connection, other: Connection) -> None:
    """This holds in a session that planned its first statements while the table was empty."""
    for _ in range(EXECUTIONS_FOR_A_GENERIC_PLAN):
        sql.stored(Product, other.pk, SKUS)
    fill(connection)
    before = rows_read()["warehouse_product"]
    assert len(sql.stored(Product, connection.pk, SKUS).rows) == COUNT
    assert rows_read()["warehouse_product"] - before <= COUNT


def test_metrics_are_computed_by_index(connection: Connection, other: Connection) -> None:
    for number in range(EXECUTIONS_FOR_A_GENERIC_PLAN):
        product = records.Product(external_id="x", sku="X", name=str(number), inventory_items=[])
        writer.apply(other.pk, Entity.PRODUCTS, [product], now=NOW)
        process_changes(other, Entity.PRODUCTS)
    fill(connection)
    before = rows_read()
    process_changes(connection)
    read = {name: count - before.get(name, 0) for name, count in rows_read().items()}
    assert SkuMetrics.objects.filter(connection=connection, sold_90=1).count() == COUNT
    assert read["warehouse_product"] <= 2 * COUNT, read
    assert read["warehouse_orderline"] <= 3 * COUNT, read


def test_new_connection_is_analysed(connection: Connection, other: Connection) -> None:
    """With statistics of another connection's rows only, PostgreSQL expects at most one row of this one."""
    fill(other)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE warehouse_product")
    fill(connection)
    assert query_planner._estimated_rows(TABLE, connection.pk) <= 1
    query_planner.analyze_if_outdated(connection.pk, Entity.PRODUCTS, COUNT)
    assert COUNT / 2 < query_planner._estimated_rows(TABLE, connection.pk) < COUNT * 2
    with CaptureQueriesContext(database) as queries:
        query_planner.analyze_if_outdated(connection.pk, Entity.PRODUCTS, COUNT)
    assert len(queries) == 1  # current statistics are not computed again


def test_lines_of_other_connections_are_not_read(connection: Connection, other: Connection) -> None:
    """This holds even if other connections have the same SKUs."""
    fill(other)
    fill(connection)
    before = rows_read()
    process_changes(connection)
    read = {name: count - before.get(name, 0) for name, count in rows_read().items()}
    assert read["warehouse_orderline"] <= 3 * COUNT, read
    assert read["warehouse_order"] <= 4 * COUNT, read
