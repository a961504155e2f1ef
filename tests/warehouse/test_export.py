"""The export format, byte for byte."""

from datetime import UTC, datetime

import pytest
from django.db import transaction

from integrations import records
from integrations.entities import Entity
from packr.warehouse.mirror import export, writer
from packr.warehouse.mirror.schema import TABLES
from tests.kit.running import mirrored

THEN = datetime(2026, 2, 4, 18, 40, 2, tzinfo=UTC)

ORDER = (
    '{"carrier_id": null, "carrier_name": null, "channel_object": {"channel_id": "shopify", '
    '"channel_name": "Shopify"}, '
    '"created_at": "2026-02-03T09:00:00.500000Z", "external_id": "o-1", "external_system_url": null, '
    '"extra": {"gift": true, "weight": 1.25}, "first_party_freight_account_number": null, '
    '"international_duty_paid_by": null, "invoice_currency_code": "EUR", "is_third_party_freight": null, '
    '"line_items": [{"discount_amount": null, "is_picked": false, "product_id": "p-1", "quantity": "2", "sku": "MUG", '
    '"unit_price": "9.5"}], "order_number": "№ 1001", "raw_status": null, "reference_id": null, '
    '"required_ship_date": "2026-02-06T00:00:00Z", "saturday_delivery": null, "scac": null, "service_level": null, '
    '"ship_to_address": {"address1": "1 Way", "address2": null, "address3": null, "city": "Köln", "company": null, '
    '"country": "DE", "email_address": null, "full_name": "Ada", "phone_number": null, "postal_code": null, '
    '"state": null}, "shipments": [{"line_items": [{"inventory_item_id": null, "parent_product_id": null, '
    '"quantity": "2", "sku": "MUG"}], "raw_status": null, "shipment_id": "77", "status": "shipped"}], '
    '"shipping_method_id": null, "shipping_method_name": null, "signature_required": null, "status": "open", '
    '"tags": ["b", "a"], "third_party_freight_account_number": null, "total_discount": null, "total_price": "19", '
    '"total_shipping": null, "total_tax": null, "trackstar_tags": null, "trading_partner": null, "type": null, '
    '"updated_at": "2026-02-04T18:40:02Z", "warehouse_customer_id": null, "warehouse_id": null}'
)
ITEM = (
    '{"active": true, "awaiting": null, "committed": "0", "created_at": null, "external_id": "A", '
    '"external_system_url": null, "extra": {}, "fulfillable": "5", "inventory_by_warehouse_id": '
    '{"w1": {"awaiting": null, '
    '"committed": "0", "fulfillable": "5", "onhand": "5", "sellable": null, "unfulfillable": null}}, '
    '"locations": [{"location_id": "A-01", "quantity": "5", "warehouse_id": "w1"}], "lots": [], '
    '"measurements": {"height": null, "length": "12.5", "unit": "cm", "weight": null, "weight_unit": null, '
    '"width": null}, "name": "Mug", "onhand": "5", "sellable": null, "sku": "MUG", "substitute_skus": null, '
    '"trackstar_tags": null, "unfulfillable": null, "unit_cost": "0.0000001", "updated_at": null, '
    '"warehouse_customer_id": "c1"}'
)


def write(connection, entity, record):
    with transaction.atomic():
        writer.apply(connection.pk, entity, [record], now=THEN)


def test_order_is_exported_with_all_fields(connection):
    """Sorted keys, all fields, nulls, decimals as text, times, extra."""
    write(
        connection,
        Entity.ORDERS,
        records.Order(
            external_id="o-1",
            created_at=datetime(2026, 2, 3, 9, 0, 0, 500_000, tzinfo=UTC),
            updated_at=THEN,
            version_at=THEN,
            order_number="№ 1001",
            reference_id=None,
            status="open",
            channel_object=records.Channel(channel_id="shopify", channel_name="Shopify"),
            invoice_currency_code="EUR",
            total_price="19",
            line_items=[
                records.OrderLine(sku="MUG", product_id="p-1", quantity="2", unit_price="9.5", is_picked=False)
            ],
            ship_to_address=records.ToAddress(full_name="Ada", address1="1 Way", city="Köln", country="DE"),
            tags=["b", "a"],
            required_ship_date=datetime(2026, 2, 6, tzinfo=UTC),
            extra={"weight": 1.25, "gift": True},
            shipments=[
                records.OrderShipment(
                    external_id="s-77",
                    order_id="o-1",
                    shipment_id="77",
                    status="shipped",
                    raw_status=None,
                    line_items=[records.ShipmentLine(sku="MUG", quantity="2")],
                )
            ],
        ),
    )
    assert mirrored(connection) == [ORDER]


def test_inventory_item_is_exported_with_all_fields(connection):
    counters = records.Counters(onhand="5", fulfillable="5", committed="0")
    write(
        connection,
        Entity.INVENTORY,
        records.InventoryItem(
            external_id="A",
            warehouse_customer_id="c1",
            sku="MUG",
            name="Mug",
            active=True,
            unit_cost="0.0000001",
            onhand="5",
            fulfillable="5",
            committed="0",
            inventory_by_warehouse_id={"w1": counters},
            locations=[records.ItemLocation(location_id="A-01", quantity="5", warehouse_id="w1")],
            lots=[],
            measurements=records.Measurements(length="12.5", unit="cm"),
            extra={},
        ),
    )
    assert mirrored(connection, Entity.INVENTORY) == [ITEM]


def test_removed_rows_are_left_out(connection):
    write(connection, Entity.CUSTOMERS, records.Customer(external_id="a"))
    write(connection, Entity.CUSTOMERS, records.Customer(external_id="b"))
    model = TABLES[Entity.CUSTOMERS].model
    writer.remove(connection.pk, Entity.CUSTOMERS, [model.objects.get(external_id="a").pk], now=THEN)
    assert ['"b"' in line for line in mirrored(connection, Entity.CUSTOMERS)] == [True]


@pytest.mark.parametrize("entity", TABLES)
def test_every_entity_exports_all_its_fields(connection, entity):
    """Fields that a WMS lacks are null; version_at is left out."""
    record_type = TABLES[entity].record_type
    write(connection, entity, record_type(external_id="x"))
    row = TABLES[entity].model.objects.get()
    found = export.export_row(TABLES[entity], row)
    assert set(found) == set(record_type.__struct_fields__) - {"version_at"}
    assert {name: value for name, value in found.items() if value is not None} == {"external_id": "x", "extra": {}}


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (THEN, "2026-02-04T18:40:02Z"),
        (THEN.replace(microsecond=1), "2026-02-04T18:40:02.000001Z"),
        (None, None),
    ],
)
def test_timestamps_omit_zero_microseconds(moment, text):
    assert export.format_stamp(moment) == text
