"""Text from a WMS, made safe to show."""

from collections.abc import Iterable

from .parsing import clean

MAX_LENGTH = 2000


def safe_line(text: str, secrets: Iterable[str] = ()) -> str:
    """Return what a WMS says as one printable line of limited length, with `(secret)` in place of each secret."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "(secret)")
    printable = (sign if sign.isprintable() else " " for sign in clean(text[:MAX_LENGTH]))
    return " ".join("".join(printable).split())
