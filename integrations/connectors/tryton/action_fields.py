"""The fields of what Packr changes in Tryton. Facts: trytond_sale, _stock and _product 8.2."""

from ..actions import Field, FieldKind

ADDRESS = (
    Field("full_name", "Full name"),
    Field("address1", "Address", required=True),
    Field("address2", "Address, second line"),
    Field("city", "City", required=True),
    Field("postal_code", "Postal code", required=True),
    Field("country", "Country", required=True, help="Two letters, such as US."),
)
SKU = Field("sku", "SKU", FieldKind.SKU, required=True)
ORDER_LINE = (
    SKU,
    Field("quantity", "Quantity", FieldKind.DECIMAL, required=True, minimum=0),
    Field("unit_price", "Unit price", FieldKind.DECIMAL, required=True, minimum=0),
)
INBOUND_LINE = (
    SKU,
    Field("expected_quantity", "Quantity", FieldKind.DECIMAL, required=True, minimum=0),
    Field("unit_cost", "Unit cost", FieldKind.DECIMAL, required=True, minimum=0),
)
SHIP_TO_HELP = "Without it the order goes to the customer's own delivery address."
PARTY_HELP = "The code or the exact name of a party."
CREATE_ORDER = (
    Field("order_number", "Your reference", help="Tryton gives the order a number of its own."),
    Field("party", "Customer in Tryton", required=True, help=PARTY_HELP),
    Field("warehouse_id", "Warehouse", FieldKind.WAREHOUSE),
    Field("line_items", "Lines", FieldKind.LINES, required=True, fields=ORDER_LINE),
    Field("ship_to_address", "Ship to", FieldKind.ADDRESS, help=SHIP_TO_HELP, fields=ADDRESS),
    Field("shipping_method_id", "Shipping method", FieldKind.SHIPPING_METHOD),
    Field("required_ship_date", "Ship by", FieldKind.DAY),
    Field("packing_note", "Comment"),
)
WAREHOUSE = Field("warehouse_id", "Warehouse", FieldKind.WAREHOUSE, required=True)
EXPECTED_ARRIVAL = Field("expected_arrival_date", "Expected arrival", FieldKind.DAY)
CREATE_INBOUND = (
    Field("purchase_order_number", "Your reference"),
    Field("supplier", "Supplier in Tryton", required=True, help=PARTY_HELP),
    WAREHOUSE,
    EXPECTED_ARRIVAL,
    Field("line_items", "Lines", FieldKind.LINES, required=True, fields=INBOUND_LINE),
)
UPDATE_INBOUND = (EXPECTED_ARRIVAL, Field("reference", "Your reference"))
COUNT_HELP = "The units counted in the warehouse’s storage, without those in its receiving and shipping zones."
ADJUST = (WAREHOUSE, Field("quantity", "Set to", FieldKind.DECIMAL, required=True, minimum=0, help=COUNT_HELP))
UPDATE_PRODUCT = (Field("name", "Name", required=True, help="Variants of one product share its name."),)
