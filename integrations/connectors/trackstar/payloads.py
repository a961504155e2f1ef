"""What Trackstar sends, as far as Packr reads it.

Facts: Trackstar's OpenAPI document (October 2025), with `trackstar_updated_date` from its guides and agent skills of
2026; docs.trackstarhq.com and github.com/trackstarhq/documentation. Deprecated fields (`channel`, `shipping_method`,
`carrier`, `supplier`, `unsellable`) are left out on purpose; so is whatever else is not named here.

Keys are not promised to be there: at the top a missing one is UNSET, in nested objects None. Ids are declared as text
and money as numbers, but one price is documented as text, so both are taken either way.
"""

from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from ...records import Channel, Flag, FromAddress, Supplier, Text, ToAddress

Id = str | int | None
Num = int | Decimal | None
When = str | int | None


class Item(Struct, kw_only=True, gc=False):
    """What every record has."""

    id: Id = None
    created_date: When | UnsetType = UNSET
    updated_date: When | UnsetType = UNSET
    trackstar_updated_date: When | UnsetType = UNSET
    additional_fields: dict[str, Any] | UnsetType | None = UNSET


class Tagged(Item, kw_only=True):
    external_system_url: Text = UNSET
    trackstar_tags: list[Any] | UnsetType | None = UNSET


class Measurements(Struct, kw_only=True, gc=False):
    length: Num = None
    width: Num = None
    height: Num = None
    unit: str | None = None
    weight: Num = None
    weight_unit: str | None = None


class OrderLine(Struct, kw_only=True, gc=False):
    product_id: Id = None
    sku: str | None = None
    quantity: Num = None
    unit_price: Num = None
    is_picked: bool | None = None
    discount_amount: Num = None


class ShipmentLine(Struct, kw_only=True, gc=False):
    inventory_item_id: Id = None
    sku: str | None = None
    quantity: Num = None
    parent_product_id: Id = None


class PackageLine(ShipmentLine, kw_only=True):
    lot_id: Id = None
    expiration_date: When = None


class Package(Struct, kw_only=True, gc=False):
    package_id: Id = None
    package_name: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    shipping_method_id: Id = None
    shipping_method_name: str | None = None
    carrier_id: Id = None
    carrier_name: str | None = None
    scac: str | None = None
    shipping_cost: Num = None
    measurements: Measurements | None = None
    line_items: list[PackageLine] | None = None


class Shipment(Struct, kw_only=True, gc=False):
    """Goods sent for an order, inside that order: it has no times of its own and no endpoint."""

    shipment_id: Id = None
    warehouse_id: Id | UnsetType = UNSET
    status: Text = UNSET
    raw_status: Text = UNSET
    shipped_date: When | UnsetType = UNSET
    line_items: list[ShipmentLine] | UnsetType | None = UNSET
    ship_to_address: ToAddress | UnsetType | None = UNSET
    ship_from_address: FromAddress | UnsetType | None = UNSET
    packages: list[Package] | UnsetType | None = UNSET


class Order(Tagged, kw_only=True):
    warehouse_customer_id: Id | UnsetType = UNSET
    warehouse_id: Id | UnsetType = UNSET
    reference_id: Id | UnsetType = UNSET
    order_number: Id | UnsetType = UNSET
    status: Text = UNSET
    raw_status: Text = UNSET
    channel_object: Channel | UnsetType | None = UNSET
    type: Text = UNSET
    trading_partner: Text = UNSET
    service_level: Text = UNSET
    shipping_method_id: Id | UnsetType = UNSET
    shipping_method_name: Text = UNSET
    carrier_id: Id | UnsetType = UNSET
    carrier_name: Text = UNSET
    scac: Text = UNSET
    is_third_party_freight: Flag = UNSET
    third_party_freight_account_number: Text = UNSET
    first_party_freight_account_number: Text = UNSET
    invoice_currency_code: Text = UNSET
    total_price: Num | UnsetType = UNSET
    total_tax: Num | UnsetType = UNSET
    total_discount: Num | UnsetType = UNSET
    total_shipping: Num | UnsetType = UNSET
    ship_to_address: ToAddress | UnsetType | None = UNSET
    line_items: list[OrderLine] | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET
    required_ship_date: When | UnsetType = UNSET
    saturday_delivery: Flag = UNSET
    signature_required: Flag = UNSET
    international_duty_paid_by: Text = UNSET
    shipments: list[Shipment] | UnsetType | None = UNSET


class Counters(Struct, kw_only=True, gc=False):
    awaiting: Num = None
    onhand: Num = None
    committed: Num = None
    unfulfillable: Num = None
    fulfillable: Num = None
    sellable: Num = None


class Lot(Struct, kw_only=True, gc=False):
    lot_id: Id = None
    onhand: Num = None
    expiration_date: When = None
    warehouse_id: Id = None


class ItemLocation(Struct, kw_only=True, gc=False):
    location_id: Id = None
    quantity: Num = None
    warehouse_id: Id = None


