"""The readable text of a page."""

import re

from django.test import Client


def page(client: Client, address: str, **extra: object) -> str:
    """Return the HTML of a page after checking that it opens."""
    response = client.get(address, **extra)  # type: ignore[arg-type]
    assert response.status_code == 200
    return str(response.content.decode())


def words(html: str) -> str:
    """Return the visible text of HTML, without tags, popovers and text for screen readers."""
    html = re.sub(r'<span class="(exact|visually-hidden)".*?</span>', "", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def main(client: Client, address: str) -> str:
    """Return the visible text of a page's main part."""
    return words(page(client, address).split("<main")[1].split("</main>")[0])
