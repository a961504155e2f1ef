"""Fixtures for the API: a workspace with a connection, and clients with its people's tokens."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from packr.workspaces import tokens
from packr.workspaces.models import Role
from tests.kit import factories as make


@pytest.fixture(autouse=True)
def _plain_settings(settings: Any) -> None:
    """Give each test its own cache, and serve no static files."""
    name = str(uuid4())
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}}
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.startswith("whitenoise")]


@pytest.fixture
def workspace(db: None) -> Any:
    return make.workspace(timezone="Europe/Berlin")


@pytest.fixture
def people(workspace: Any) -> dict[str, Any]:
    other = make.workspace("fernhill")
    return {
        "admin": make.person("dana", in_=workspace, role=Role.ADMIN),
        "member": make.person("lee", in_=workspace),
        "elsewhere": make.person("kim", in_=other, role=Role.ADMIN),
        "support": make.person("sam", is_staff=True),
    }


@pytest.fixture
def connection(workspace: Any) -> Any:
    return make.connection(workspace)


@pytest.fixture
def program(people: dict[str, Any]) -> Callable[..., Client]:
    """Return a function that makes a client with a person's token, with these scopes or all."""

    def made(who: str = "admin", *scopes: Any) -> Client:
        return Client(headers={"Authorization": f"Bearer {tokens.create(people[who], scopes)}"})

    return made


def send(client: Client, method: str, address: str, data: Any = None) -> Any:
    """Send a request with a JSON body. `address` is relative to the API's root."""
    return getattr(client, method)(f"/api/v1/{address}", data=data, content_type="application/json")


def error(response: Any) -> dict[str, Any]:
    """Return the error of a response. Fail unless it has the documented format."""
    assert response.headers["Content-Type"] == "application/json"
    whole = response.json()
    assert set(whole) == {"error"}
    found: dict[str, Any] = whole["error"]
    assert set(found) == {"code", "message", "origin", "fields"}
    assert found["origin"] == "packr"
    assert found["message"]
    return found
