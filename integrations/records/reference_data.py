"""Reference data, which rarely changes, and the charges of the warehouse."""

from typing import Any

from msgspec import UNSET, UnsetType

from .common import FromAddress, Measurements, Number, Record, Text


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


class WarehouseLocation(Record, kw_only=True, frozen=True):
    """A location inside a warehouse, such as a shelf."""

    name: Text = UNSET
    warehouse_id: Text = UNSET
    type: Text = UNSET
    measurements: Measurements | UnsetType | None = UNSET


class Bill(Record, kw_only=True, frozen=True):
    """One charge of the warehouse. `object_id` is the id of the object that caused it, `object_type` its type."""

    warehouse_customer_id: Text = UNSET
    object_id: Text = UNSET
    object_type: Text = UNSET
    charge_type: Text = UNSET
    amount: Number = UNSET
    currency_code: Text = UNSET
