"""Each sample of Trackstar's documentation becomes its record, in the form of `manage.py export`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from integrations.connectors.base import FetchRequest
from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.http.client import Client
from integrations.records import Record
from tests.kit.server import Reply, Server

SAMPLES = Path(__file__).parent / "samples"

ADDRESS = {
    "address1": "9 Pier Rd",
    "address2": None,
    "address3": None,
    "city": "Portland",
    "company": None,
    "country": "US",
    "email_address": "ada@example.com",
    "full_name": "Ada Quill",
    "phone_number": None,
    "postal_code": "04101",
    "state": "ME",
}
DOCK = {
    "address1": "400 Dock St",
    "address2": None,
    "address3": None,
    "city": "Allentown",
    "country": "US",
    "postal_code": "18101",
    "state": "PA",
}
SHIPMENT = {
    "created_at": "2026-02-03T14:05:11Z",
    "external_id": "T3JkZXI6NzcwMTE=/shp_4410",
    "extra": {},
    "line_items": [{"inventory_item_id": "inv_88", "parent_product_id": None, "quantity": "2", "sku": "MUG-BLU"}],
    "order_id": "T3JkZXI6NzcwMTE=",
    "packages": [
        {
            "carrier_id": "ups",
            "carrier_name": "UPS",
            "line_items": [
                {
                    "expiration_date": None,
                    "inventory_item_id": "inv_88",
                    "lot_id": None,
                    "parent_product_id": None,
                    "quantity": "2",
                    "sku": "MUG-BLU",
                }
            ],
            "measurements": {
                "height": "6",
                "length": "10",
                "unit": "in",
                "weight": "2.1",
                "weight_unit": "lb",
                "width": "8",
            },
            "package_id": "pk_1",
            "package_name": "10x8x6",
            "scac": "UPSN",
            "shipping_cost": "7.85",
            "shipping_method_id": "ups_ground",
            "shipping_method_name": "UPS Ground",
            "tracking_number": "1Z00EXAMPLE",
            "tracking_url": None,
        }
    ],
    "raw_status": "complete",
    "ship_from_address": DOCK,
    "ship_to_address": ADDRESS | {"email_address": None},
    "shipment_id": "shp_4410",
    "shipped_date": "2026-02-04T18:31:00Z",
    "status": "shipped",
    "updated_at": "2026-02-04T18:40:02Z",
    "warehouse_id": "wh_east",
}
ORDER = {
    "carrier_id": "ups",
    "carrier_name": "UPS",
    "channel_object": {"channel_id": "shopify-nb", "channel_name": "Northbay Shopify"},
    "created_at": "2026-02-03T14:05:11Z",
    "external_id": "T3JkZXI6NzcwMTE=",
    "external_system_url": None,
    "extra": {},
    "first_party_freight_account_number": None,
    "international_duty_paid_by": None,
    "invoice_currency_code": "USD",
    "is_third_party_freight": False,
    "line_items": [
        {
            "discount_amount": "0",
            "is_picked": True,
            "product_id": "prod_88",
            "quantity": "2",
            "sku": "MUG-BLU",
            "unit_price": "24",
        }
    ],
    "order_number": "#NB-1042",
    "raw_status": "Shipped",
    "reference_id": "5550123456789",
    "required_ship_date": None,
    "saturday_delivery": False,
    "scac": "UPSN",
    "service_level": "Standard",
    "ship_to_address": ADDRESS,
    "shipments": [],
    "shipping_method_id": "ups_ground",
    "shipping_method_name": "UPS Ground",
    "signature_required": False,
    "status": "fulfilled",
    "tags": ["vip", "gift:yes"],
    "third_party_freight_account_number": None,
    "total_discount": "0",
    "total_price": "58.4",
    "total_shipping": "6",
    "total_tax": "4.4",
    "trackstar_tags": [],
    "trading_partner": None,
    "type": "d2c",
    "updated_at": "2026-02-04T18:40:02Z",
    "warehouse_customer_id": "wc_204",
    "warehouse_id": "wh_east",
}
INVENTORY = {
    "active": True,
    "awaiting": "100",
    "committed": "6",
    "created_at": "2025-06-01T00:00:00Z",
    "external_id": "inv_88",
    "external_system_url": None,
    "extra": {},
    "fulfillable": "35",
    "inventory_by_warehouse_id": {
        "wh_east": {
            "awaiting": "100",
            "committed": "6",
            "fulfillable": "35",
            "onhand": "42",
            "sellable": "35",
            "unfulfillable": "1",
        }
    },
    "locations": [{"location_id": "A-01-03", "quantity": "42", "warehouse_id": "wh_east"}],
    "lots": [{"expiration_date": None, "lot_id": "L-7", "onhand": "42", "warehouse_id": "wh_east"}],
    "measurements": {"height": "5", "length": "4", "unit": "in", "weight": "0.9", "weight_unit": "lb", "width": "4"},
    "name": "Blue mug",
    "onhand": "42",
    "sellable": "35",
    "sku": "MUG-BLU",
    "substitute_skus": [],
    "trackstar_tags": None,
    "unfulfillable": "1",
    "unit_cost": "5.1",
    "updated_at": "2026-02-05T09:12:44Z",
    "warehouse_customer_id": "wc_204",
}
PRODUCT = {
    "active": True,
    "country_of_origin": "PT",
    "created_at": "2025-06-01T00:00:00Z",
    "external_id": "prod_88",
    "external_system_url": None,
    "extra": {},
    "gtin": "0850000000017",
    "harmonized_code": "691200",
    "inventory_items": [{"inventory_item_id": "inv_88", "sku": "MUG-BLU", "unit_quantity": "1"}],
    "is_kit": False,
    "name": "Blue mug",
    "sku": "MUG-BLU",
    "supplier_object": {"supplier_id": "sup_3", "supplier_name": "Clayworks"},
    "supplier_products": [
        {"external_id": "CW-19", "supplier_id": "sup_3", "supplier_name": "Clayworks", "unit_cost": "5.1"}
    ],
    "trackstar_tags": [],
    "unit_price": "24",
    "updated_at": "2026-01-20T10:00:00Z",
    "warehouse_customer_id": "wc_204",
}
INBOUND = {
    "created_at": "2026-01-28T08:00:00Z",
    "expected_arrival_date": "2026-02-04T00:00:00Z",
    "external_id": "inb_510",
    "external_system_url": None,
    "extra": {},
    "kind": "other",
    "line_items": [
        {
            "expected_quantity": "100",
            "external_id": "CW-19",
            "inventory_item_id": "inv_88",
            "received_quantity": "40",
            "sku": "MUG-BLU",
            "unit_cost": "5.1",
        }
    ],
    "notes": [],
    "purchase_order_number": "PO-2291",
    "raw_status": "Partially received",
    "receipts": [
        {
            "arrived_date": "2026-02-05T07:10:00Z",
            "id": "rcp_9",
            "line_items": [{"inventory_item_id": "inv_88", "quantity": "40", "sku": "MUG-BLU"}],
        }
    ],
    "ship_from_address": {
        "address1": None,
        "address2": None,
        "address3": None,
        "city": "Aveiro",
        "country": "PT",
        "postal_code": None,
        "state": None,
    },
    "status": "receiving",
    "supplier_object": {"supplier_id": "sup_3", "supplier_name": "Clayworks"},
    "tracking_numbers": ["MSKU0000001"],
    "trackstar_tags": [],
    "updated_at": "2026-02-05T07:30:00Z",
    "warehouse_customer_id": "wc_204",
    "warehouse_id": "wh_east",
}
WAREHOUSE = {
    "address": DOCK,
    "code": "ABE-2",
    "created_at": "2024-03-01T00:00:00Z",
    "external_id": "wh_east",
    "extra": {},
    "name": "Allentown",
    "trackstar_tags": None,
    "updated_at": "2026-01-01T00:00:00Z",
}
CUSTOMER = {
    "created_at": "2024-05-10T00:00:00Z",
    "email": "ops@northbay.example",
    "external_id": "wc_204",
    "extra": {},
    "name": "Northbay Goods",
    "updated_at": "2025-12-01T00:00:00Z",
}
SHIPPING_METHOD = {
    "carrier_id": "ups",
    "carrier_name": "UPS",
    "created_at": "2024-03-01T00:00:00Z",
    "external_id": "ups_ground",
    "extra": {},
    "name": "UPS Ground",
    "scac": "UPSN",
    "updated_at": "2024-03-01T00:00:00Z",
}

NAMED = {
    "created_at": "2025-01-15T00:00:00Z",
    "extra": {},
    "updated_at": "2025-01-15T00:00:00Z",
    "warehouse_customer_id": "wc_204",
}
SUPPLIER = NAMED | {"external_id": "sup_3", "name": "Clayworks"}
CHANNEL = NAMED | {"external_id": "shopify-nb", "name": "Northbay Shopify"}
LOCATION = {
    "created_at": "2024-03-02T00:00:00Z",
    "external_id": "A-01-03",
    "extra": {},
    "measurements": {
        "height": "60",
        "length": "48",
        "unit": "in",
        "weight": None,
        "weight_unit": None,
        "width": "40",
    },
    "name": "A-01-03",
    "type": "bin",
    "updated_at": "2024-03-02T00:00:00Z",
    "warehouse_id": "wh_east",
}
BILL = {
    "amount": "3.25",
    "charge_type": "pick_and_pack",
    "created_at": "2026-02-05T00:00:00Z",
    "currency_code": "USD",
    "external_id": "bill_9001",
    "extra": {},
    "object_id": "T3JkZXI6NzcwMTE=",
    "object_type": "order",
    "updated_at": "2026-02-05T00:00:00Z",
    "warehouse_customer_id": "wc_204",
}
RETURN = {
    "created_at": "2026-02-06T12:00:00Z",
    "external_id": "ret_71",
    "external_system_url": None,
    "extra": {},
    "line_items": [
        {
            "expected_quantity": "1",
            "inventory_item_id": "inv_88",
            "received_quantity": "1",
            "restocked_quantity": "0",
            "return_reason": "Damaged",
            "sku": "MUG-BLU",
        }
    ],
    "notes": ["chipped rim"],
    "order_id": "T3JkZXI6NzcwMTE=",
    "raw_status": "Complete",
    "shipments": [
        {
            "arrived_date": "2026-02-09T16:00:00Z",
            "carrier_id": "usps",
            "carrier_name": "USPS",
            "line_items": [
                {
                    "inventory_item_id": "inv_88",
                    "quantity": "1",
                    "receiving_details": [{"condition": "damaged", "disposition": "discarded", "quantity": "1"}],
                    "sku": "MUG-BLU",
                }
            ],
            "measurements": dict.fromkeys(("height", "length", "unit", "weight", "weight_unit", "width")),
            "scac": None,
            "shipped_date": "2026-02-07T00:00:00Z",
            "shipping_cost": "5.2",
            "tracking_number": "9400EXAMPLE",
            "warehouse_id": "wh_east",
        }
    ],
    "status": "received",
    "trackstar_tags": [],
    "updated_at": "2026-02-09T16:20:00Z",
    "warehouse_customer_id": "wc_204",
}


def sample(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return loaded


def read(entity: Entity, *items: dict[str, Any]) -> list[Record]:
    """The items as Trackstar would send them, through the connector."""
    body = json.dumps({"data": items, "next_token": None, "total_count": len(items)}).encode()
    with Server(lambda call: Reply(body)) as server:
        client = Client(server.url, private_hosts=frozenset({server.host}))
        # Warehouse locations are listed by warehouse.
        cursor = {"left": ["wh_east"], "token": None, "more": None} if entity is Entity.WAREHOUSE_LOCATIONS else None
        page = Trackstar.resources[entity].fetch(client, FetchRequest(), cursor)
        client.close()
    assert not page.rejected
    return list(page.records)


def exported(record: Record) -> dict[str, Any]:
    """A record as `export` writes it: without its version, missing as null, keys sorted."""

    def whole(value: Any) -> Any:
        if isinstance(value, msgspec.Struct):
            fields = {name: whole(getattr(value, name)) for name in sorted(value.__struct_fields__)}
            return {name: item for name, item in fields.items() if name != "version_at"}
        if isinstance(value, list):
            return [whole(item) for item in value]
        if isinstance(value, dict):
            return {key: whole(item) for key, item in sorted(value.items())}
        return None if value is msgspec.UNSET else msgspec.to_builtins(value)

    found: dict[str, Any] = whole(record)
    return found


@pytest.mark.parametrize(
    ("entity", "name", "expected"),
    [
        (Entity.ORDERS, "order", ORDER),
        (Entity.INVENTORY, "inventory", INVENTORY),
        (Entity.PRODUCTS, "product", PRODUCT),
        (Entity.INBOUND_SHIPMENTS, "inbound-shipment", INBOUND),
        (Entity.WAREHOUSES, "warehouse", WAREHOUSE),
        (Entity.CUSTOMERS, "warehouse-customer", CUSTOMER),
        (Entity.SHIPPING_METHODS, "shipping-method", SHIPPING_METHOD),
        (Entity.RETURNS, "return", RETURN),
        (Entity.WAREHOUSE_LOCATIONS, "warehouse-location", LOCATION),
        (Entity.SUPPLIERS, "supplier", SUPPLIER),
        (Entity.ORDER_CHANNELS, "order-channel", CHANNEL),
        (Entity.BILLS, "bill", BILL),
    ],
)
def test_sample_becomes_its_record(entity: Entity, name: str, expected: dict[str, Any]) -> None:
    """One vocabulary, whatever the WMS."""
    (record,) = read(entity, sample(name))
    assert exported(record) == expected
    assert list(exported(record)) == sorted(expected)


def test_shipment_is_parsed_inside_its_order() -> None:
    (record,) = read(Entity.ORDERS, sample("order") | {"shipments": [sample("order-shipment")]})
    assert exported(record) == ORDER | {"shipments": [SHIPMENT]}
    assert record.shipments[0].version_at == record.version_at


def test_every_sample_is_used() -> None:
    text = Path(__file__).read_text()
    names = [path.stem for path in SAMPLES.glob("*.json")]
    assert len(names) == 13
    assert all(f'"{name}"' in text for name in names)


def test_trackstars_stamp_is_the_version() -> None:
    (with_stamp,) = read(Entity.ORDERS, sample("order"))
    (without,) = read(Entity.INVENTORY, sample("inventory"))
    assert with_stamp.version_at == datetime(2026, 2, 4, 19, 0, 37, tzinfo=UTC)
    assert without.version_at is msgspec.UNSET
