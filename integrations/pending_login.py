"""A login that was checked and waits for a person's word: in their session, sealed, for a quarter of an hour."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from .encryption import Unreadable, decrypt, encrypt

KEY = "checked_login"
GOOD_FOR = 15 * 60  # seconds


@dataclass(frozen=True)
class Draft:
    """The credentials in clear, and what was kept beside them."""

    credentials: Mapping[str, str]
    more: Mapping[str, Any]


def keep(request: HttpRequest, purpose: str, credentials: Mapping[str, str], **more: Any) -> None:
    """Keep a login for one purpose. `more` is JSON and is kept in clear; the session has room for one login."""
    until = time.time() + GOOD_FOR
    request.session[KEY] = {"purpose": purpose, "until": until, "sealed": encrypt(credentials), "more": more}


def kept(request: HttpRequest, purpose: str) -> Draft | None:
    """The login that was kept for this purpose; None when there is none, or it was too long ago."""
    found = request.session.get(KEY)
    if not found:
        return None
    if found["until"] < time.time():
        forget(request)
        return None
    if found["purpose"] != purpose:
        return None
    try:
        return Draft(decrypt(found["sealed"]), found["more"])
    except Unreadable:
        return None


def forget(request: HttpRequest) -> None:
    request.session.pop(KEY, None)
