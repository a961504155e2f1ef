"""A workspace with an admin and a member, another workspace, support, and a WMS that passes each check."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from integrations.connectors.base import ConnectionHealth
from integrations.connectors.registry import CONNECTORS
from integrations.connectors.trackstar import Trackstar
from packr.workspaces.models import Role
from tests.kit import factories as make
from tests.kit.model_wms import ModelWms, connector_for


@pytest.fixture(autouse=True)
def _plain_settings(settings: Any) -> None:
    """Use a separate cache for each test, and no static files."""
    name = str(uuid4())
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}}
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.startswith("whitenoise")]


@pytest.fixture
def workspace(db: None) -> Any:
    return make.workspace(timezone="Europe/Berlin")


@pytest.fixture
def admin_user(workspace: Any) -> Any:
    return make.person("dana", in_=workspace, role=Role.ADMIN, first_name="Dana")


@pytest.fixture
def member_user(workspace: Any) -> Any:
    return make.person("lee", in_=workspace)


@pytest.fixture
def connection(workspace: Any, admin_user: Any) -> Any:
    return make.connection(workspace)


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(admin_user: Any) -> Client:
    return signed_in(admin_user)


@pytest.fixture
def member(member_user: Any) -> Client:
    return signed_in(member_user)


@pytest.fixture
def elsewhere(db: None) -> Client:
    """Return an admin of another workspace."""
    return signed_in(make.person("kim", in_=make.workspace("fernhill"), role=Role.ADMIN))


@pytest.fixture
def support(db: None) -> Client:
    return signed_in(make.person("sam", is_staff=True))


@pytest.fixture
def wms(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[str]]:
    """Return a function that sets the result of the next checks (a health or an error) and returns their list."""

    def answers(answer: Any) -> list[str]:
        asked: list[str] = []

        def check(client: Any, *, connecting: bool = False) -> ConnectionHealth:
            asked.append("check")
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, ConnectionHealth)
            return answer

        monkeypatch.setattr(Trackstar, "check", staticmethod(check))
        return asked

    return answers


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ModelWms:
    """Return a model WMS that can be connected as `model`, with a required key and an optional shop."""
    made = ModelWms()
    monkeypatch.setitem(CONNECTORS, "model", connector_for(made))  # type: ignore[arg-type]
    return made
