"""A checked login that waits for confirmation: encrypted in the person's session, for 15 minutes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from .encryption import Unreadable, decrypt, encrypt

SESSION_KEY = "checked_login"
MAX_AGE = 15 * 60  # seconds


@dataclass(frozen=True)
class PendingLogin:
    """The credentials in clear, and the details that were saved with them."""

    credentials: Mapping[str, str]
    details: Mapping[str, Any]


def save(request: HttpRequest, purpose: str, credentials: Mapping[str, str], **details: Any) -> None:
    """Save a login for one purpose, in place of an earlier one. `details` are JSON and are not encrypted."""
    until = time.time() + MAX_AGE
    request.session[SESSION_KEY] = {
        "purpose": purpose,
        "until": until,
        "sealed": encrypt(credentials),
        "details": details,
    }


def load(request: HttpRequest, purpose: str) -> PendingLogin | None:
    """Return the login saved for this purpose; None if there is none or it is too old."""
    found = request.session.get(SESSION_KEY)
    if not found or found["purpose"] != purpose:
        return None
    if found["until"] < time.time():
        clear(request)
        return None
    try:
        return PendingLogin(decrypt(found["sealed"]), found["details"])
    except Unreadable:
        return None


def clear(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)
