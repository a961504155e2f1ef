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
CREATE_ORDER = (
    Field("order_number", "Your reference", help="Tryton gives the order a number of its own."),
    Field("party", "Customer in Tryton", required=True, help="The code or the exact name of a party."),
    Field("warehouse_id", "Warehouse", "warehouse"),
    Field(
        "line_items",
        "Lines",
        "lines",
        required=True,
        fields=(
            Field("sku", "SKU", "sku", required=True),
            Field("quantity", "Quantity", "decimal", required=True, least=0),
            Field("unit_price", "Unit price", "decimal", required=True, least=0),
        ),
    ),
    Field(
        "ship_to_address",
        "Ship to",
        "address",
        help="Without it the order goes to the customer's own delivery address.",
        fields=ADDRESS,
    ),
    Field("shipping_method_id", "Shipping method", "shipping-method"),
    Field("required_ship_date", "Ship by", "day"),
    Field("packing_note", "Comment"),
)
CREATE_INBOUND = (
    Field("purchase_order_number", "Your reference"),
    Field("supplier", "Supplier in Tryton", required=True, help="The code or the exact name of a party."),
    Field("warehouse_id", "Warehouse", "warehouse", required=True),
    Field("expected_arrival_date", "Expected arrival", "day"),
    Field(
        "line_items",
        "Lines",
        "lines",
        required=True,
        fields=(
            Field("sku", "SKU", "sku", required=True),
            Field("expected_quantity", "Quantity", "decimal", required=True, least=0),
            Field("unit_cost", "Unit cost", "decimal", required=True, least=0),
        ),
    ),
)
UPDATE_INBOUND = (
    Field("expected_arrival_date", "Expected arrival", "day"),
    Field("reference", "Your reference"),
)
ADJUST = (
    Field("warehouse_id", "Warehouse", "warehouse", required=True),
    Field(
        "quantity",
        "Set to",
        "decimal",
        required=True,
        least=0,
        help="What was counted in the storage of the warehouse, without what lies in its receiving and shipping zones.",
    ),
)
UPDATE_PRODUCT = (Field("name", "Name", required=True, help="Variants of one product share its name."),)
