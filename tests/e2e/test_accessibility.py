"""axe on every page and state, light and dark, wide and narrow; and no page is wider than a phone."""

from collections.abc import Callable
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from syncs.models import State
from tests.kit import factories as make

from .shots import LOOKS, asking, connections, contact_states, everything

Visit = Callable[..., Page]
ALL_RULES: dict[str, Any] = {"resultTypes": ["violations"]}
ONLY_COLOURS = {**ALL_RULES, "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def broken(page: Page) -> list[str]:
    """Return axe's findings, one line each. On dark pages only the colours are checked; the rest equals light ones."""
    page.wait_for_load_state()  # a click returns as soon as the next page begins to load
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    found: dict[str, Any] = Axe().run(page, options=ONLY_COLOURS if is_dark else ALL_RULES).response
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """Return the innermost elements that are wider than the window, one line each."""
    page.wait_for_load_state()
    found: list[str] = page.evaluate(
        """() => {
            const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
            if (wide <= 0) return [];
            const out = [...document.querySelectorAll("main *")].filter(
                (one) => one.getBoundingClientRect().right > document.documentElement.clientWidth);
            const inner = out.filter((one) => !out.some((other) => other !== one && one.contains(other)));
            return [`${wide} px too wide`, ...inner.map((one) => `sticks out: ${one.outerHTML.slice(0, 200)}`)];
        }"""
    )
    return found


@pytest.mark.parametrize("look", LOOKS)
def test_pages_pass_axe_and_fit_a_phone(visit: Visit, built: SimpleNamespace, live_server: Any, look: str) -> None:
    make.run(built.troubled, state=State.RUNNING, seen=1240)
    problems: list[str] = []
    page = visit(look=look)
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in chain(everything(page, live_server.url), connections(page, live_server.url)):
        problems += [f"{name}: {each}" for each in (*broken(page), *too_wide(page))]
    for name in contact_states(page, live_server.url):
        problems += [f"{name}: {each}" for each in broken(page)]
    member = visit("member", look=look)
    for name in asking(member, live_server.url):
        problems += [f"{name}: {each}" for each in broken(member)]
    page.goto("/settings/integrations/")
    problems += [f"asked: {each}" for each in broken(page)]
    newcomer = visit("newcomer", look=look)
    for path in ("/orders/", "/settings/integrations/", "/settings/brands/"):
        newcomer.goto(path)
        problems += [f"not connected {path}: {each}" for each in broken(newcomer)]
    stranger = visit(None, look=look)
    stranger.goto("/accounts/login/")
    problems += [f"sign in: {each}" for each in broken(stranger)]
    assert problems == [], "\n".join(problems)
    assert [error for error in errors if "404" not in error and "400" not in error] == [], (
        "the content security policy, or a script"
    )


def test_targets_are_large_enough_to_hit(visit: Visit, built: SimpleNamespace) -> None:
    """WCAG 2.5.8: at least 24 px, except links inside sentences."""
    page = visit(look="phone")
    small = []
    settings = "/settings/integrations"
    paths = ["/orders/", f"{settings}/", f"{settings}/{built.busy.pk}/sync/", f"{settings}/why/inbound-shipments/"]
    here = f"{settings}/{built.busy.pk}"
    paths += [f"{here}/", f"{here}/data/inventory/", f"{here}/history/", f"{here}/runs/{built.partial.pk}/"]
    paths += [f"{here}/runs/{built.held.pk}/held/", f"{here}/sync/confirm/?group=everything"]
    brands = ["/settings/brands/", f"/settings/brands/{built.workspace.brands.latest('pk').pk}/"]
    for path in [*paths, *brands, "/help/", "/help/contact/"]:
        page.goto(path)
        small += page.evaluate(
            """() => [...document.querySelectorAll('a, button, summary, select, input:not([type=hidden])')]
                .filter((node) => node.checkVisibility() && !node.closest('p') && !node.matches('.skip'))
                .filter((node) => node.getBoundingClientRect().height < 24)
                .map((node) => node.outerHTML.slice(0, 120))"""
        )
    assert small == []
