"""The less common entities: how their records are stored, and which brands see them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils.timezone import now

from integrations import records
from integrations.entities import Entity
from packr.warehouse import models, visibility
from packr.warehouse.mirror import export, writer
from packr.warehouse.mirror.schema import TABLES
from packr.workspaces.request_context import RequestContext
from tests.kit import factories as make

pytestmark = pytest.mark.django_db

CREATED = datetime(2026, 2, 6, 12, tzinfo=UTC)
ARRIVED = datetime(2026, 2, 9, 16, tzinfo=UTC)


def write(connection: Any, entity: Entity, *found: records.Record) -> None:
    writer.apply(connection.pk, entity, found, now=now())


def sample_return(**fields: Any) -> records.Return:
    """Return a return of two lines in two parcels, one of which has arrived."""
    lines = [
        records.ReturnLine(sku="MUG", expected_quantity="2", received_quantity="1", return_reason="Damaged"),
        records.ReturnLine(sku="JAR", expected_quantity="1", restocked_quantity="1"),
    ]
    parcels = [records.ReturnShipment(arrived_date=ARRIVED), records.ReturnShipment(tracking_number="9400")]
    usual = {"external_id": "ret_1", "created_at": CREATED, "order_id": "T3JkZXI6NQ==", "status": "receiving"}
    return records.Return(**{**usual, "line_items": lines, "shipments": parcels, **fields})


@pytest.fixture
def connection() -> Any:
    return make.connection(make.workspace())


def test_return_has_lines_and_arrives_with_its_last_parcel(connection: Any) -> None:
    write(connection, Entity.RETURNS, sample_return())
    row = models.Return.objects.get()
    assert (row.order_id, row.status, row.arrived_at) == ("T3JkZXI6NQ==", "receiving", None)
    lines = row.lines.values_list("position", "sku", "expected_quantity", "received_quantity", "reason")
    assert list(lines) == [(1, "MUG", 2, 1, "Damaged"), (2, "JAR", 1, None, None)]

    whole = sample_return(
        line_items=[records.ReturnLine(sku="MUG")], shipments=[records.ReturnShipment(arrived_date=ARRIVED)]
    )
    write(connection, Entity.RETURNS, whole)
    row.refresh_from_db()
    assert (row.arrived_at, list(row.lines.values_list("sku", flat=True))) == (ARRIVED, ["MUG"])
    (line,) = export.export_lines(connection, Entity.RETURNS)
    assert json.loads(line)["shipments"][0]["arrived_date"] == "2026-02-09T16:00:00Z"


@pytest.mark.parametrize(
    ("entity", "record", "columns"),
    [
        (
            Entity.WAREHOUSE_LOCATIONS,
            records.WarehouseLocation(external_id="A-1", name="A-1", warehouse_id="east", type="bin"),
            {"name": "A-1", "warehouse_id": "east", "type": "bin"},
        ),
        (
            Entity.SUPPLIERS,
            records.InboundSupplier(external_id="s", name="Clayworks", warehouse_customer_id="c"),
            {"name": "Clayworks", "warehouse_customer_id": "c"},
        ),
        (
            Entity.ORDER_CHANNELS,
            records.OrderChannel(external_id="o", name="Shop", warehouse_customer_id=None),
            {"name": "Shop", "warehouse_customer_id": None},
        ),
        (
            Entity.BILLS,
            records.Bill(external_id="b", object_id="o-1", charge_type="shipping", amount="3.25", currency_code="USD"),
            {"object_id": "o-1", "charge_type": "shipping", "currency_code": "USD"},
        ),
    ],
)
def test_record_fills_its_columns_and_is_exported_whole(
    connection: Any, entity: Entity, record: records.Record, columns: dict[str, Any]
) -> None:
    write(connection, entity, record)
    row = TABLES[entity].model.objects.get()
    assert {name: getattr(row, name) for name in columns} == columns
    (line,) = export.export_lines(connection, entity)
    exported = json.loads(line)
    assert exported.keys() == {*type(record).__struct_fields__} - {"version_at"}
    assert {name: exported[name] for name in columns} == columns


def test_every_entity_has_a_table() -> None:
    assert TABLES.keys() == set(Entity) == records.RECORDS.keys()


def test_brand_visibility_of_each_entity(connection: Any) -> None:
    """Rows without a customer need a whole-connection mapping; locations and methods are visible to every brand."""
    for customer in ("c-1", "c-2", None):
        own = {"warehouse_customer_id": customer}
        for entity, record in (
            (Entity.RETURNS, records.Return),
            (Entity.SUPPLIERS, records.InboundSupplier),
            (Entity.ORDER_CHANNELS, records.OrderChannel),
            (Entity.BILLS, records.Bill),
        ):
            write(connection, entity, record(external_id=f"of {customer}", **own))
    for one in ("c-1", "c-2"):
        write(connection, Entity.CUSTOMERS, records.Customer(external_id=one))
        write(connection, Entity.WAREHOUSE_LOCATIONS, records.WarehouseLocation(external_id=one))
        order = make.order(connection, external_id=f"order of {one}", warehouse_customer_id=one)
        make.order_shipment(order, external_id=f"parcel of {one}")
    alone, whole = (
        RequestContext(
            connection.workspace, make.brand(connection.workspace, name, (connection, customer)), [], [], False
        )
        for name, customer in (("alone", "c-1"), ("whole", ""))
    )
    for context, customers in ((alone, {"of c-1"}), (whole, {"of c-1", "of c-2", "of None"})):
        for model in (models.Return, models.Supplier, models.OrderChannel, models.Bill):
            assert seen(context, model) == customers
        assert seen(context, models.WarehouseLocation) == {"c-1", "c-2"}
    assert seen(alone, models.Customer) == {"c-1"}
    assert seen(alone, models.OrderShipment) == {"parcel of c-1"}
    assert seen(whole, models.OrderShipment) == {"parcel of c-1", "parcel of c-2"}


def seen(context: RequestContext, model: type[models.Mirrored]) -> set[str]:
    """Return the visible ids of a table. Fail unless list scopes and the page condition agree."""
    rows: Any = model._default_manager
    listed = [
        row.external_id
        for scope in visibility.split_scopes(context, model)
        for row in rows.filter(scope.condition(model), removed_at=None)
    ]
    assert sorted(listed) == sorted(visibility.seen_by(rows.all(), context).values_list("external_id", flat=True))
    return set(listed)