class InventoryItem(Tagged, kw_only=True):
    warehouse_customer_id: Id | UnsetType = UNSET
    name: Text = UNSET
    sku: Text = UNSET
    unit_cost: Num | UnsetType = UNSET
    active: Flag = UNSET
    awaiting: Num | UnsetType = UNSET
    onhand: Num | UnsetType = UNSET
    committed: Num | UnsetType = UNSET
    unfulfillable: Num | UnsetType = UNSET
    fulfillable: Num | UnsetType = UNSET
    sellable: Num | UnsetType = UNSET
    substitute_skus: list[str] | UnsetType | None = UNSET
    inventory_by_warehouse_id: dict[str, Counters | None] | UnsetType | None = UNSET
    lots: list[Lot] | UnsetType | None = UNSET
    locations: list[ItemLocation] | UnsetType | None = UNSET
    measurements: Measurements | UnsetType | None = UNSET


class ProductItem(Struct, kw_only=True, gc=False):
    inventory_item_id: Id = None
    sku: str | None = None
    unit_quantity: Num = None


class SupplierProduct(Struct, kw_only=True, gc=False):
    supplier_id: Id = None
    supplier_name: str | None = None
    external_id: Id = None
    unit_cost: Num = None


class Product(Tagged, kw_only=True):
    warehouse_customer_id: Id | UnsetType = UNSET
    name: Text = UNSET
    sku: Text = UNSET
    gtin: Id | UnsetType = UNSET
    unit_price: Num | UnsetType = UNSET
    inventory_items: list[ProductItem] | UnsetType | None = UNSET
    is_kit: Flag = UNSET
    active: Flag = UNSET
    supplier_object: Supplier | UnsetType | None = UNSET
    country_of_origin: Text = UNSET
    harmonized_code: Id | UnsetType = UNSET
    supplier_products: list[SupplierProduct] | UnsetType | None = UNSET


class InboundLine(Struct, kw_only=True, gc=False):
    inventory_item_id: Id = None
    sku: str | None = None
    expected_quantity: Num = None
    received_quantity: Num = None
    unit_cost: Num = None
    external_id: Id = None


class ReceiptLine(Struct, kw_only=True, gc=False):
    inventory_item_id: Id = None
    sku: str | None = None
    quantity: Num = None


class Receipt(Struct, kw_only=True, gc=False):
    id: Id = None
    arrived_date: When = None
    line_items: list[ReceiptLine] | None = None


class InboundShipment(Tagged, kw_only=True):
    warehouse_customer_id: Id | UnsetType = UNSET
    purchase_order_number: Id | UnsetType = UNSET
    status: Text = UNSET
    raw_status: Text = UNSET
    supplier_object: Supplier | UnsetType | None = UNSET
    expected_arrival_date: When | UnsetType = UNSET
    warehouse_id: Id | UnsetType = UNSET
    line_items: list[InboundLine] | UnsetType | None = UNSET
    receipts: list[Receipt] | UnsetType | None = UNSET
    ship_from_address: FromAddress | UnsetType | None = UNSET
    tracking_numbers: list[str] | UnsetType | None = UNSET
    notes: list[str] | UnsetType | None = UNSET


class Customer(Item, kw_only=True):
    name: Text = UNSET
    email: Text = UNSET


class Warehouse(Item, kw_only=True):
    name: Text = UNSET
    code: Text = UNSET
    address: FromAddress | UnsetType | None = UNSET
    trackstar_tags: list[Any] | UnsetType | None = UNSET


class Location(Item, kw_only=True):
    name: Text = UNSET
    warehouse_id: Id | UnsetType = UNSET
    type: Text = UNSET
    measurements: Measurements | UnsetType | None = UNSET


class Named(Item, kw_only=True):
    """A supplier of inbound shipments, or an order channel."""

    name: Text = UNSET
    warehouse_customer_id: Id | UnsetType = UNSET


class Bill(Item, kw_only=True):
    """One charge, not an invoice."""

    warehouse_customer_id: Id | UnsetType = UNSET
    object_id: Id | UnsetType = UNSET
    object_type: Text = UNSET
    charge_type: Text = UNSET
    amount: Num | UnsetType = UNSET
    currency_code: Text = UNSET


class ShippingMethod(Item, kw_only=True):
    name: Text = UNSET
    carrier_id: Id | UnsetType = UNSET
    carrier_name: Text = UNSET
    scac: Text = UNSET


class ReturnLine(Struct, kw_only=True, gc=False):
    inventory_item_id: Id = None
    sku: str | None = None
    expected_quantity: Num = None
    received_quantity: Num = None
    restocked_quantity: Num = None
    return_reason: str | None = None


class ReceivingDetail(Struct, kw_only=True, gc=False):
    quantity: Num = None
    condition: str | None = None
    disposition: str | None = None


class ReturnShipmentLine(Struct, kw_only=True, gc=False):
    inventory_item_id: Id = None
    sku: str | None = None
    quantity: Num = None
    receiving_details: list[ReceivingDetail] | None = None


class ReturnShipment(Struct, kw_only=True, gc=False):
    tracking_number: str | None = None
    shipped_date: When = None
    arrived_date: When = None
    warehouse_id: Id = None
    carrier_id: Id = None
    carrier_name: str | None = None
    scac: str | None = None
    shipping_cost: Num = None
    measurements: Measurements | None = None
    line_items: list[ReturnShipmentLine] | None = None


class Return(Tagged, kw_only=True):
    warehouse_customer_id: Id | UnsetType = UNSET
    order_id: Id | UnsetType = UNSET
    status: Text = UNSET
    raw_status: Text = UNSET
    notes: list[str] | UnsetType | None = UNSET
    line_items: list[ReturnLine] | UnsetType | None = UNSET
    shipments: list[ReturnShipment] | UnsetType | None = UNSET
