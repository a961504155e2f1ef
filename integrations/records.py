"""The records every connector speaks: plain typed data in Trackstar's unified vocabulary, without its deprecated names.

A field the WMS did not send is UNSET, which is not null: UNSET leaves what is stored, None clears it. Numbers are exact
decimals in text (`values.number`), times are aware UTC, ids are text byte for byte.
"""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from .entities import Entity

Text = str | None | UnsetType
Number = str | None | UnsetType
Time = datetime | None | UnsetType
Flag = bool | None | UnsetType


class Record(Struct, kw_only=True, frozen=True, gc=False):
    """What all records have.

    `updated_at` is the WMS's own stamp. `version_at` is for a WMS API that is itself a copy: when that copy last
    changed; it decides which of two versions is newer and is not part of the data.
    """

    external_id: str | UnsetType = UNSET
    created_at: Time = UNSET
    updated_at: Time = UNSET
    version_at: Time = UNSET
    extra: dict[str, Any] | UnsetType = UNSET


class FromAddress(Struct, kw_only=True, frozen=True, gc=False):
    address1: str | None = None
    address2: str | None = None
    address3: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class ToAddress(FromAddress, kw_only=True, frozen=True):
    full_name: str | None = None
    company: str | None = None
    phone_number: str | None = None
    email_address: str | None = None


class Measurements(Struct, kw_only=True, frozen=True, gc=False):
    length: str | None = None
    width: str | None = None
    height: str | None = None
    unit: str | None = None
    weight: str | None = None
    weight_unit: str | None = None


class Channel(Struct, kw_only=True, frozen=True, gc=False):
    channel_id: str | None = None
    channel_name: str | None = None


class Supplier(Struct, kw_only=True, frozen=True, gc=False):
    supplier_id: str | None = None
    supplier_name: str | None = None


class OrderLine(Struct, kw_only=True, frozen=True, gc=False):
    product_id: str | None = None
    sku: str | None = None
    quantity: str | None = None
    unit_price: str | None = None
    is_picked: bool | None = None
    discount_amount: str | None = None


class ShipmentLine(Struct, kw_only=True, frozen=True, gc=False):
    inventory_item_id: str | None = None
    sku: str | None = None
    quantity: str | None = None
    parent_product_id: str | None = None


class PackageLine(ShipmentLine, kw_only=True, frozen=True):
    lot_id: str | None = None
    expiration_date: datetime | None = None


class Package(Struct, kw_only=True, frozen=True, gc=False):
    package_id: str | None = None
    package_name: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    shipping_method_id: str | None = None
    shipping_method_name: str | None = None
    carrier_id: str | None = None
    carrier_name: str | None = None
    scac: str | None = None
    shipping_cost: str | None = None
    measurements: Measurements | None = None
    line_items: list[PackageLine] = field(default_factory=list)


class OrderShipment(Record, kw_only=True, frozen=True):
    """Goods that left (or will leave) for one order. `order_id` is the order's external id."""

    order_id: Text = UNSET
    shipment_id: Text = UNSET
    warehouse_id: Text = UNSET
    status: Text = UNSET
    raw_status: Text = UNSET
    shipped_date: Time = UNSET
    line_items: list[ShipmentLine] | UnsetType | None = UNSET
    ship_to_address: ToAddress | UnsetType | None = UNSET
    ship_from_address: FromAddress | UnsetType | None = UNSET
    packages: list[Package] | UnsetType | None = UNSET


class Order(Record, kw_only=True, frozen=True):
    """An order. `shipments` is set only by a connector that reads order shipments with their order."""

    warehouse_customer_id: Text = UNSET
    warehouse_id: Text = UNSET
    reference_id: Text = UNSET
    order_number: Text = UNSET
    status: Text = UNSET
    raw_status: Text = UNSET
    channel_object: Channel | UnsetType | None = UNSET
    type: Text = UNSET
    trading_partner: Text = UNSET
    service_level: Text = UNSET
    shipping_method_id: Text = UNSET
    shipping_method_name: Text = UNSET
    carrier_id: Text = UNSET
    carrier_name: Text = UNSET
    scac: Text = UNSET
    is_third_party_freight: Flag = UNSET
    third_party_freight_account_number: Text = UNSET
    first_party_freight_account_number: Text = UNSET
    invoice_currency_code: Text = UNSET
    total_price: Number = UNSET
    total_tax: Number = UNSET
    total_discount: Number = UNSET
    total_shipping: Number = UNSET
    ship_to_address: ToAddress | UnsetType | None = UNSET
    line_items: list[OrderLine] | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET
    required_ship_date: Time = UNSET
    saturday_delivery: Flag = UNSET
    signature_required: Flag = UNSET
    international_duty_paid_by: Text = UNSET
    shipments: list[OrderShipment] | UnsetType | None = UNSET
    external_system_url: Text = UNSET
    trackstar_tags: list[Any] | UnsetType | None = UNSET


class Counters(Struct, kw_only=True, frozen=True, gc=False):
    """Units of one item in one warehouse; None where the WMS has no such counter."""

    awaiting: str | None = None
    onhand: str | None = None
    committed: str | None = None
    unfulfillable: str | None = None
    fulfillable: str | None = None
    sellable: str | None = None


