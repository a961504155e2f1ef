"""Screenshots of every page, in light and dark, wide and narrow: `python -m tests.e2e.shots [ADDRESS]`.

Without an address the pages are those of the scene, on a temporary server and database. The files go to screenshots/,
which git ignores. `python -m tests.e2e.shots help` makes the three pictures of the help in its folder.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from itertools import chain
from pathlib import Path
from socket import socket
from subprocess import DEVNULL, Popen
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

import django
from django.core.management import call_command
from django.utils.timezone import now
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

CHROMIUM = {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox", "--disable-gpu"]}
PASSWORD = "packr-demo"
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 320, "height": 640}},
    "phone-dark": {"color_scheme": "dark", "viewport": {"width": 320, "height": 640}},
}
# For the pictures of the help, which are shown in a column of text.
CRISP = {"color_scheme": "light", "viewport": {"width": 960, "height": 900}, "device_scale_factor": 1.5}
HELP = Path("packr/static/packr/help")
PAGES = {
    "orders": "/orders/",
    "orders-filtered-empty": "/orders/?q=nothing-like-it",
    "changes-filtered-empty": "/actions/?kind=update-product",
    "inventory": "/inventory/",
    "inbound-shipments": "/inbound-shipments/",
    "products": "/products/",
    "customers": "/customers/",
    "returns": "/returns/",
    "order-shipments": "/order-shipments/",
    "order-channels": "/order-channels/",
    "suppliers": "/suppliers/",
    "warehouses": "/warehouses/",
    "warehouse-locations": "/warehouse-locations/",
    "shipping-methods": "/shipping-methods/",
    "bills": "/bills/",
    "orders-filtered": "/orders/?held=yes&warehouse=1:gone",
    "integrations": "/settings/integrations/",
    "help": "/help/",
    "help-syncing": "/help/syncing/",
    "help-connecting": "/help/connecting/",
    "help-mapping": "/help/mapping/",
    "help-troubleshooting": "/help/troubleshooting/",
    "help-getting-help": "/help/getting-help/",
    "help-contact": "/help/contact/",
    "catalogue": "/settings/integrations/connect/",
    "connect": "/settings/integrations/connect/trackstar/",
    "missing": "/orders/987654321/",
    "brands": "/settings/brands/",
    "why-stale": "/settings/integrations/why/inbound-shipments/",
    "why-fresh": "/settings/integrations/why/products/",
    "why-suppliers": "/settings/integrations/why/suppliers/",
}


def sign_in(page: Page, address: str, username: str) -> None:
    """Sign in on the login page. Waits for a server that is still starting."""
    for _ in range(100):
        try:
            page.goto(f"{address}/accounts/login/")
            break
        except PlaywrightError:
            sleep(0.2)
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@contextmanager
def signed_in(
    browser: Browser, address: str, look: str, username: str = "admin"
) -> Iterator[tuple[BrowserContext, Page]]:
    """Return a page of a signed-in person in one of the looks."""
    context = browser.new_context(**(CRISP if look == "crisp" else LOOKS[look]))  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, address, username)
    yield context, page
    context.close()


def loaded(page: Page, *steps: Iterator[str]) -> Iterator[str]:
    """Yield each step once its page is loaded, since a click returns as soon as the next page begins to load."""
    for name in chain(*steps):
        page.wait_for_load_state()
        yield name


def everything(page: Page, address: str) -> Iterator[str]:
    """Open every page and each named state of it, and yield the name of the state."""
    for name, path in PAGES.items():
        page.goto(f"{address}{path}")
        yield name
    for name, listing in (
        ("order", "/orders/?sort=created_at"),
        ("inbound-shipment", "/inbound-shipments/"),
        ("inventory-item", "/inventory/"),
        ("product", "/products/?is_kit=yes"),
        ("return", "/returns/"),
    ):
        page.goto(f"{address}{listing}")
        page.locator("table a.code").first.click()
        yield name
    yield from changing(page, address)
    for name in ("Acme", "Unmapped"):
        page.goto(f"{address}/settings/brands/")
        page.get_by_role("link", name=name, exact=True).click()
        yield f"brand-{name.lower()}"
    page.goto(f"{address}/settings/integrations/")
    manual = page.get_by_role("link", name="Manual sync").last
    where = manual.get_attribute("href")
    manual.click()
    page.locator("dialog[open]").wait_for()
    yield "manual-sync-dialog"
    page.goto(f"{address}{where}")
    yield "manual-sync"
    page.get_by_label("Target entity").select_option("shipping-methods")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("article.run").wait_for()
    yield "manual-sync-watching"
    yield from syncing(page, address, str(where).removesuffix("sync/"))
    page.goto(f"{address}/orders/")
    page.locator("details.widget summary").click()
    yield "widget"
    page.goto(f"{address}/orders/?brand=unmapped")
    yield "orders-unmapped"
    page.goto(f"{address}/settings/integrations/why/orders/")
    yield "why-unmapped"
    page.goto(f"{address}/orders/?brand=")


def changing(page: Page, address: str) -> Iterator[str]:
    """Open the forms of changes: a new order empty and with errors, a confirmation, and the log of sent changes."""
    page.goto(f"{address}/orders/new/")
    yield "new-order"
    page.get_by_role("button", name="Add a line").click()
    page.get_by_role("button", name="Remove line 2").wait_for()
    page.get_by_role("button", name="Create order").last.click()
    page.get_by_text("to continue").wait_for()
    yield "new-order-missing"
    page.goto(f"{address}/orders/")
    page.locator("tr", has_text="We are checking").locator("a.code").click()
    yield "order-being-checked"
    page.locator(".record-actions").get_by_role("link", name="Cancel order").click()
    yield "cancel-order"
    page.goto(f"{address}/actions/")
    yield "changes"
    page.locator("tr", has_text="Refused").get_by_role("link").first.click()
    yield "change-refused"
    page.goto(f"{address}/actions/?state=unknown")
    page.locator("tbody a").first.click()
    yield "change-being-checked"


def contact_states(page: Page, address: str) -> Iterator[str]:
    """Open Contact support with a missing field, and after it was sent."""
    page.goto(f"{address}/help/contact/?entity=orders")
    page.locator("form.contact").evaluate("form => { form.noValidate = true }")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Describe the problem in a sentence. Support sees").wait_for()
    yield "help-contact-missing"
    page.get_by_label("What is wrong").fill("Orders from this morning are missing.")
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Sent. Your request number is").wait_for()
    yield "help-contact-sent"


def help_pictures(page: Page, address: str, into: Path) -> None:
    """Take the three pictures of the help: the card, its Refresh, and the manual sync window with a running sync."""
    from syncs.models import State, SyncRun  # Django must be set up first

    page.set_viewport_size({"width": 960, "height": 900})
    page.goto(f"{address}/settings/integrations/")
    card = page.locator(".connection").filter(has_text="· Sandbox")
    card.screenshot(path=into / "card.png")
    page.screenshot(path=into / "refresh.png", clip=_around(card.locator(".actions")))
    page.goto(f"{address}{card.get_by_role('link', name='Manual sync').get_attribute('href')}")
    page.get_by_label("Target entity").select_option("inventory")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("article.run").wait_for()
    ours = SyncRun.objects.filter(trigger="manual", entity="inventory").latest("pk")
    SyncRun.objects.filter(pk=ours.pk).update(
        state=State.RUNNING, started_at=now() - timedelta(seconds=8), seen=640, unchanged=612, updated=28, pages=2
    )
    page.set_viewport_size({"width": 1160, "height": 1400})
    page.reload()
    page.locator("#main").click(position={"x": 1, "y": 1})
    page.screenshot(
        path=into / "manual-sync.png", clip=_around(page.locator(".sync-window"), page.locator(".sections"))
    )


def _around(first: Locator, last: Locator | None = None) -> Any:
    """Return the area from the top of one element to the bottom of another, with a margin."""
    top, foot = first.bounding_box(), (last or first).bounding_box()
    assert top
    assert foot
    side, above = 16, 2
    height = foot["y"] + foot["height"] - top["y"] + above + side
    return {"x": top["x"] - side, "y": top["y"] - above, "width": top["width"] + 2 * side, "height": height}


def take_for_help(address: str, into: Path) -> None:
    # Playwright runs an event loop in this thread, but the database is not used in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as play:
        browser = play.chromium.launch(**CHROMIUM)  # type: ignore[arg-type]
        with signed_in(browser, address, "crisp") as (_, page):
            help_pictures(page, address, into)
        browser.close()


def connections(page: Page, address: str) -> Iterator[str]:
    """Open the pages of connecting and of each connection. Disconnects nothing."""
    for name, key in (("connect-refused", "wrong"), ("connect-verdict", "good-key")):
        page.goto(f"{address}/settings/integrations/connect/trackstar/")
        page.get_by_label("API key").fill(key)
        page.get_by_label("Access token").fill("token")
        page.get_by_role("button", name="Check the login").click()
        page.locator(".notice").first.wait_for()
        yield name
    card = ".connection:has-text('Overflow')"
    for name, link in (
        ("sync-settings", "Sync Settings"),
        ("reconnect", "Reconnect"),
        ("disconnect", "Disconnect"),
    ):
        page.goto(f"{address}/settings/integrations/")
        page.locator(card).get_by_role("link", name=link).click()
        page.locator("form.stack").wait_for()
        yield name
    page.get_by_label("Delete the data").check()
    page.locator("form.stack").get_by_role("button", name="Disconnect").click()
    page.locator(".error").first.wait_for()
    yield "disconnect-unclear"


def asking(page: Page, address: str) -> Iterator[str]:
    """Show a member's pages before and after asking an admin for a sync."""
    page.goto(f"{address}/inbound-shipments/")
    yield "member-banner"
    page.goto(f"{address}/settings/integrations/")
    page.locator("summary", has_text="Ask an admin").last.click()
    yield "member-asks"
    form = page.locator("details.ask[open]")
    form.get_by_label("Note").fill("The pickers wait for these.")
    form.get_by_role("button", name="Ask for a sync").click()
    yield "member-asked"
    page.goto(f"{address}/settings/brands/")
    yield "member-brands"


