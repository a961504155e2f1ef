"""One customer's account at the sandbox WMS: its tables, numbers, and the records the simulation may change."""

import threading
import uuid
from collections.abc import Callable
from random import Random
from typing import Any

from .entities import ENTITIES, keys
from .orders import UNFINISHED
from .reference_data import Catalogue
from .store import Record, RecordTable, iso

Clock = Callable[[], float]


# Records that the simulation may change, by the states in which it can.
_MOVING = {
    "orders": UNFINISHED,
    "inbound-shipments": ("open", "in-transit", "receiving"),
    "returns": ("open", "in-transit", "receiving"),
}


def connection_id(number: int) -> str:
    """Return the connection id of an account, which does not depend on the seed."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"packr:sandbox-wms:{number}"))


class SandboxAccount:
    """One customer's account: what one access token opens. Hold `lock` while reading or changing it."""

    def __init__(self, number: int, *, seed: int, clock: Clock) -> None:
        self.number = number
        self.name = f"sandbox-{number}"
        self.connection_id = connection_id(number)
        self.clock = clock
        self.lock = threading.RLock()
        self.started = clock()
        self.tables = {entity: RecordTable(keys(entity)) for entity in ENTITIES}
        self.moving: dict[str, dict[str, None]] = {entity: {} for entity in _MOVING}
        self.parts: dict[str, list[Record]] = {}
        self.goods = Catalogue()
        # Records changed through /_control: the simulation leaves them alone, so that tests find what they set.
        self.pinned: set[tuple[str, str]] = set()
        self.living = False
        self.held: dict[str, tuple[str, str | None]] = {}
        self.holds: dict[str, dict[str, bool]] = {}
        self.answers: dict[str, Any] = {}
        self.settings: Record = {"customer_id": None, "webhooks_disabled": False}
        self.calls = 0
        self.rng = Random(f"packr/{seed}/{number}/life")
        self._numbers = {"orders": 77_000}

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but what belongs to the running process."""
        return {name: value for name, value in vars(self).items() if name not in ("lock", "clock")}

    def number_for(self, kind: str) -> int:
        """Return the next number for a kind of record."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return self._numbers[kind]

    def get(self, entity: str, identity: str) -> Record | None:
        """Return a copy of a record."""
        return self.tables[entity].get(identity)

    def put(self, entity: str, record: Record) -> None:
        """Store a record as it is."""
        self.tables[entity].put(record)
        if entity == "products":
            self.parts[record["id"]] = record.get("inventory_items") or []
        if entity in _MOVING:
            identity = record["id"]
            if record.get("status") in _MOVING[entity] and (entity, identity) not in self.pinned:
                self.moving[entity][identity] = None
            else:
                self.moving[entity].pop(identity, None)

    def save(self, entity: str, record: Record) -> Record:
        """Store a record as changed now; a new one as created now."""
        now = iso(self.clock())
        record["updated_date"] = record["trackstar_updated_date"] = now
        if record["id"] not in self.tables[entity]:
            record["created_date"] = record["trackstar_created_date"] = now
        self.put(entity, record)
        return record

    def pin(self, entity: str, identity: str) -> None:
        """Keep the simulation from changing this record."""
        self.pinned.add((entity, identity))
        if entity in self.moving:
            self.moving[entity].pop(identity, None)

    def remove(self, entity: str, identity: str) -> bool:
        """Remove a record without trace. Return False if there is none."""
        if entity in self.moving:
            self.moving[entity].pop(identity, None)
        return self.tables[entity].remove(identity)

    def clear(self, entity: str) -> None:
        """Remove all records of an entity."""
        self.tables[entity].clear()
        if entity in self.moving:
            self.moving[entity].clear()
