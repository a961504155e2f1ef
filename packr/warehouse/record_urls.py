"""Where records are shown."""

from django.urls import NoReverseMatch, reverse

from integrations.entities import Entity

from .mirror.schema import TABLES
from .models import Mirrored

ENTITIES = {table.model: entity for entity, table in TABLES.items()}
# The pages of one record.
DETAILS = {
    Entity.ORDERS: "order",
    Entity.INBOUND_SHIPMENTS: "inbound_shipment",
    Entity.INVENTORY: "inventory_item",
    Entity.PRODUCTS: "product",
}


def list_page(entity: Entity) -> str:
    """The address of an entity's list."""
    return reverse(entity.replace("-", "_"))


def page_of(row: Mirrored) -> str:
    """The address of the record's own page; of its list where it has none."""
    entity = ENTITIES[type(row)]
    try:
        return reverse(DETAILS[entity], args=[row.pk])
    except NoReverseMatch:
        return list_page(entity)