class Lot(Struct, kw_only=True, frozen=True, gc=False):
    lot_id: str | None = None
    onhand: str | None = None
    expiration_date: datetime | None = None
    warehouse_id: str | None = None


class ItemLocation(Struct, kw_only=True, frozen=True, gc=False):
    location_id: str | None = None
    quantity: str | None = None
    warehouse_id: str | None = None


class InventoryItem(Record, kw_only=True, frozen=True):
    """One item on the shelf, all its warehouses inside."""

    warehouse_customer_id: Text = UNSET
    name: Text = UNSET
    sku: Text = UNSET
    unit_cost: Number = UNSET
    active: Flag = UNSET
    awaiting: Number = UNSET
    onhand: Number = UNSET
    committed: Number = UNSET
    unfulfillable: Number = UNSET
    fulfillable: Number = UNSET
    sellable: Number = UNSET
    substitute_skus: list[str] | UnsetType | None = UNSET
    inventory_by_warehouse_id: dict[str, Counters] | UnsetType | None = UNSET
    lots: list[Lot] | UnsetType | None = UNSET
    locations: list[ItemLocation] | UnsetType | None = UNSET
    measurements: Measurements | UnsetType | None = UNSET
    external_system_url: Text = UNSET
    trackstar_tags: list[Any] | UnsetType | None = UNSET


class ProductItem(Struct, kw_only=True, frozen=True, gc=False):
    inventory_item_id: str | None = None
    sku: str | None = None
    unit_quantity: str | None = None


class SupplierProduct(Supplier, kw_only=True, frozen=True):
    external_id: str | None = None
    unit_cost: str | None = None


class Product(Record, kw_only=True, frozen=True):
    """What is sold; it maps to one or more inventory items."""

    warehouse_customer_id: Text = UNSET
    name: Text = UNSET
    sku: Text = UNSET
    gtin: Text = UNSET
    unit_price: Number = UNSET
    inventory_items: list[ProductItem] | UnsetType | None = UNSET
    is_kit: Flag = UNSET
    active: Flag = UNSET
    supplier_object: Supplier | UnsetType | None = UNSET
    country_of_origin: Text = UNSET
    harmonized_code: Text = UNSET
    supplier_products: list[SupplierProduct] | UnsetType | None = UNSET
    external_system_url: Text = UNSET
    trackstar_tags: list[Any] | UnsetType | None = UNSET


class InboundLine(Struct, kw_only=True, frozen=True, gc=False):
    inventory_item_id: str | None = None
    sku: str | None = None
    expected_quantity: str | None = None
    received_quantity: str | None = None
    unit_cost: str | None = None
    external_id: str | None = None


class ReceiptLine(Struct, kw_only=True, frozen=True, gc=False):
    inventory_item_id: str | None = None
    sku: str | None = None
    quantity: str | None = None


class Receipt(Struct, kw_only=True, frozen=True, gc=False):
    id: str | None = None
    arrived_date: datetime | None = None
    line_items: list[ReceiptLine] = field(default_factory=list)


class InboundShipment(Record, kw_only=True, frozen=True):
    """Goods on their way in. `kind` is purchase, transfer, assembly or other."""

    kind: Text = UNSET
    warehouse_customer_id: Text = UNSET
    purchase_order_number: Text = UNSET
    status: Text = UNSET
    raw_status: Text = UNSET
    supplier_object: Supplier | UnsetType | None = UNSET
    expected_arrival_date: Time = UNSET
    warehouse_id: Text = UNSET
    line_items: list[InboundLine] | UnsetType | None = UNSET
    receipts: list[Receipt] | UnsetType | None = UNSET
    ship_from_address: FromAddress | UnsetType | None = UNSET
    tracking_numbers: list[str] | UnsetType | None = UNSET
    notes: list[str] | UnsetType | None = UNSET
    external_system_url: Text = UNSET
    trackstar_tags: list[Any] | UnsetType | None = UNSET


class Customer(Record, kw_only=True, frozen=True):
    """One of the WMS's customer accounts (a merchant), not a shopper."""

    name: Text = UNSET
    email: Text = UNSET


class Warehouse(Record, kw_only=True, frozen=True):
    name: Text = UNSET
    code: Text = UNSET
    address: FromAddress | UnsetType | None = UNSET
    trackstar_tags: list[Any] | UnsetType | None = UNSET


class ShippingMethod(Record, kw_only=True, frozen=True):
    name: Text = UNSET
    carrier_id: Text = UNSET
    carrier_name: Text = UNSET
    scac: Text = UNSET


RECORDS: dict[Entity, type[Record]] = {
    Entity.ORDERS: Order,
    Entity.ORDER_SHIPMENTS: OrderShipment,
    Entity.INVENTORY: InventoryItem,
    Entity.PRODUCTS: Product,
    Entity.INBOUND_SHIPMENTS: InboundShipment,
    Entity.CUSTOMERS: Customer,
    Entity.WAREHOUSES: Warehouse,
    Entity.SHIPPING_METHODS: ShippingMethod,
}
