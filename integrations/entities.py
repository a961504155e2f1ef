"""The types of warehouse data that Packr mirrors."""

from enum import StrEnum


class Entity(StrEnum):
    """One type of warehouse data, as written in commands and URLs."""

    ORDERS = "orders"
    ORDER_SHIPMENTS = "order-shipments"
    INVENTORY = "inventory"
    INBOUND_SHIPMENTS = "inbound-shipments"
    PRODUCTS = "products"
    CUSTOMERS = "customers"
    RETURNS = "returns"
    WAREHOUSES = "warehouses"
    WAREHOUSE_LOCATIONS = "warehouse-locations"
    SHIPPING_METHODS = "shipping-methods"
    SUPPLIERS = "suppliers"
    ORDER_CHANNELS = "order-channels"
    BILLS = "bills"

    @property
    def label(self) -> str:
        """The display name, such as `Inbound shipments`."""
        return self.value.replace("-", " ").capitalize()

    @property
    def is_history(self) -> bool:
        """Whether the entity grows with time and is read back to the start of the history. All others are state."""
        return self in HISTORY


HISTORY = frozenset({Entity.ORDERS, Entity.ORDER_SHIPMENTS, Entity.INBOUND_SHIPMENTS, Entity.RETURNS, Entity.BILLS})

# The groups of entities that can be synced together.
GROUPS: dict[str, tuple[Entity, ...]] = {
    "everything": tuple(Entity),
    "variants": (Entity.PRODUCTS, Entity.INVENTORY),
    "purchase-orders": (Entity.INBOUND_SHIPMENTS, Entity.SUPPLIERS),
}