def syncing(page: Page, address: str, connection: str) -> Iterator[str]:
    """Open the pages of a connection: tabs, runs, history and reviews."""
    here = f"{address}{connection}"
    page.goto(here)
    yield "connection"
    page.get_by_role("navigation", name="Data of").get_by_role("link", name="Inventory").click()
    yield "connection-inventory"
    page.get_by_text("Actions", exact=True).click()
    yield "connection-actions"
    page.get_by_role("link", name="Full inventory update").click()
    yield "confirm-full"
    page.goto(f"{here}sync/confirm/?group=everything")
    yield "confirm-group"
    page.goto(f"{here}sync/confirm/?mode=window&entity=orders&from=2026-01-02&to=2026-01-01")
    yield "manual-sync-error"
    page.goto(f"{here}data/orders/")
    yield "connection-orders"
    page.goto(f"{here}history/")
    yield "history"
    page.goto(f"{here}history/?state=partial")
    page.get_by_role("link", name="Inventory, run").first.click()
    yield "run-partial"
    page.goto(f"{here}history/?state=needs_review")
    page.get_by_role("link", name="Products, run").first.click()
    yield "run-review"
    page.get_by_role("link", name="Review the list and decide").click()
    yield "held"
    page.get_by_role("link", name="Release").click()
    yield "held-release"
    page.goto(f"{here}history/?state=running")
    page.get_by_role("link", name="Shipping methods, run").first.click()
    yield "run-running"
    page.goto(f"{here}history/?state=cancelled")
    yield "history-empty"
    page.goto(f"{address}/settings/integrations/history/?kind=event")
    yield "history-workspace"


