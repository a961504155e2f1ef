"""The fields of Trackstar's writes, and the bodies made of them.

Facts: OpenAPI document (October 2025), the schemas of ShipHero through Trackstar, which hold the base schemas' names.
What other integrations require beyond that they say in a refusal, beside the field.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ..actions import Field

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
CREATE_ORDER = (
    Field("order_number", "Order number", required=True),
    Field("warehouse_customer_id", "Customer", "customer", help="Needed where the account has several customers."),
    Field(
        "line_items",
        "Lines",
        "lines",
        required=True,
        fields=(
            Field("sku", "SKU", "sku", required=True),
            Field("quantity", "Quantity", "integer", required=True, least=1),
            Field("unit_price", "Unit price", "decimal", required=True, least=0),
            Field("warehouse_id", "Warehouse", "warehouse"),
        ),
    ),
    Field("ship_to_address", "Ship to", "address", required=True, fields=ADDRESS),
    Field("shipping_method_id", "Shipping method", "shipping-method"),
    Field("shipping_price", "Shipping price", "decimal", least=0),
    Field("packing_note", "Packing note"),
)
CREATE_INBOUND = (
    Field("purchase_order_number", "Purchase order number", required=True),
    Field("warehouse_id", "Warehouse", "warehouse", required=True),
    Field("warehouse_customer_id", "Customer", "customer", help="Needed where the account has several customers."),
    Field("supplier_id", "Supplier", "supplier"),
    Field("expected_arrival_date", "Expected arrival", "day", required=True),
    Field("shipping_price", "Shipping price", "decimal", required=True, least=0),
    Field("tracking_number", "Tracking number"),
    Field(
        "line_items",
        "Lines",
        "lines",
        required=True,
        fields=(
            Field("sku", "SKU", "sku", required=True),
            Field("expected_quantity", "Quantity", "integer", required=True, least=1),
            Field("unit_cost", "Unit cost", "decimal", required=True, least=0),
            Field("expected_weight", "Weight of one", "decimal", required=True, least=0),
            Field("expected_weight_unit", "Weight unit", "choice", choices=(("lb", "lb"), ("oz", "oz"), ("kg", "kg"))),
        ),
    ),
)
UPDATE_INBOUND = (
    Field("expected_arrival_date", "Expected arrival", "day"),
    Field("tracking_number", "Tracking number"),
    Field(
        "status",
        "Status",
        "choice",
        choices=(("open", "Open"), ("received", "Received"), ("cancelled", "Cancelled")),
    ),
    Field(
        "line_items",
        "Lines",
        "lines",
        help="Only lines that it has already; new ones can't be added.",
        fields=(
            Field("sku", "SKU", "sku", required=True),
            Field("expected_quantity", "Quantity", "integer", required=True, least=0),
        ),
    ),
)
ADJUST = (
    Field(
        "adjustment_type",
        "Change",
        "choice",
        required=True,
        choices=(("increase", "Increase"), ("decrease", "Decrease")),
    ),
    Field("quantity", "Quantity", "integer", required=True, least=1),
    Field("warehouse_id", "Warehouse", "warehouse", required=True),
    Field("location_id", "Location", "location"),
)
UPDATE_PRODUCT = (
    Field("name", "Name"),
    Field("gtin", "GTIN", help="UPC, EAN or ISBN."),
)


def body(values: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """The body of a write: numbers as numbers, days as moments, and nothing that is empty (Trackstar refuses it)."""
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
        case "lines":
            return [body(line, field.fields) for line in value]
        case "address":
            return body(value, field.fields)
        case "day":
            return f"{value}T00:00:00Z"
        case "decimal":
            number = Decimal(str(value))
            return int(number) if number == number.to_integral_value() else float(number)
    return value


def same(found: Any, wanted: Any) -> bool:
    """Whether a record shows a value: numbers whatever their spelling, moments by their day."""
    if isinstance(found, datetime):
        return found.astimezone(UTC).date().isoformat() == str(wanted)[:10]
    if found == wanted:
        return True
    try:
        return Decimal(str(found)) == Decimal(str(wanted))
    except InvalidOperation:
        return False
