"""A check that every run's counts add up, and a connection to a sandbox over the network."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations.connectors.trackstar import Trackstar
from integrations.connectors.trackstar import resources as trackstar
from integrations.models import Connection
from integrations.services import Account
from integrations.services import connect as connect_account
from packr.demo.sandbox.server import Sandbox
from packr.workspaces.models import Workspace
from syncs.engine import client_pool
from syncs.models import SyncRun
from tests.kit.running import adds_up


@pytest.fixture(autouse=True)
def _adds_up(request: pytest.FixtureRequest) -> Iterator[None]:
    uses: Any = {"db", "transactional_db"} & set(request.fixturenames)
    if uses:
        request.getfixturevalue("transactional_db" if "transactional_db" in uses else "db")
    yield
    if uses:
        assert [run.pk for run in SyncRun.objects.all() if not adds_up(run)] == []


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(port=0, seed=1, orders=60, still=True, limit=False) as running:
        yield running


@pytest.fixture
def connected(
    monkeypatch: pytest.MonkeyPatch, settings, sandbox: Sandbox, home: Workspace
) -> Callable[..., Connection]:
    """Return a function that connects the sandbox with a page size and, by default, its whole history."""

    def make(page_size: int, lookback: int = 3650) -> Connection:
        settings.PRIVATE_WMS_HOSTS = frozenset({sandbox.url.removeprefix("http://")})
        monkeypatch.setattr(trackstar, "LIMIT", str(page_size))
        monkeypatch.setattr(Trackstar, "reads_per_second", None)
        monkeypatch.setattr(client_pool, "_idle_clients", type(client_pool._idle_clients)())
        credentials = {"api_key": "sandbox", "access_token": "sandbox-1"}
        account = Account("trackstar", "Main", credentials, base_url=sandbox.url, lookback_days=lookback)
        return connect_account(home, account, first_sync=False)

    return make
