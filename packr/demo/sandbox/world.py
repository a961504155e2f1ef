"""All accounts by number, reproducible from the seed and the start time."""

import pickle
import threading
from pathlib import Path
from typing import Any

from .account import Clock, SandboxAccount
from .seed import fill


class _Reader(pickle.Unpickler):
    """Also reads files written before modules moved and classes were renamed."""

    MOVED = {"catalogue": "reference_data", "shapes": "entities", "tables": "store", "world": "account"}
    RENAMED = {"Account": "SandboxAccount", "Row": "StoredRecord", "Table": "RecordTable"}

    def find_class(self, module: str, name: str) -> Any:
        package, _, last = module.rpartition(".")
        if package == "integrations.sandbox":
            module = f"packr.demo.sandbox.{self.MOVED.get(last, last)}"
        if module.startswith("packr.demo.sandbox."):
            name = self.RENAMED.get(name, name)
        return super().find_class(module, name)


class SandboxWorld:
    """All accounts. An account is created when it is first requested."""

    def __init__(self, *, seed: int, orders: int, clock: Clock, epoch: float | None = None) -> None:
        """`epoch` is the end of the history; by default the current time of `clock`."""
        self.seed, self.orders, self.clock = seed, orders, clock
        self.epoch = clock() if epoch is None else epoch
        self._accounts: dict[int, SandboxAccount] = {}
        self._making = threading.Lock()

    def account(self, number: int) -> SandboxAccount:
        """Return the account with a number, with its history."""
        found = self._accounts.get(number)
        if found is not None:
            return found
        with self._making:
            if number not in self._accounts:
                made = SandboxAccount(number, seed=self.seed, clock=self.clock)
                fill(made, seed=self.seed, orders=self.orders, now=int(self.epoch))
                self._accounts[number] = made
            return self._accounts[number]

    def save(self, file: Path) -> None:
        """Save all accounts to a file, completely or not at all."""
        fresh = file.with_suffix(".new")
        with fresh.open("wb") as kept:
            for account in self.touched():
                with account.lock:
                    pickle.dump(account, kept)
        fresh.replace(file)

    def load(self, file: Path) -> None:
        """Load the accounts that `save` wrote. The file is trusted, since this program wrote it."""
        with file.open("rb") as kept:
            while kept.peek(1):
                account: SandboxAccount = _Reader(kept).load()
                account.lock, account.clock = threading.RLock(), self.clock
                self._accounts[account.number] = account

    def touched(self) -> list[SandboxAccount]:
        """Return the accounts that were requested, by number."""
        return [self._accounts[number] for number in sorted(self._accounts.copy())]
