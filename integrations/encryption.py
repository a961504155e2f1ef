"""Encryption of stored credentials, with rotatable keys from the environment."""

import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class Unreadable(Exception):
    """Raised for stored credentials that no configured key decrypts."""


def _keys() -> MultiFernet:
    try:
        return MultiFernet([Fernet(key.strip()) for key in settings.CREDENTIAL_KEYS])
    except ValueError:
        raise ImproperlyConfigured(
            "PACKR_CREDENTIAL_KEYS must hold Fernet keys: 32 bytes each, in URL-safe base64, separated by commas."
        ) from None


def encrypt(credentials: Mapping[str, str]) -> str:
    """Return the credentials as text, encrypted with the first key."""
    return _keys().encrypt(json.dumps(dict(credentials)).encode()).decode()


def decrypt(sealed: str) -> dict[str, str]:
    """Return the decrypted credentials. Raises Unreadable if no key fits."""
    try:
        opened: dict[str, str] = json.loads(_keys().decrypt(sealed.encode()))
    except InvalidToken:
        raise Unreadable(
            "The stored credentials can't be decrypted with the keys in PACKR_CREDENTIAL_KEYS. "
            "Restore the key that encrypted them, or reconnect."
        ) from None
    return opened


def rotate(sealed: str) -> str:
    """Return the same credentials, encrypted with the first key. Raises Unreadable if no key fits."""
    try:
        return _keys().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable("These credentials can't be decrypted with any key in PACKR_CREDENTIAL_KEYS.") from None
