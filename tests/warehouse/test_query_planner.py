"""The rows that PostgreSQL reads for the writer and the metrics: no more than the statements need."""

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
    pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite plans each statement anew"),
]

NOW = datetime(2026, 2, 5, tzinfo=UTC)
COUNT = 600
TABLE = Product._meta.db_table
SKUS = [f"SKU-{number:04}" for number in range(COUNT)]
OFTEN = 15  # the driver prepares what it is asked for the sixth time, the server keeps a plan from the sixth of those


@pytest.fixture
def other(connection: Connection, home: Any) -> Connection:
    return connect(home, Account("model", "Other", {"key": "k2"}), first_sync=False)


@pytest.fixture(autouse=True)
def _as_new(connection: Connection) -> None:
    """Reset the tables' statistics, whatever earlier tests left."""
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


def work_out(connection: Connection, entity: Entity = Entity.ORDERS) -> None:
    """Process all changes of an entity."""
    place: pipeline.Progress | None = pipeline.begin(connection, entity, NOW)
    while place is not None:
        _, place = pipeline.run_portion(connection, entity, place, NOW)


def rows_read() -> dict[str, int]:
    """Return how many rows of each table were read in this transaction."""
    with database.cursor() as cursor:
        cursor.execute("SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables")
        return {name: count or 0 for name, count in cursor.fetchall()}


def test_ids_are_looked_up_by_index(connection: Connection, other: Connection) -> None:
    """Even in a session whose first plans were made while the table was empty."""
    for _ in range(OFTEN):
        sql.stored(Product, other.pk, SKUS)
    fill(connection)
    before = rows_read()["warehouse_product"]
    assert len(sql.stored(Product, connection.pk, SKUS).rows) == COUNT
    assert rows_read()["warehouse_product"] - before <= COUNT


def test_metrics_are_computed_by_index(connection: Connection, other: Connection) -> None:
    for number in range(OFTEN):
        product = records.Product(external_id="x", sku="X", name=str(number), inventory_items=[])
        writer.apply(other.pk, Entity.PRODUCTS, [product], now=NOW)
        work_out(other, Entity.PRODUCTS)
    fill(connection)
    before = rows_read()
    work_out(connection)
    read = {name: count - before.get(name, 0) for name, count in rows_read().items()}
    assert SkuMetrics.objects.filter(connection=connection, sold_90=1).count() == COUNT
    assert read["warehouse_product"] <= 2 * COUNT, read
    assert read["warehouse_orderline"] <= 3 * COUNT, read


def test_new_connection_is_analysed(connection: Connection, other: Connection) -> None:
    """The table's statistics are of another connection's rows, so PostgreSQL expects at most one of this connection."""
    fill(other)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE warehouse_product")
    fill(connection)
    assert query_planner._estimated_rows(TABLE, connection.pk) <= 1
    query_planner.analyze_if_outdated(connection.pk, Entity.PRODUCTS, COUNT)
    assert COUNT / 2 < query_planner._estimated_rows(TABLE, connection.pk) < COUNT * 2
    with CaptureQueriesContext(database) as asked:
        query_planner.analyze_if_outdated(connection.pk, Entity.PRODUCTS, COUNT)
    assert len(asked) == 1  # what is known is not looked at again


def test_lines_of_other_connections_are_not_read(connection: Connection, other: Connection) -> None:
    """Even if many connections have the same SKUs."""
    fill(other)
    fill(connection)
    before = rows_read()
    work_out(connection)
    read = {name: count - before.get(name, 0) for name, count in rows_read().items()}
    assert read["warehouse_orderline"] <= 3 * COUNT, read
    assert read["warehouse_order"] <= 4 * COUNT, read
