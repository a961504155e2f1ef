"""The data: accounts by number, each with its tables, reproducible from the seed and the time of the start."""

import pickle
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from .catalogue import Catalogue
from .orders import UNFINISHED
from .shapes import ENTITIES, keys
from .tables import Record, Table, iso

Clock = Callable[[], float]
# Records that life may move on, by the states in which it can.
_MOVING = {
    "orders": UNFINISHED,
    "inbound-shipments": ("open", "in-transit", "receiving"),
    "returns": ("open", "in-transit", "receiving"),
}


def connection_id(number: int) -> str:
    """The connection id of an account: the same whatever the seed."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"packr:sandbox-wms:{number}"))


class Account:
    """One customer's account at the WMS: what one access token opens. Hold `lock` while reading or changing it."""

    def __init__(self, number: int, *, seed: int, clock: Clock) -> None:
        self.number = number
        self.name = f"sandbox-{number}"
        self.connection_id = connection_id(number)
        self.clock = clock
        self.lock = threading.RLock()
        self.started = clock()
        self.tables = {entity: Table(keys(entity)) for entity in ENTITIES}
        self.moving: dict[str, dict[str, None]] = {entity: {} for entity in _MOVING}
        self.parts: dict[str, list[Record]] = {}
        self.goods = Catalogue()
        # Records made or changed by hand: life leaves them as they are, so that tests find exactly what they set.
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
        """Everything but what belongs to the running process."""
        return {name: value for name, value in vars(self).items() if name not in ("lock", "clock")}

    def number_for(self, kind: str) -> int:
        """The next running number of a kind of record."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return self._numbers[kind]

    def get(self, entity: str, identity: str) -> Record | None:
        """A copy of a record."""
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
        """Store a record as changed now; a new one as made now."""
        now = iso(self.clock())
        record["updated_date"] = record["trackstar_updated_date"] = now
        if record["id"] not in self.tables[entity]:
            record["created_date"] = record["trackstar_created_date"] = now
        self.put(entity, record)
        return record

    def pin(self, entity: str, identity: str) -> None:
        """From now on life leaves this record alone."""
        self.pinned.add((entity, identity))
        if entity in self.moving:
            self.moving[entity].pop(identity, None)

    def remove(self, entity: str, identity: str) -> bool:
        """Take a record away without trace; False when there is none."""
        if entity in self.moving:
            self.moving[entity].pop(identity, None)
        return self.tables[entity].remove(identity)

    def clear(self, entity: str) -> None:
        """Take all records of an entity away."""
        self.tables[entity].clear()
        if entity in self.moving:
            self.moving[entity].clear()


class World:
    """All accounts. An account is made when it is first asked for."""

    def __init__(self, *, seed: int, orders: int, clock: Clock, epoch: float | None = None) -> None:
        """`epoch` is the moment the history ends; without it the clock's time now."""
        self.seed, self.orders, self.clock = seed, orders, clock
        self.epoch = clock() if epoch is None else epoch
        self._accounts: dict[int, Account] = {}
        self._making = threading.Lock()

    def account(self, number: int) -> Account:
        """The account of a number, with its history."""
        from .seed import fill  # seed builds accounts, so it imports this module

        found = self._accounts.get(number)
        if found is not None:
            return found
        with self._making:
            if number not in self._accounts:
                made = Account(number, seed=self.seed, clock=self.clock)
                fill(made, seed=self.seed, orders=self.orders, now=int(self.epoch))
                self._accounts[number] = made
            return self._accounts[number]

    def save(self, file: Path) -> None:
        """Keep all accounts in a file, whole or not at all."""
        fresh = file.with_suffix(".new")
        with fresh.open("wb") as kept:
            for account in self.touched():
                with account.lock:
                    pickle.dump(account, kept)
        fresh.replace(file)

    def load(self, file: Path) -> None:
        """Take up the accounts that `save` kept. The file is trusted: it is one this program wrote."""
        with file.open("rb") as kept:
            while kept.peek(1):
                account: Account = pickle.load(kept)
                account.lock, account.clock = threading.RLock(), self.clock
                self._accounts[account.number] = account

    def touched(self) -> list[Account]:
        """The accounts that someone has asked for, by number."""
        return [self._accounts[number] for number in sorted(self._accounts.copy())]
