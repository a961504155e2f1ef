"""The data screens, each described once: its columns, what it searches, how it is sorted and filtered."""

from .base import PER_PAGE, Column, Lines, Related, Screen, Sort
from .filters import Filter
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

__all__ = [
    "BILLS",
    "BY_NAME",
    "CUSTOMERS",
    "INBOUND_SHIPMENTS",
    "INVENTORY",
    "ORDERS",
    "ORDER_CHANNELS",
    "ORDER_SHIPMENTS",
    "PER_PAGE",
    "PRODUCTS",
    "RETURNS",
    "SCREENS",
    "SHIPPING_METHODS",
    "SUPPLIERS",
    "WAREHOUSES",
    "WAREHOUSE_LOCATIONS",
    "Column",
    "Filter",
    "Lines",
    "Related",
    "Screen",
    "Sort",
]
