"""Data migrations of the warehouse's tables."""

from collections.abc import Iterator

import pytest
from django.apps.registry import Apps
from django.db import connection as database
from django.db.migrations.executor import MigrationExecutor
from django.utils.timezone import now

from packr.warehouse.models import InboundLine, InventoryLevel, KitPart, OrderLine, ReturnLine
from tests.kit import factories as make

APP = "warehouse"


@pytest.fixture
def earlier(transactional_db: None) -> Iterator[Apps]:
    """Return the models of the migration before lines had a connection, with the database migrated back to it."""
    executor = MigrationExecutor(database)
    executor.migrate([(APP, "0012_records_as_they_are_written")])
    yield executor.loader.project_state([(APP, "0012_records_as_they_are_written")]).apps
    _migrate_to_latest()


def _migrate_to_latest() -> None:
    executor = MigrationExecutor(database)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_lines_get_the_connection_of_their_parent(earlier: Apps) -> None:
    first, second = make.connection(make.workspace("one")), make.connection(make.workspace("two"))
    fields = {"external_id": "x", "digest": b"d", "record": {}, "change_no": 1, "changed_at": now()}
    for connection in (first, second):
        for parent, name, line, own in (
            ("Order", "order", "OrderLine", {"position": 1, "sku": "MUG"}),
            ("InboundShipment", "inbound_shipment", "InboundLine", {"position": 1, "sku": "MUG"}),
            ("Return", "sent_back", "ReturnLine", {"position": 1, "sku": "MUG"}),
            ("Product", "product", "KitPart", {"sku": "MUG", "units": 2}),
            ("InventoryItem", "item", "InventoryLevel", {"warehouse_id": "w"}),
        ):
            row = earlier.get_model(APP, parent).objects.create(connection_id=connection.pk, **fields)
            earlier.get_model(APP, line).objects.create(**{f"{name}_id": row.pk}, **own)
    earlier.get_model(APP, "OrderLine").objects.create(order_id=10**9, position=1, sku="WITHOUT-ORDER")
    _migrate_to_latest()
    for model, parent in (
        (OrderLine, "order"),
        (InboundLine, "inbound_shipment"),
        (ReturnLine, "sent_back"),
        (KitPart, "product"),
        (InventoryLevel, "item"),
    ):
        lines = list(model._default_manager.select_related(parent))
        assert {line.connection_id for line in lines} == {first.pk, second.pk}
        assert [line.connection_id for line in lines] == [getattr(line, parent).connection_id for line in lines]
