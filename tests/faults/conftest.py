"""A sandbox shared by all faults, with a separate account and connection for each test."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine

from integrations.connectors.trackstar import resources
from packr.demo.sandbox.server import Sandbox
from packr.workspaces.models import Workspace
from syncs.engine import client_pool
from syncs.runs import seen_keys

from .harness import ONE_PAGE, START, Bench, LogCollector, public_texts, secrets_in

ORDERS = 60


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    """Return a running sandbox and a copy of its world, with which every test begins."""
    world = tmp_path_factory.mktemp("sandbox") / "world"
    with time_machine.travel(START, tick=False):
        sandbox = Sandbox(port=0, seed=1, orders=ORDERS, still=True, limit=False)
        sandbox.world.save(world)
    with sandbox:
        yield sandbox, world


@pytest.fixture
def shared(running: tuple[Sandbox, Path]) -> Iterator[Sandbox]:
    """Return the sandbox in its first state."""
    sandbox, world = running
    sandbox.world.load(world)
    yield sandbox
    sandbox.faults.clear()
    sandbox.log.clear()


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Use a page size that the test can change, no pacing, and no client of an earlier test."""
    monkeypatch.setattr(resources, "LIMIT", str(ONE_PAGE))
    monkeypatch.setattr(seen_keys, "MAX_PAGES", 300)  # so that a repeating list that is not detected ends anyway
    monkeypatch.setattr("integrations.connectors.trackstar.Trackstar.reads_per_second", None)
    monkeypatch.setattr(client_pool, "_idle_clients", type(client_pool._idle_clients)())


@pytest.fixture
def bench(shared: Sandbox, paged: None, settings: Any, clock: Any, home: Workspace) -> Iterator[Bench]:
    """Return a healthy bench. Afterwards no error may have been logged, and no secret appear in a text or a log."""
    settings.PRIVATE_WMS_HOSTS = frozenset({shared.url.removeprefix("http://")})
    kept = LogCollector()
    root = logging.getLogger()
    before = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        made = Bench(shared, clock, home, 1)
        yield made
        assert kept.errors == []
        assert secrets_in(made, [*public_texts(), *kept.lines]) == []
    finally:
        root.removeHandler(kept)
        root.setLevel(before)
