"""The records every connector produces: typed data with Trackstar's unified field names, without the deprecated ones.

A field the WMS did not send is UNSET, which is not null: UNSET keeps what is stored, None clears it. Numbers are exact
decimal text (`parsing.number`), times are aware UTC, ids are text byte for byte.
"""

from ..entities import Entity
from .common import Channel, Flag, FromAddress, Measurements, Number, Record, Supplier, Text, Time, ToAddress
from .inbound import InboundLine, InboundShipment, InboundSupplier, Receipt, ReceiptLine
from .orders import Order, OrderChannel, OrderLine, OrderShipment, Package, PackageLine, ShipmentLine
from .reference_data import Bill, Customer, ShippingMethod, Warehouse, WarehouseLocation
from .returns import ReceivingDetail, Return, ReturnLine, ReturnShipment, ReturnShipmentLine
from .stock import Counters, InventoryItem, ItemLocation, Lot, Product, ProductItem, SupplierProduct

RECORDS: dict[Entity, type[Record]] = {
    Entity.ORDERS: Order,
    Entity.ORDER_SHIPMENTS: OrderShipment,
    Entity.INVENTORY: InventoryItem,
    Entity.INBOUND_SHIPMENTS: InboundShipment,
    Entity.PRODUCTS: Product,
    Entity.CUSTOMERS: Customer,
    Entity.RETURNS: Return,
    Entity.WAREHOUSES: Warehouse,
    Entity.WAREHOUSE_LOCATIONS: WarehouseLocation,
    Entity.SHIPPING_METHODS: ShippingMethod,
    Entity.SUPPLIERS: InboundSupplier,
    Entity.ORDER_CHANNELS: OrderChannel,
    Entity.BILLS: Bill,
}

__all__ = [
    "RECORDS",
    "Bill",
    "Channel",
    "Counters",
    "Customer",
    "Flag",
    "FromAddress",
    "InboundLine",
    "InboundShipment",
    "InboundSupplier",
    "InventoryItem",
    "ItemLocation",
    "Lot",
    "Measurements",
    "Number",
    "Order",
    "OrderChannel",
    "OrderLine",
    "OrderShipment",
    "Package",
    "PackageLine",
    "Product",
    "ProductItem",
    "Receipt",
    "ReceiptLine",
    "ReceivingDetail",
    "Record",
    "Return",
    "ReturnLine",
    "ReturnShipment",
    "ReturnShipmentLine",
    "ShipmentLine",
    "ShippingMethod",
    "Supplier",
    "SupplierProduct",
    "Text",
    "Time",
    "ToAddress",
    "Warehouse",
    "WarehouseLocation",
]
