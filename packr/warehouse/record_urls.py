"""Addresses of the pages of records."""

from django.urls import reverse

from integrations.entities import Entity

from .lists.screens import SCREENS
from .models import InboundShipment, InventoryItem, Mirrored, Order, Product

# Models whose records have a history.
WITH_HISTORY = (Order, InventoryItem, InboundShipment, Product)
SCREEN_OF = {screen.model: screen for screen in SCREENS}


def entity_of(row: Mirrored) -> Entity:
    """Return the entity of a mirrored row."""
    return SCREEN_OF[type(row)].entity


def list_url(entity: Entity) -> str:
    """Return the address of an entity's list."""
    return reverse(entity.replace("-", "_"))


def record_url(row: Mirrored, *, is_removed: bool = False) -> str:
    """Return the address of a record's page; of its list if it has no page or is removed."""
    screen = SCREEN_OF[type(row)]
    return reverse(screen.detail, args=[row.pk]) if screen.detail and not is_removed else reverse(screen.name)


def history_url(row: Mirrored) -> str:
    """Return the address of a record's history. Only the models of WITH_HISTORY have one."""
    return reverse(f"{SCREEN_OF[type(row)].name}_history", args=[row.pk])
