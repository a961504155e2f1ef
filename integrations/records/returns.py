"""Returns: goods that shoppers send back."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from .common import Measurements, Record, Text


class ReturnLine(Struct, kw_only=True, frozen=True, gc=False):
    inventory_item_id: str | None = None
    sku: str | None = None
    expected_quantity: str | None = None
    received_quantity: str | None = None
    restocked_quantity: str | None = None
    return_reason: str | None = None


class ReceivingDetail(Struct, kw_only=True, frozen=True, gc=False):
    """How many units came back in one condition, and what was done with them."""

    quantity: str | None = None
    condition: str | None = None
    disposition: str | None = None


class ReturnShipmentLine(Struct, kw_only=True, frozen=True, gc=False):
    inventory_item_id: str | None = None
    sku: str | None = None
    quantity: str | None = None
    receiving_details: list[ReceivingDetail] = field(default_factory=list)


class ReturnShipment(Struct, kw_only=True, frozen=True, gc=False):
    """One parcel of a return."""

    tracking_number: str | None = None
    shipped_date: datetime | None = None
    arrived_date: datetime | None = None
    warehouse_id: str | None = None
    carrier_id: str | None = None
    carrier_name: str | None = None
    scac: str | None = None
    shipping_cost: str | None = None
    measurements: Measurements | None = None
    line_items: list[ReturnShipmentLine] = field(default_factory=list)


class Return(Record, kw_only=True, frozen=True):
    """Goods of one order on their way back. `order_id` is the order's external id."""

    warehouse_customer_id: Text = UNSET
    order_id: Text = UNSET
    status: Text = UNSET
    raw_status: Text = UNSET
    notes: list[str] | UnsetType | None = UNSET
    line_items: list[ReturnLine] | UnsetType | None = UNSET
    shipments: list[ReturnShipment] | UnsetType | None = UNSET
    external_system_url: Text = UNSET
    trackstar_tags: list[Any] | UnsetType | None = UNSET
