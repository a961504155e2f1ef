"""The benchmark WMS's records in Trackstar's form, each computed from its number.

A record is a pure function of (kind, number, revision, stamp), so a million of them need no memory until a page is
created. Field names are those of the Trackstar connector's samples.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

Record = dict[str, Any]
LINES = 3  # of an order
WAREHOUSES = ("wh_east", "wh_west")


def iso(moment: datetime) -> str:
    """Return a time in Trackstar's form."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def inventory(number: int, revision: int) -> Record:
    """Return one item, stored in one warehouse."""
    onhand = (number * 7 + revision * 13) % 500
    counters = {"awaiting": 100, "onhand": onhand, "committed": 6, "unfulfillable": 1, "fulfillable": onhand + 1}
    return {
        "warehouse_customer_id": f"wc_{number % 20}",
        "name": f"Blue mug, size {number % 40}",
        "sku": f"MUG-{number:07}",
        "unit_cost": 5.1,
        "active": True,
        **counters,
        "unsellable": 0,
        "sellable": onhand,
        "substitute_skus": [],
        "inventory_by_warehouse_id": {"wh_east": {**counters, "unsellable": None, "sellable": onhand}},
        "lots": [],
        "locations": [{"location_id": f"A-{number % 90}", "quantity": onhand, "warehouse_id": "wh_east"}],
        "measurements": {"length": 4, "width": 4, "height": 5, "unit": "in", "weight": 0.9, "weight_unit": "lb"},
        "external_system_url": None,
        "trackstar_tags": None,
    }


def order(number: int, revision: int) -> Record:
    """Return an unshipped order with its lines."""
    return {
        "warehouse_customer_id": f"wc_{number % 20}",
        "warehouse_id": WAREHOUSES[number % 2],
        "reference_id": f"5550{number:09}",
        "order_number": f"#NB-{number}",
        "status": "open" if revision % 2 == 0 else "processing",
        "raw_status": f"Step {revision}",
        "channel_object": {"channel_id": "shopify-nb", "channel_name": "Northbay Shopify"},
        "type": "d2c",
        "trading_partner": None,
        "service_level": "Standard",
        "shipping_method_id": "ups_ground",
        "shipping_method_name": "UPS Ground",
        "carrier_id": "ups",
        "carrier_name": "UPS",
        "scac": "UPSN",
        "is_third_party_freight": False,
        "third_party_freight_account_number": None,
        "first_party_freight_account_number": None,
        "invoice_currency_code": "USD",
        "total_price": 58.4,
        "total_tax": 4.4,
        "total_discount": 0,
        "total_shipping": 6,
        "ship_to_address": {
            "full_name": f"Ada Quill {number % 1000}",
            "company": None,
            "address1": f"{number % 90} Pier Rd",
            "address2": None,
            "address3": None,
            "city": "Portland",
            "state": "ME",
            "postal_code": "04101",
            "country": "US",
            "phone_number": None,
            "email_address": "ada@example.com",
        },
        "line_items": [_line(number, position, revision) for position in range(LINES)],
        "tags": ["vip"],
        "required_ship_date": None,
        "saturday_delivery": False,
        "signature_required": False,
        "international_duty_paid_by": None,
        "shipments": [],
        "external_system_url": None,
        "trackstar_tags": [],
    }


def _line(number: int, position: int, revision: int) -> Record:
    return {
        "product_id": f"products-{(number + position) % 5000}",
        "sku": f"MUG-{(number + position) % 5000:07}",
        "quantity": 1 + position + revision % 3,
        "unit_price": 24,
        "is_picked": revision > 0,
        "discount_amount": 0,
    }


def product(number: int, revision: int) -> Record:
    """Return a product with one inventory item."""
    return {
        "warehouse_customer_id": f"wc_{number % 20}",
        "name": f"Blue mug, size {number % 40}",
        "sku": f"MUG-{number:07}",
        "gtin": f"{4000000000000 + number}",
        "unit_price": 24 + revision,
        "inventory_items": [
            {"inventory_item_id": f"inventory-{number}", "sku": f"MUG-{number:07}", "unit_quantity": 1}
        ],
        "is_kit": False,
        "active": True,
        "supplier_object": {"supplier_id": "s1", "supplier_name": "Kiln & Co"},
        "country_of_origin": "PT",
        "harmonized_code": "691110",
        "supplier_products": [],
        "external_system_url": None,
        "trackstar_tags": [],
    }


def inbound_shipment(number: int, revision: int) -> Record:
    """Return an open inbound shipment."""
    line = {
        "inventory_item_id": f"inventory-{number}",
        "sku": f"MUG-{number:07}",
        "expected_quantity": 100,
        "received_quantity": revision,
        "unit_cost": 5.1,
        "external_id": None,
    }
    return {
        "warehouse_customer_id": f"wc_{number % 20}",
        "purchase_order_number": f"PO-{number}",
        "status": "open",
        "raw_status": "Open",
        "supplier_object": {"supplier_id": "s1", "supplier_name": "Kiln & Co"},
        "expected_arrival_date": "2026-03-01T00:00:00Z",
        "warehouse_id": WAREHOUSES[number % 2],
        "line_items": [line],
        "receipts": [],
        "ship_from_address": None,
        "tracking_numbers": [],
        "notes": [],
        "external_system_url": None,
        "trackstar_tags": [],
    }


def customer(number: int, revision: int) -> Record:
    """Return a merchant."""
    return {"name": f"Merchant {number}.{revision}", "email": f"merchant{number}@example.com"}


def warehouse(number: int, revision: int) -> Record:
    """Return a warehouse; stock is in the first two."""
    return {"name": f"Warehouse {number}.{revision}", "code": f"W{number}", "address": None, "trackstar_tags": []}


def shipping_method(number: int, revision: int) -> Record:
    """Return a shipping method."""
    return {"name": f"Ground {number}.{revision}", "carrier_id": "ups", "carrier_name": "UPS", "scac": "UPSN"}


# By the last part of the path at Trackstar.
MAKERS: dict[str, Callable[[int, int], Record]] = {
    "orders": order,
    "inventory": inventory,
    "inbound-shipments": inbound_shipment,
    "products": product,
    "warehouse-customers": customer,
    "warehouses": warehouse,
    "shipping-methods": shipping_method,
}


def identity(kind: str, number: int) -> str:
    """Return the id of a record."""
    return f"{kind}-{number}"


def encoded(kind: str, number: int, *, revision: int, created: str, stamp: str) -> bytes:
    """Return a record as sent over the wire; `stamp` is when it last changed, in the WMS and in the copy."""
    head = {
        "id": identity(kind, number),
        "created_date": created,
        "updated_date": stamp,
        "trackstar_created_date": created,
        "trackstar_updated_date": stamp,
    }
    body = MAKERS[kind](number, revision)
    return json.dumps({**head, **body, "additional_fields": {}}, separators=(",", ":")).encode()
