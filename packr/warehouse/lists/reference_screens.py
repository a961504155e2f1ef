"""The screens of data that rarely changes: customers, warehouses, locations, methods, suppliers and channels."""

from integrations.entities import Entity

from ..models import Customer, OrderChannel, ShippingMethod, Supplier, Warehouse, WarehouseLocation
from .base import Column, Screen
from .transaction_screens import CUSTOMER, WAREHOUSE

CUSTOMERS = Screen(
    entity=Entity.CUSTOMERS,
    model=Customer,
    noun="customers",
    columns=(
        Column("name", "Name", "name"),
        Column("email", "Email"),
        Column("orders", "Orders", "leads", sorts=False, leads=("orders", "customer")),
        Column("stock", "Inventory", "leads", sorts=False, leads=("inventory", "customer")),
        Column("external_id", "ID", "code", sorts=False),
    ),
    searched=("name", "email"),
    searches="name or email",
    first_rows="first by name",
    order="name",
    name="customers",
    about="The WMS’s customer accounts: the merchants whose goods the warehouse keeps.",
)
WAREHOUSES = Screen(
    entity=Entity.WAREHOUSES,
    model=Warehouse,
    noun="warehouses",
    columns=(
        Column("name", "Name", "name"),
        Column("code", "Code", "code"),
        Column("orders", "Orders", "leads", sorts=False, leads=("orders", "warehouse")),
        Column("stock", "Inventory", "leads", sorts=False, leads=("inventory", "warehouse")),
        Column("places", "Locations", "leads", sorts=False, leads=("warehouse_locations", "warehouse")),
        Column("external_id", "ID", "code", sorts=False),
    ),
    searched=("name", "code"),
    searches="name or code",
    first_rows="first by name",
    order="name",
    name="warehouses",
    about="The warehouses in the WMS.",
)
WAREHOUSE_LOCATIONS = Screen(
    entity=Entity.WAREHOUSE_LOCATIONS,
    model=WarehouseLocation,
    noun="warehouse locations",
    columns=(
        Column("name", "Name", "name"),
        Column("warehouse_id", "Warehouse", "warehouse", sorts=False),
        Column("type", "Type", "word"),
        Column("external_id", "ID", "code", sorts=False),
    ),
    searched=("name", "type"),
    searches="name or type",
    first_rows="first by name",
    order="name",
    name="warehouse_locations",
    filters=(WAREHOUSE,),
    about="The places inside the warehouses that hold goods, such as shelves and pallets.",
)
SHIPPING_METHODS = Screen(
    entity=Entity.SHIPPING_METHODS,
    model=ShippingMethod,
    noun="shipping methods",
    columns=(
        Column("name", "Name", "name"),
        Column("carrier_name", "Carrier"),
        Column("external_id", "ID", "code", sorts=False),
    ),
    searched=("name", "carrier_name"),
    searches="name or carrier",
    first_rows="first by name",
    order="name",
    name="shipping_methods",
    about="The ways in which the warehouse can ship an order.",
)
SUPPLIERS = Screen(
    entity=Entity.SUPPLIERS,
    model=Supplier,
    noun="suppliers",
    columns=(
        Column("name", "Name", "name"),
        Column("warehouse_customer_id", "Customer", "customer", sorts=False),
        Column("inbound", "Inbound shipments", "leads", sorts=False, leads=("inbound_shipments", "supplier")),
        Column("external_id", "ID", "code", sorts=False),
    ),
    searched=("name",),
    searches="name",
    first_rows="first by name",
    order="name",
    name="suppliers",
    filters=(CUSTOMER,),
    about="The companies that send goods to the warehouse.",
)
ORDER_CHANNELS = Screen(
    entity=Entity.ORDER_CHANNELS,
    model=OrderChannel,
    noun="order channels",
    columns=(
        Column("name", "Name", "name"),
        Column("warehouse_customer_id", "Customer", "customer", sorts=False),
        Column("orders", "Orders", "leads", sorts=False, leads=("orders", "channel")),
        Column("external_id", "ID", "code", sorts=False),
    ),
    searched=("name",),
    searches="name",
    first_rows="first by name",
    order="name",
    name="order_channels",
    filters=(CUSTOMER,),
    about="Where orders come from, such as a shop or a marketplace.",
)
