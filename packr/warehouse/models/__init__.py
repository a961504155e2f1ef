"""The tables of the mirror, one per entity, and what Packr keeps about them."""

from .bills import Bill
from .history import RecordChange
from .inbound import InboundLine, InboundShipment
from .live_lookup import Look
from .metrics import KitPart, ProcessingMark, SkuMetrics
from .mirrored import Mirrored
from .orders import Order, OrderLine, OrderShipment
from .overrides import Override
from .reference_data import Customer, OrderChannel, ShippingMethod, Supplier, Warehouse, WarehouseLocation
from .returns import Return, ReturnLine
from .saved import SavedView
from .stock import InventoryItem, InventoryLevel, Product

__all__ = [
    "Bill",
    "Customer",
    "InboundLine",
    "InboundShipment",
    "InventoryItem",
    "InventoryLevel",
    "KitPart",
    "Look",
    "Mirrored",
    "Order",
    "OrderChannel",
    "OrderLine",
    "OrderShipment",
    "Override",
    "ProcessingMark",
    "Product",
    "RecordChange",
    "Return",
    "ReturnLine",
    "SavedView",
    "ShippingMethod",
    "SkuMetrics",
    "Supplier",
    "Warehouse",
    "WarehouseLocation",
]