def take(address: str, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(**CHROMIUM)  # type: ignore[arg-type]
        for look in LOOKS:
            with signed_in(browser, address, look) as (_, page):
                for name in loaded(page, everything(page, address), connections(page, address)):
                    page.screenshot(
                        path=into / f"{name}-{look}.png", full_page=name not in ("manual-sync-dialog", "widget")
                    )
                for name in loaded(page, contact_states(page, address)):
                    page.screenshot(path=into / f"{name}-{look}.png", full_page=True)
            with signed_in(browser, address, look, "member") as (_, page):
                for name in loaded(page, asking(page, address)):
                    page.screenshot(path=into / f"{name}-{look}.png", full_page=True)
            with signed_in(browser, address, look) as (_, page):
                page.goto(f"{address}{PAGES['integrations']}")
                page.screenshot(path=into / f"integrations-asked-{look}.png", full_page=True)
            with signed_in(browser, address, look, "newcomer") as (_, page):
                for name in ("orders", "integrations"):
                    page.goto(f"{address}{PAGES[name]}")
                    page.screenshot(path=into / f"{name}-not-connected-{look}.png", full_page=True)
            context = browser.new_context(**LOOKS[look])  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(f"{address}/accounts/login/")
            page.screenshot(path=into / f"login-{look}.png")
            context.close()
        browser.close()


@contextmanager
def scenery() -> Iterator[str]:
    """Serve the scene while the context is open. Yield the address."""
    with TemporaryDirectory() as folder, socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        os.environ |= {"DJANGO_SETTINGS_MODULE": "packr.settings", "PACKR_DEBUG": "1", "PACKR_DATA_DIR": folder}
        django.setup()
        call_command("migrate", verbosity=0)
        import_module("tests.e2e.scene").build()
        serve = [sys.executable, "-m", "tests.e2e.wms", str(port)]
        with Popen(serve, stdout=DEVNULL, stderr=DEVNULL) as server:
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


if __name__ == "__main__":
    if sys.argv[1:] == ["help"]:
        with scenery() as address:
            take_for_help(address, HELP)
    elif sys.argv[1:]:
        take(sys.argv[1].rstrip("/"), Path("screenshots"))
    else:
        with scenery() as address:
            take(address, Path("screenshots"))
