"""What tests of all apps share: a database that threads can use too, and a model WMS with a connection to it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings

from integrations.connectors.registry import CONNECTORS
from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.models import Connection
from integrations.services import Account, connect
from packr.workspaces.models import Workspace
from packr.workspaces.services import save_workspace
from syncs.engine import client_pool
from syncs.models import EntitySchedule

from .kit.model_wms import ModelWms, connector_for


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who needs the group that migrations made comes first: a test with transactions of its own empties every table."""
    items.sort(key=lambda item: not item.nodeid.startswith(("tests/admin/", "tests/test_matrix.py")))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, as in production: the one in memory knows no concurrent writers."""
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        name = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = name


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    """What a test leaves on disk, such as a spooled page, is no other test's, nor a worker's beside it."""
    settings.DATA_DIR = tmp_path


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def wms(monkeypatch: pytest.MonkeyPatch) -> ModelWms:
    """A model WMS, and a connector `model` for it."""
    made = ModelWms()
    monkeypatch.setitem(CONNECTORS, "model", connector_for(made))  # type: ignore[arg-type]
    monkeypatch.setattr(client_pool, "_idle_clients", type(client_pool._idle_clients)())
    return made


@pytest.fixture
def page_by_page(settings: Any) -> None:
    """Request a page only when the one before it is written, so that a test can act between the two."""
    settings.PREFETCH = False


@pytest.fixture
def clock() -> Any:
    """A Wednesday morning on which time moves only when the test says so."""
    with time_machine.travel(datetime(2026, 2, 4, 9, 0, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def home(db: None) -> Workspace:
    return save_workspace("northbay", name="Northbay", admins=["ada"], members=["mel"])


@pytest.fixture
def connection(wms: ModelWms, home: Workspace) -> Connection:
    """The workspace's connection to the model WMS; nothing was synced yet, and nothing is by a schedule."""
    made = connect(home, Account("model", "Main", {"key": "k1"}), first_sync=False)
    EntitySchedule.objects.filter(connection=made).update(enabled=False)
    wms.calls.clear()
    return made


@pytest.fixture
def no_suppliers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Trackstar that does not offer suppliers."""
    offered = {entity: one for entity, one in Trackstar.resources.items() if entity != Entity.SUPPLIERS}
    monkeypatch.setattr(Trackstar, "resources", offered)
