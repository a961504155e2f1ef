"""A browser, a server that shows the scene, and signed-in people.

The tests have the marker `e2e`: `pytest -m e2e` runs only them, `-m "not e2e"` leaves them out.
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
    # Playwright runs an event loop in this thread, but the tests' queries do not run in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as play:
        browser = play.chromium.launch(**CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def _no_collected_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Serve static files from their sources. Whitenoise warns if the folder of collected files is missing."""
    django_settings.STATIC_ROOT = str(tmp_path_factory.mktemp("static"))


@pytest.fixture(autouse=True)
def _as_in_tests(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a separate cache and a WMS that passes every check."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    for name, answer in ANSWERS.items():
        monkeypatch.setattr(Trackstar, name, answer)


@pytest.fixture
def built(transactional_db: None, _as_in_tests: None) -> SimpleNamespace:
    return scene.build()


@pytest.fixture
def visit(browser: Browser, live_server: Any, built: SimpleNamespace) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page in one of the looks, signed in as a person or anonymous."""
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
