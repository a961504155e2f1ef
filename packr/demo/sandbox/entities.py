"""What each entity looks like at Trackstar: its fields with their blanks, and what filters may name.

Facts: Trackstar's OpenAPI document of October 2025 and its guides of 2026.
"""

from .store import Record

DATES = ("created_date", "updated_date", "trackstar_created_date", "trackstar_updated_date")
TAGGABLE = ("inventory", "products", "orders", "inbound-shipments", "returns", "warehouses")
ADDRESS7: Record = dict.fromkeys(("address1", "address2", "address3", "city", "state", "postal_code", "country"))
ADDRESS11: Record = dict.fromkeys(
    ("full_name", "company", *ADDRESS7, "phone_number", "email_address"),
)
MEASUREMENTS: Record = dict.fromkeys(("length", "width", "height", "unit", "weight", "weight_unit"))
COUNTERS = ("awaiting", "onhand", "committed", "unfulfillable", "fulfillable", "unsellable", "sellable")

_COMMON = {
    "orders": "warehouse_customer_id warehouse_id reference_id order_number raw_status channel channel_object type "
    "trading_partner shipping_method service_level shipping_method_id shipping_method_name carrier_id carrier_name "
    "scac is_third_party_freight third_party_freight_account_number first_party_freight_account_number "
    "total_price total_tax total_discount total_shipping required_ship_date saturday_delivery signature_required "
    "international_duty_paid_by",
    "inventory": "warehouse_customer_id sku unit_cost",
    "products": "warehouse_customer_id sku gtin unit_price supplier supplier_object country_of_origin harmonized_code",
    "inbound-shipments": "warehouse_customer_id purchase_order_number raw_status supplier supplier_object "
    "expected_arrival_date warehouse_id",
    "returns": "warehouse_customer_id order_id raw_status",
    "warehouses": "code",
    "locations": "name warehouse_id type",
    "warehouse-customers": "email",
    "shipping-methods": "carrier carrier_id carrier_name scac",
    "suppliers": "name warehouse_customer_id",
    "channels": "name warehouse_customer_id",
    "billing": "warehouse_customer_id object_id object_type",
}

_OWN: dict[str, Record] = {
    "orders": {
        "status": "open",
        "invoice_currency_code": "USD",
        "ship_to_address": ADDRESS11,
        "line_items": [],
        "tags": [],
        "shipments": [],
    },
    "inventory": {
        "name": "",
        "active": True,
        **dict.fromkeys(COUNTERS, 0),
        "substitute_skus": [],
        "inventory_by_warehouse_id": {},
        "lots": [],
        "locations": [],
        "measurements": MEASUREMENTS,
    },
    "products": {"name": "", "inventory_items": [], "is_kit": False, "active": True, "supplier_products": []},
    "inbound-shipments": {
        "status": "open",
        "line_items": [],
        "receipts": [],
        "ship_from_address": ADDRESS7,
        "tracking_numbers": [],
        "notes": [],
    },
    "returns": {"status": "open", "notes": [], "line_items": [], "shipments": []},
    "warehouses": {"name": "", "address": ADDRESS7},
    "locations": {"measurements": MEASUREMENTS},
    "warehouse-customers": {"name": ""},
    "shipping-methods": {"name": ""},
    "suppliers": {},
    "channels": {},
    "billing": {"charge_type": "other", "amount": 0, "currency_code": "USD"},
}

_FILTERS: dict[str, dict[str, str]] = {
    "orders": {
        "status": "text",
        "warehouse_customer_id": "text",
        "channel": "text",
        "type": "text",
        "order_number": "number",
        "reference_id": "number",
        "required_ship_date": "day",
    },
    "inventory": {"warehouse_customer_id": "text", "active": "flag", "sku": "text"},
    "products": {"warehouse_customer_id": "text", "sku": "text"},
    "inbound-shipments": {
        "status": "text",
        "warehouse_customer_id": "text",
        "warehouse_id": "text",
        "expected_arrival_date": "date",
        "purchase_order_number": "text",
    },
    "returns": {"status": "text", "warehouse_customer_id": "text"},
    "locations": {"type": "text"},
    "suppliers": {"warehouse_customer_id": "text"},
    "channels": {"warehouse_customer_id": "text"},
    "billing": {"warehouse_customer_id": "text"},
}

ENTITIES = tuple(_OWN)
_ALIASES = {
    "inventory-items": "inventory",
    "bills": "billing",
    "customers": "warehouse-customers",
    "warehouse-locations": "locations",
    "order-channels": "channels",
}


def _blank(entity: str) -> Record:
    record: Record = {"id": "", **dict.fromkeys(DATES), **dict.fromkeys(_COMMON[entity].split()), **_OWN[entity]}
    if entity in TAGGABLE:
        record |= {"external_system_url": None, "trackstar_tags": []}
    return record | {"additional_fields": {}}


_BLANKS = {entity: _blank(entity) for entity in ENTITIES}


def blank(entity: str) -> Record:
    """Return a record of the entity with every field empty."""
    # One level of copying is enough, since no blank nests deeper; a general deep copy would dominate the cost.
    return {name: value.copy() if isinstance(value, (dict, list)) else value for name, value in _BLANKS[entity].items()}


def filters(entity: str) -> dict[str, str]:
    """Return the kind (date, day, text, number, flag, tags) of every field that a listing can be filtered by."""
    fields = dict.fromkeys(DATES, "date") | _FILTERS.get(entity, {})
    return fields | {"trackstar_tags": "tags"} if entity in TAGGABLE else fields


def keys(entity: str) -> dict[str, str]:
    """Return what a table stores beside each record: the filters, and a location's warehouse, which is in its path."""
    return filters(entity) | ({"warehouse_id": "text"} if entity == "locations" else {})


def entity_named(name: object) -> str | None:
    """Return the entity by the name that tests and people use (inbound_shipments, bills); None if there is none."""
    plain = str(name).replace("_", "-")
    plain = _ALIASES.get(plain, plain)
    return plain if plain in ENTITIES else None
