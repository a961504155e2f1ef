"""What each WMS offers, read from the connectors themselves."""

from dataclasses import dataclass

from ..entities import Entity
from .actions import ActionKind
from .base import Connector
from .registry import CONNECTORS


@dataclass(frozen=True, slots=True)
class Offer:
    """One WMS of the catalogue. `reads` has every entity: how it is read, or nothing when it is not offered."""

    connector: type[Connector]
    reads: dict[Entity, str]

    @property
    def needs(self) -> list[str]:
        """What has to be at hand to connect it."""
        address = [] if self.connector.base_url else ["server address"]
        return address + [one.label for one in self.connector.credentials if one.required]


def capabilities() -> dict[str, dict[str, dict[str, bool]]]:
    """What can be done with each entity, by connector and entity: whether it is read, and which actions there are."""
    return {
        slug: {
            entity.value: {"read": entity in connector.entities()}
            | {kind.value: kind in connector.actions for kind in ActionKind if kind.entity == entity}
            for entity in Entity
        }
        for slug, connector in CONNECTORS.items()
    }


def offers() -> list[Offer]:
    """The catalogue, by name."""
    found = [Offer(connector, _reads(connector)) for connector in CONNECTORS.values()]
    return sorted(found, key=lambda offer: offer.connector.label.casefold())


def _reads(connector: type[Connector]) -> dict[Entity, str]:
    can = capabilities()[connector.slug]
    return {entity: _how(connector, entity) if can[entity.value]["read"] else "" for entity in Entity}


def _how(connector: type[Connector], entity: Entity) -> str:
    parent = connector.read_with.get(entity)
    return f"Read with {parent.label.lower()}" if parent else "Read"
