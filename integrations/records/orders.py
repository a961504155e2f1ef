"""Orders, their shipments, and the channels they come from."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from .common import Channel, Flag, FromAddress, Measurements, Number, Record, Text, Time, ToAddress


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
    """Goods sent, or to be sent, for one order. `order_id` is the order's external id."""

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


class OrderChannel(Record, kw_only=True, frozen=True):
    """A source of orders, such as a shop."""

    name: Text = UNSET
    warehouse_customer_id: Text = UNSET
