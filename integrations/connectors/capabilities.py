"""What each connector offers, derived from its tables."""

from dataclasses import dataclass

from ..entities import Entity
from .actions import ActionKind
from .base import Connector
from .registry import CONNECTORS


@dataclass(frozen=True, slots=True)
class WmsCapabilities:
    """One WMS of the catalogue. `reads` maps every entity to how it is read; empty if it is not offered."""

    connector: type[Connector]
    reads: dict[Entity, str]

    @property
    def needs(self) -> list[str]:
        """What people need at hand to connect it."""
        address = [] if self.connector.base_url else ["server address"]
        return address + [credential.noun for credential in self.connector.credentials if credential.required]


def capabilities() -> dict[str, dict[str, dict[str, bool]]]:
    """Return by connector and entity whether the entity is read, and which actions it has."""
    return {
        slug: {
            entity.value: {"read": entity in connector.entities()}
            | {kind.value: kind in connector.actions for kind in ActionKind if kind.entity == entity}
            for entity in Entity
        }
        for slug, connector in CONNECTORS.items()
    }


def offers() -> list[WmsCapabilities]:
    """Return the catalogue, sorted by name."""
    found = [
        WmsCapabilities(connector, {entity: _how_read(connector, entity) for entity in Entity})
        for connector in CONNECTORS.values()
    ]
    return sorted(found, key=lambda offer: offer.connector.label.casefold())


def _how_read(connector: type[Connector], entity: Entity) -> str:
    if entity not in connector.entities():
        return ""
    parent = connector.read_with.get(entity)
    return f"Read with {parent.label.lower()}" if parent else "Read"
