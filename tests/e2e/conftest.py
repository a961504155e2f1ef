"""A browser, a server with the scene on it, and people who are signed in.

These tests have the marker `e2e`: `pytest -m e2e` runs them alone, `-m "not e2e"` leaves them out.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, Page, sync_playwright

from integrations.connectors.trackstar import Trackstar

from . import scene
from .shots import CHROMIUM, LOOKS, sign_in
from .wms import ANSWERS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM["executable_path"]).exists():
        pytest.fail("The system has no Chromium. Run: bash .ci/packages")
    # Playwright keeps an event loop in this thread; what the tests ask of the database is not in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as play:
        browser = play.chromium.launch(**CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def _no_collected_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The server finds static files where they are written; whitenoise warns when the collected ones are missing."""
    django_settings.STATIC_ROOT = str(tmp_path_factory.mktemp("static"))


@pytest.fixture(autouse=True)
def _as_in_tests(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, and a WMS that answers every check."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    for name, answer in ANSWERS.items():
        monkeypatch.setattr(Trackstar, name, answer)


@pytest.fixture
def built(transactional_db: None, _as_in_tests: None) -> SimpleNamespace:
    return scene.build()


@pytest.fixture
def visit(browser: Browser, live_server: Any, built: SimpleNamespace) -> Iterator[Callable[..., Page]]:
    """A new page in one of the looks, for a person who is signed in (or for nobody)."""
    contexts = []

    def opened(username: str | None = "admin", look: str = "light", **more: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **{**LOOKS[look], **more})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        if username:
            sign_in(page, live_server.url, username)
        return page

    yield opened
    for context in contexts:
        context.close()
