"""The fields of what Packr changes in Tryton. Facts: trytond_sale, _stock and _product 8.2."""

from ..actions import Field

ADDRESS = (
    Field("full_name", "Full name"),
    Field("address1", "Address", required=True),
    Field("address2", "Address, second line"),
    Field("city", "City", required=True),
    Field("postal_code", "Postal code", required=True),
    Field("country", "Country", required=True, help="Two letters, such as US."),
)
SKU = Field("sku", "SKU", "sku", required=True)
ORDER_LINE = (
    SKU,
    Field("quantity", "Quantity", "decimal", required=True, least=0),
    Field("unit_price", "Unit price", "decimal", required=True, least=0),
)
INBOUND_LINE = (
    SKU,
    Field("expected_quantity", "Quantity", "decimal", required=True, least=0),
    Field("unit_cost", "Unit cost", "decimal", required=True, least=0),
)
SHIP_TO_HELP = "Without it the order goes to the customer's own delivery address."
PARTY_HELP = "The code or the exact name of a party."
CREATE_ORDER = (
    Field("order_number", "Your reference", help="Tryton gives the order a number of its own."),
    Field("party", "Customer in Tryton", required=True, help=PARTY_HELP),
    Field("warehouse_id", "Warehouse", "warehouse"),
    Field("line_items", "Lines", "lines", required=True, fields=ORDER_LINE),
    Field("ship_to_address", "Ship to", "address", help=SHIP_TO_HELP, fields=ADDRESS),
    Field("shipping_method_id", "Shipping method", "shipping-method"),
    Field("required_ship_date", "Ship by", "day"),
    Field("packing_note", "Comment"),
)
WAREHOUSE = Field("warehouse_id", "Warehouse", "warehouse", required=True)
EXPECTED_ARRIVAL = Field("expected_arrival_date", "Expected arrival", "day")
CREATE_INBOUND = (
    Field("purchase_order_number", "Your reference"),
    Field("supplier", "Supplier in Tryton", required=True, help=PARTY_HELP),
    WAREHOUSE,
    EXPECTED_ARRIVAL,
    Field("line_items", "Lines", "lines", required=True, fields=INBOUND_LINE),
)
UPDATE_INBOUND = (EXPECTED_ARRIVAL, Field("reference", "Your reference"))
COUNT_HELP = "The units counted in the warehouse's storage, without those in its receiving and shipping zones."
ADJUST = (WAREHOUSE, Field("quantity", "Set to", "decimal", required=True, least=0, help=COUNT_HELP))
UPDATE_PRODUCT = (Field("name", "Name", required=True, help="Variants of one product share its name."),)
