"""The help in the browser: its pictures are current, and it leads to support."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from playwright.sync_api import Page, expect

from packr.help.models import SupportRequest

from .shots import CRISP, HELP, help_pictures

Visit = Callable[..., Page]
PICTURES = ("card.png", "manual-sync.png", "refresh.png")
LOOK = """async (data) => {
    const image = new Image();
    image.src = "data:image/png;base64," + data;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const bytes = canvas.getImageData(0, 0, image.width, image.height).data;
    const colours = new Set(new Uint32Array(bytes.buffer));
    return [image.width, image.height, colours.size];
}"""


def size_and_colours(page: Page, picture: Path) -> tuple[int, int, int]:
    """Return width, height and number of colours of a picture. A blank one has one or two colours."""
    width, height, colours = page.evaluate(LOOK, b64encode(picture.read_bytes()).decode())
    return width, height, colours


def test_help_pictures_are_up_to_date(visit: Visit, built: SimpleNamespace, live_server: Any, tmp_path: Path) -> None:
    """Exactly these three, none blank. The stored ones have the size that the product would produce now."""
    page = visit(**CRISP)
    help_pictures(page, live_server.url, tmp_path)
    assert sorted(one.name for one in tmp_path.glob("*.png")) == sorted(PICTURES)
    for name in PICTURES:
        width, height, colours = size_and_colours(page, tmp_path / name)
        assert colours > 40, f"{name} is blank"
        kept = size_and_colours(page, HELP / name)
        assert kept[2] > 40, f"{name} in the help is blank"
        same = abs(kept[0] - width) <= 8 and abs(kept[1] - height) <= 0.1 * height
        assert same, f"{name} is out of date: run `python -m tests.e2e.shots help` and look at it"


def test_help_shows_its_pictures(visit: Visit, built: SimpleNamespace) -> None:
    page = visit("member")
    page.goto("/orders/")
    page.get_by_role("link", name="Help").click()
    page.get_by_role("link", name="Syncing & data freshness").click()
    pictures = page.locator("figure img")
    expect(pictures).to_have_count(3)
    for number in range(3):
        picture = pictures.nth(number)
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 300
        assert len(picture.get_attribute("alt") or "") > 40
        ratio = picture.evaluate("image => (image.naturalWidth / image.naturalHeight) / (image.width / image.height)")
        assert 0.98 < ratio < 1.02, "shown in its own proportions"
    expect(page.get_by_role("table", name="How often each type of data refreshes")).to_be_visible()


def test_support_is_contacted_by_keyboard_and_without_scripts(visit: Visit, built: SimpleNamespace) -> None:
    page = visit("member", java_script_enabled=False)
    page.goto("/help/getting-help/")
    page.get_by_role("article").get_by_role("link", name="Contact support").click()
    expect(page.locator(".diagnosis")).to_contain_text("Sandbox")
    page.get_by_label("What is wrong").focus()
    page.keyboard.type("Orders of this morning are missing.")
    page.keyboard.press("Tab")
    page.keyboard.type("lee@northbay.example")
    page.keyboard.press("Enter")
    expect(page.locator(".notices")).to_contain_text("Support will reply to lee@northbay.example.")
    asked = SupportRequest.objects.get()
    assert (asked.message, asked.person) == ("Orders of this morning are missing.", built.member)
