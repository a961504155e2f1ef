"""Fixtures of all apps: a database that threads can use, and a model WMS with a connection to it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Group, Permission

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

SUPPORT_GROUP = "Support"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep the SQLite test database in a file, as in production: one in memory has no concurrent writers."""
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        name = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = name


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> list[tuple[str, str]]:
    """Set up the database. Return the permissions (app, codename) that migrations give the Support group."""
    with django_db_blocker.unblock():
        given = Permission.objects.filter(group__name=SUPPORT_GROUP)
        return list(given.values_list("content_type__app_label", "codename"))


@pytest.fixture
def support_group(db: None, django_db_setup: list[tuple[str, str]]) -> Group:
    """The Support group as migrations make it. Any test with real transactions empties all tables, so restore it."""
    group, is_new = Group.objects.get_or_create(name=SUPPORT_GROUP)
    if is_new:
        for app, codename in django_db_setup:
            group.permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return group


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    """Give each test a folder of its own for files such as cached responses."""
    settings.DATA_DIR = tmp_path


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def wms(monkeypatch: pytest.MonkeyPatch) -> ModelWms:
    """Return a model WMS, registered as the connector `model`."""
    made = ModelWms()
    monkeypatch.setitem(CONNECTORS, "model", connector_for(made))  # type: ignore[arg-type]
    monkeypatch.setattr(client_pool, "_idle_clients", type(client_pool._idle_clients)())
    return made


@pytest.fixture
def page_by_page(settings: Any) -> None:
    """Request each page only after the previous one was written, so that a test can act between the two."""
    settings.PREFETCH = False


@pytest.fixture
def clock() -> Any:
    """Return a clock that starts on a Wednesday morning and moves only when the test moves it."""
    with time_machine.travel(datetime(2026, 2, 4, 9, 0, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def home(db: None) -> Workspace:
    return save_workspace("northbay", name="Northbay", admins=["ada"], members=["mel"])


@pytest.fixture
def connection(wms: ModelWms, home: Workspace) -> Connection:
    """Return the workspace's connection to the model WMS, which has synced nothing and has no schedules."""
    made = connect(home, Account("model", "Main", {"key": "k1"}), first_sync=False)
    EntitySchedule.objects.filter(connection=made).update(enabled=False)
    wms.calls.clear()
    return made


@pytest.fixture
def no_suppliers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a Trackstar that does not offer suppliers."""
    offered = {entity: one for entity, one in Trackstar.resources.items() if entity != Entity.SUPPLIERS}
    monkeypatch.setattr(Trackstar, "resources", offered)
