"""The mirror: what each WMS last said, one table an entity."""

from .inbound import InboundLine, InboundShipment
from .looks import Look
from .mirrored import Mirrored
from .orders import Order, OrderLine, OrderShipment
from .overrides import Override
from .setup import Customer, ShippingMethod, Warehouse
from .stock import InventoryItem, InventoryLevel, Product

__all__ = [
    "Customer",
    "InboundLine",
    "InboundShipment",
    "InventoryItem",
    "InventoryLevel",
    "Look",
    "Mirrored",
    "Order",
    "OrderLine",
    "OrderShipment",
    "Override",
    "Product",
    "ShippingMethod",
    "Warehouse",
]
