"""The fields of Trackstar's writes, and the bodies they become.

Facts: OpenAPI document (October 2025), the schemas of ShipHero through Trackstar, which hold the base schemas' names.
If another integration requires more, its refusal says so beside the field.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ..actions import Field, FieldKind

ADDRESS = (
    Field("full_name", "Full name", required=True),
    Field("company", "Company"),
    Field("address1", "Address", required=True),
    Field("address2", "Address, second line"),
    Field("city", "City", required=True),
    Field("state", "State", required=True),
    Field("postal_code", "Postal code", required=True),
    Field("country", "Country", required=True, help="Two letters, such as US."),
    Field("phone_number", "Phone"),
    Field("email_address", "Email"),
)
WEIGHT_UNITS = (("lb", "lb"), ("oz", "oz"), ("kg", "kg"))
CUSTOMER = Field(
    "warehouse_customer_id",
    "Customer",
    FieldKind.CUSTOMER,
    help="Required if the account has several customers.",
)
CREATE_ORDER = (
    Field("order_number", "Order number", required=True),
    CUSTOMER,
    Field(
        "line_items",
        "Lines",
        FieldKind.LINES,
        required=True,
        fields=(
            Field("sku", "SKU", FieldKind.SKU, required=True),
            Field("quantity", "Quantity", FieldKind.INTEGER, required=True, minimum=1),
            Field("unit_price", "Unit price", FieldKind.DECIMAL, required=True, minimum=0),
            Field("warehouse_id", "Warehouse", FieldKind.WAREHOUSE),
        ),
    ),
    Field("ship_to_address", "Ship to", FieldKind.ADDRESS, required=True, fields=ADDRESS),
    Field("shipping_method_id", "Shipping method", FieldKind.SHIPPING_METHOD),
    Field("shipping_price", "Shipping price", FieldKind.DECIMAL, minimum=0),
    Field("packing_note", "Packing note"),
)
CREATE_INBOUND = (
    Field("purchase_order_number", "Purchase order number", required=True),
    Field("warehouse_id", "Warehouse", FieldKind.WAREHOUSE, required=True),
    CUSTOMER,
    Field("supplier_id", "Supplier", FieldKind.SUPPLIER),
    Field("expected_arrival_date", "Expected arrival", FieldKind.DAY, required=True),
    Field("shipping_price", "Shipping price", FieldKind.DECIMAL, required=True, minimum=0),
    Field("tracking_number", "Tracking number"),
    Field(
        "line_items",
        "Lines",
        FieldKind.LINES,
        required=True,
        fields=(
            Field("sku", "SKU", FieldKind.SKU, required=True),
            Field("expected_quantity", "Quantity", FieldKind.INTEGER, required=True, minimum=1),
            Field("unit_cost", "Unit cost", FieldKind.DECIMAL, required=True, minimum=0),
            Field("expected_weight", "Unit weight", FieldKind.DECIMAL, required=True, minimum=0),
            Field(
                "expected_weight_unit",
                "Weight unit",
                FieldKind.CHOICE,
                choices=WEIGHT_UNITS,
            ),
        ),
    ),
)
UPDATE_INBOUND = (
    Field("expected_arrival_date", "Expected arrival", FieldKind.DAY),
    Field("tracking_number", "Tracking number"),
    Field(
        "status",
        "Status",
        FieldKind.CHOICE,
        choices=(("open", "Open"), ("received", "Received"), ("cancelled", "Cancelled")),
    ),
    Field(
        "line_items",
        "Lines",
        FieldKind.LINES,
        help="Only lines that it has already; new ones can’t be added.",
        fields=(
            Field("sku", "SKU", FieldKind.SKU, required=True),
            Field("expected_quantity", "Quantity", FieldKind.INTEGER, required=True, minimum=0),
        ),
    ),
)
ADJUST = (
    Field(
        "adjustment_type",
        "Change",
        FieldKind.CHOICE,
        required=True,
        choices=(("increase", "Increase"), ("decrease", "Decrease")),
    ),
    Field("quantity", "Quantity", FieldKind.INTEGER, required=True, minimum=1),
    Field("warehouse_id", "Warehouse", FieldKind.WAREHOUSE, required=True),
    Field("location_id", "Location", FieldKind.LOCATION),
)
UPDATE_PRODUCT = (
    Field("name", "Name"),
    Field("gtin", "GTIN", help="UPC, EAN or ISBN."),
)


def body(values: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """Return the body of a write: numbers as numbers, days as times, no empty values, since Trackstar refuses them."""
    made: dict[str, Any] = {}
    for field in fields:
        value = values.get(field.name)
        if value is None or value in ("", [], {}):
            continue
        if field.name == "supplier_id":
            made["supplier_object"] = {"supplier_id": value}
        else:
            made[field.name] = _on_the_wire(field, value)
    return made


def _on_the_wire(field: Field, value: Any) -> Any:
    match field.kind:
        case FieldKind.LINES:
            return [body(line, field.fields) for line in value]
        case FieldKind.ADDRESS:
            return body(value, field.fields)
        case FieldKind.DAY:
            return f"{value}T00:00:00Z"
        case FieldKind.DECIMAL:
            number = Decimal(str(value))
            return int(number) if number == number.to_integral_value() else float(number)
    return value


def same(found: Any, wanted: Any) -> bool:
    """Return whether a record shows a value. Numbers are compared as numbers, times by their day."""
    if isinstance(found, datetime):
        return found.astimezone(UTC).date().isoformat() == str(wanted)[:10]
    if found == wanted:
        return True
    try:
        return Decimal(str(found)) == Decimal(str(wanted))
    except InvalidOperation:
        return False
