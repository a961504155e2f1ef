"""One sandbox for all faults; an account and a connection for each."""

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

from .harness import ONE_PAGE, START, Bench, Kept, secrets_in, told

ORDERS = 60


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path]]:
    """One sandbox, and its world as it was at the moment at which every test begins."""
    world = tmp_path_factory.mktemp("sandbox") / "world"
    with time_machine.travel(START, tick=False):
        sandbox = Sandbox(port=0, seed=1, orders=ORDERS, still=True, limit=False)
        sandbox.world.save(world)
    with sandbox:
        yield sandbox, world


@pytest.fixture
def shared(running: tuple[Sandbox, Path]) -> Iterator[Sandbox]:
    """The sandbox, as if nothing had ever happened to it."""
    sandbox, world = running
    sandbox.world.load(world)
    yield sandbox
    sandbox.faults.clear()
    sandbox.log.clear()


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The size of a page is the test's to choose; no pauses; no conversation left over from another test."""
    monkeypatch.setattr(resources, "LIMIT", str(ONE_PAGE))
    monkeypatch.setattr(seen_keys, "MAX_PAGES", 300)  # so that a list whose circle is not noticed ends all the same
    monkeypatch.setattr("integrations.connectors.trackstar.Trackstar.reads_per_second", None)
    monkeypatch.setattr(client_pool, "_idle_clients", type(client_pool._idle_clients)())


@pytest.fixture
def bench(shared: Sandbox, paged: None, settings: Any, clock: Any, home: Workspace) -> Iterator[Bench]:
    """Healthy at first. Whatever the test does, nothing may fail in Packr, and no secret turn up in a text or a log."""
    settings.PRIVATE_WMS_HOSTS = frozenset({shared.url.removeprefix("http://")})
    kept = Kept()
    root = logging.getLogger()
    before = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        made = Bench(shared, clock, home, 1)
        yield made
        assert kept.errors == []
        assert secrets_in(made, [*told(), *kept.lines]) == []
    finally:
        root.removeHandler(kept)
        root.setLevel(before)
