"""Credentials at rest: encrypted with keys from the environment, which can be rotated."""

import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class Unreadable(Exception):
    """Stored credentials that none of the configured keys opens."""


def _keys() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key.strip()) for key in settings.CREDENTIAL_KEYS])
    except ValueError:
        raise ImproperlyConfigured(
            "PACKR_CREDENTIAL_KEYS must hold Fernet keys: 32 bytes each, in URL-safe base64, separated by commas."
        ) from None


def encrypt(credentials: Mapping[str, str]) -> str:
    """The credentials as an encrypted text; the first key encrypts."""
    return _keys().encrypt(json.dumps(dict(credentials)).encode()).decode()


def decrypt(sealed: str) -> dict[str, str]:
    """The credentials back; Unreadable when no key fits, never a guess."""
    try:
        opened: dict[str, str] = json.loads(_keys().decrypt(sealed.encode()))
    except InvalidToken:
        raise Unreadable(
            "The stored credentials can't be opened with the keys in PACKR_CREDENTIAL_KEYS. "
            "Put the key back that they were stored with, or reconnect."
        ) from None
    return opened


def rotate(sealed: str) -> str:
    """The same credentials, encrypted with the first key."""
    try:
        return _keys().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable("These credentials can't be opened with any key in PACKR_CREDENTIAL_KEYS.") from None
