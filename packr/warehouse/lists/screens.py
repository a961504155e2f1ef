"""The data screens, each described once: its columns, search, sort and filters."""

from .reference_screens import CUSTOMERS, ORDER_CHANNELS, SHIPPING_METHODS, SUPPLIERS, WAREHOUSE_LOCATIONS, WAREHOUSES
from .transaction_screens import BILLS, INBOUND_SHIPMENTS, INVENTORY, ORDER_SHIPMENTS, ORDERS, PRODUCTS, RETURNS

SCREENS = (
    ORDERS,
    ORDER_SHIPMENTS,
    INVENTORY,
    INBOUND_SHIPMENTS,
    PRODUCTS,
    CUSTOMERS,
    RETURNS,
    WAREHOUSES,
    WAREHOUSE_LOCATIONS,
    SHIPPING_METHODS,
    SUPPLIERS,
    ORDER_CHANNELS,
    BILLS,
)
BY_NAME = {screen.name: screen for screen in SCREENS}
