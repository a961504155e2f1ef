"""The mirror: what each WMS last said, one table an entity."""

from .history import RecordChange
from .inbound import InboundLine, InboundShipment
from .looks import Look
from .metrics import KitPart, ProcessingMark, SkuMetrics
from .mirrored import Mirrored
from .orders import Order, OrderLine, OrderShipment
from .setup import Customer, ShippingMethod, Warehouse
from .stock import InventoryItem, InventoryLevel, Product

__all__ = [
    "Customer",
    "InboundLine",
    "InboundShipment",
    "InventoryItem",
    "InventoryLevel",
    "KitPart",
    "Look",
    "Mirrored",
    "Order",
    "OrderLine",
    "OrderShipment",
    "ProcessingMark",
    "Product",
    "RecordChange",
    "ShippingMethod",
    "SkuMetrics",
    "Warehouse",
]
