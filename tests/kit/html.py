"""What a person reads of a page."""

import re

from django.test import Client


def page(client: Client, address: str, **extra: object) -> str:
    """The HTML of a page that opens."""
    response = client.get(address, **extra)  # type: ignore[arg-type]
    assert response.status_code == 200
    return str(response.content.decode())


def words(html: str) -> str:
    """What a person reads of a piece of HTML: without tags, popovers and the words for screen readers."""
    html = re.sub(r'<span class="(exact|visually-hidden)".*?</span>', "", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def main(client: Client, address: str) -> str:
    """The words of a page's own part."""
    return words(page(client, address).split("<main")[1].split("</main>")[0])
