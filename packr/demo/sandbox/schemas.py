"""The bodies of writes to ShipHero through Trackstar. Facts: Trackstar's OpenAPI document, October 2025."""

from .entities import ADDRESS11, MEASUREMENTS
from .validation import BodyField, Schema

_text, _whole, _number = BodyField("text"), BodyField("whole"), BodyField("number")
_ADDRESS: Schema = dict.fromkeys(ADDRESS11, _text) | {
    name: BodyField("text", required=True)
    for name in ("full_name", "address1", "city", "state", "postal_code", "country")
}
_ORDER_LINE: Schema = {
    "sku": BodyField("text", required=True),
    "quantity": BodyField("whole", required=True),
    "unit_price": BodyField("number", required=True),
    "product_id": _text,
    "discount_amount": _number,
    "warehouse_id": _text,
}
_CHANNEL: Schema = {"channel_id": _text, "channel_name": _text}
_ORDER: Schema = {
    "order_number": _text,
    "ship_to_address": BodyField("object", fields=_ADDRESS),
    "line_items": BodyField("list", fields=_ORDER_LINE),
    "channel_object": BodyField("object", fields=_CHANNEL),
    "tags": BodyField("texts"),
    "trackstar_tags": BodyField("any"),
    **dict.fromkeys(
        [
            "warehouse_customer_id",
            "reference_id",
            "packing_note",
            "shipping_method_id",
            "shipping_method_name",
            "carrier_id",
            "service_level",
            "trading_partner",
            "invoice_currency_code",
        ],
        _text,
    ),
    **dict.fromkeys(["shipping_price", "total_price", "total_tax", "total_discount", "total_shipping"], _number),
}
_SUPPLIER: Schema = {"supplier_id": _text, "supplier_name": _text}
_INBOUND_LINE: Schema = {
    "sku": BodyField("text", required=True),
    "expected_quantity": BodyField("whole", required=True),
    "expected_weight": _number,
    "expected_weight_unit": BodyField("text", choices=("kg", "oz", "lb")),
    "unit_cost": _number,
    "external_id": _text,
}
_INBOUND: Schema = {
    "warehouse_id": _text,
    "purchase_order_number": _text,
    "expected_arrival_date": BodyField("date"),
    "shipping_price": _number,
    "line_items": BodyField("list", fields=_INBOUND_LINE),
    "warehouse_customer_id": _text,
    "supplier_object": BodyField("object", fields=_SUPPLIER),
    "tax": _number,
    "tracking_number": _text,
}
_RECEIVED: Schema = {"sku": BodyField("text", required=True), "quantity": BodyField("whole", required=True)}
_PRODUCT: Schema = {
    "name": _text,
    "gtin": _text,
    "warehouse_id": _text,
    "warehouse_customer_id": _text,
    "measurements": BodyField("object", fields=dict.fromkeys(MEASUREMENTS, BodyField("any"))),
}


def _requiring(schema: Schema, *names: str) -> Schema:
    return {name: BodyField(f.kind, name in names or f.required, f.fields, f.choices) for name, f in schema.items()}


CREATE_ORDER = _requiring(_ORDER, "order_number", "ship_to_address", "line_items")
UPDATE_ORDER = _ORDER | {"status": BodyField("text", choices=("fulfilled",))}
SHIP: Schema = {
    "shipped_date": BodyField("date"),
    "tracking_number": _text,
    "tracking_url": _text,
    "carrier_id": _text,
    "shipping_method_id": _text,
    "shipping_cost": _number,
    "warehouse_id": _text,
    "measurements": BodyField("any"),
    "packages": BodyField("list", fields={"package_id": _text, "tracking_number": _text}),
}
CREATE_INBOUND = _requiring(
    _INBOUND, "warehouse_id", "purchase_order_number", "expected_arrival_date", "shipping_price", "line_items"
)
CREATE_INBOUND["line_items"] = BodyField(
    "list", True, _requiring(_INBOUND_LINE, "expected_weight", "unit_cost", "sku", "expected_quantity")
)
UPDATE_INBOUND: Schema = {
    name: _INBOUND[name] for name in ("expected_arrival_date", "shipping_price", "line_items", "tracking_number")
} | {"status": BodyField("text", choices=("open", "received", "cancelled"))}
RECEIVE: Schema = {
    "line_items": BodyField("list", True, _RECEIVED),
    "warehouse_location_id": _text,
    "warehouse_id": _text,
}
ADJUST: Schema = {
    "quantity": BodyField("whole", True),
    "adjustment_type": BodyField("text", True, choices=("increase", "decrease")),
    "warehouse_id": BodyField("text", True),
    "location_id": _text,
}
UPDATE_PRODUCT = _PRODUCT
CREATE_PRODUCT: Schema = {"sku": BodyField("text", True), **_requiring(_PRODUCT, "name")}
