"""One sandbox for all faults; an account and a connection for each."""

import itertools
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from integrations.connectors.trackstar import reading
from integrations.sandbox.server import Sandbox
from packr.workspaces.models import Workspace
from syncs import clients

from .bench import PAGE_SIZE, START, Bench, Kept, secrets_in, told

ORDERS = 60
_numbers = itertools.count(11)


@pytest.fixture(scope="session")
def shared() -> Iterator[Sandbox]:
    """Its history ends at the moment at which every test begins."""
    with time_machine.travel(START, tick=False):
        sandbox = Sandbox(port=0, seed=1, orders=ORDERS, still=True, limit=False)
    with sandbox:
        yield sandbox


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Small pages, so that a list has some; no pauses between them; no conversation left over from another test."""
    monkeypatch.setattr(reading, "LIMIT", str(PAGE_SIZE))
    monkeypatch.setattr("integrations.connectors.trackstar.Trackstar.reads_per_second", None)
    monkeypatch.setattr(clients, "_idle", type(clients._idle)())


@pytest.fixture
def bench(shared: Sandbox, paged: None, settings: Any, clock: Any, home: Workspace) -> Iterator[Bench]:
    """Healthy at first. Whatever the test does, no secret may turn up in a text or a log."""
    settings.PRIVATE_WMS_HOSTS = frozenset({shared.url.removeprefix("http://")})
    kept = Kept()
    root = logging.getLogger()
    before = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        made = Bench(shared, clock, home, next(_numbers))
        yield made
        assert secrets_in(made, [*told(), *kept.lines]) == []
    finally:
        root.removeHandler(kept)
        root.setLevel(before)
        shared.faults.clear()
        shared.log.clear()
