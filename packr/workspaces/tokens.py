"""API tokens: made once and shown once, known again by their digest, revoked for good."""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.db.models import Q
from django.utils.timezone import now

from .models import Scope, Token

PREFIX = "packr_"
# A token in use would otherwise be written to with every request.
NOTED_EVERY = timedelta(minutes=1)


def create(user: Any, scopes: Iterable[Scope] = ()) -> str:
    """A new token for a person, with these scopes or all of them. Nobody can read it again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    wanted = set(scopes)
    granted = [scope.value for scope in Scope if not wanted or scope in wanted]
    Token.objects.create(user=user, digest=_digest(secret), ending=secret[-4:], scopes=granted)
    return secret


def find(secret: str) -> Token | None:
    """The token this is, its use noted; None for one that is unknown or revoked, or whose person was switched off."""
    valid = Token.objects.filter(revoked_at=None, user__is_active=True)
    found = valid.select_related("user").filter(digest=_digest(secret)).first()
    if found is not None:
        _note(found)
    return found


def revoke(tokens: Any) -> int:
    """Revoke the tokens of a queryset that are not revoked yet; how many those were."""
    return int(tokens.filter(revoked_at=None).update(revoked_at=now()))


def _note(token: Token) -> None:
    moment = now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=moment - NOTED_EVERY)
    Token.objects.filter(stale, pk=token.pk).update(last_used_at=moment)


def _digest(secret: str) -> str:
    """The secret has 256 random bits: a plain digest can't be turned back, and finds its row by an index."""
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
