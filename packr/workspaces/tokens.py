"""API tokens: created and shown once, recognised by their digest, revoked permanently."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db.models import Q
from django.utils.timezone import now

from .models import Scope, Token

PREFIX = "packr_"
# Otherwise each request would write to its token.
USE_RECORDED_EVERY = timedelta(minutes=1)


def create(user: Any, scopes: Iterable[Scope] = ()) -> str:
    """Create a token for a user with these scopes, or with all. Return its secret, which can't be read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    wanted = set(scopes)
    granted = [scope.value for scope in Scope if not wanted or scope in wanted]
    Token.objects.create(user=user, digest=_digest(secret), ending=secret[-4:], scopes=granted)
    return secret


def find(secret: str) -> Token | None:
    """Return the token with this secret and record its use; None if unknown, revoked or of an inactive user."""
    valid = Token.objects.filter(revoked_at=None, user__is_active=True)
    found = valid.select_related("user").filter(digest=_digest(secret)).first()
    if found is not None:
        _record_use(found)
    return found


def revoke(tokens: Any) -> int:
    """Revoke the tokens that are not revoked yet. Return how many."""
    return int(tokens.filter(revoked_at=None).update(revoked_at=now()))


def _record_use(token: Token) -> None:
    moment = now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=moment - USE_RECORDED_EVERY)
    Token.objects.filter(stale, pk=token.pk).update(last_used_at=moment)


def _digest(secret: str) -> str:
    """Return the digest that identifies a secret. With 256 random bits, a plain SHA-256 can't be reversed."""
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
