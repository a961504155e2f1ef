"""Inbound shipments and their suppliers."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from .common import FromAddress, Record, Supplier, Text, Time


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
    """Goods on their way to a warehouse. `kind` is purchase, transfer, assembly or other."""

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


class InboundSupplier(Record, kw_only=True, frozen=True):
    """A supplier of inbound shipments."""

    name: Text = UNSET
    warehouse_customer_id: Text = UNSET
