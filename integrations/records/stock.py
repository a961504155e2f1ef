"""Inventory items, which are stored, and products, which are sold."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from .common import Flag, Measurements, Number, Record, Supplier, Text


class Counters(Struct, kw_only=True, frozen=True, gc=False):
    """Units of one item in one warehouse. None means that the WMS has no such counter."""

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
    """One stored item, with its counters in all warehouses."""

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
    """A product that is sold. It consists of one or more inventory items."""

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
