"""Who asks the REST API, what they may use it for, how often, and in which form. Named in the settings."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from . import tokens
from .models import Scope, Token

if TYPE_CHECKING:  # its module asks the settings for what is in here
    from rest_framework.views import APIView

LARGEST_BODY = 64 * 1024


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer packr_…`: the program acts as the token's person."""

    UNKNOWN = "This token is unknown, or it was revoked. Ask support for a new one."

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        kind, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if kind.lower() != "bearer":
            return None
        found = tokens.find(secret.strip())
        if found is None:
            raise exceptions.AuthenticationFailed(self.UNKNOWN)
        return found.user, found

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """A token may be used for its scopes alone: reading, or what the view says it does (`scope`)."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        token = request.auth
        if not isinstance(token, Token):
            return True
        needed = Scope.READ if request.method in SAFE_METHODS else getattr(view, "scope", Scope.READ)
        self.message = f"This token was not made for this: it lacks the scope “{needed}”."
        return needed in token.scopes


class Throttle(SimpleRateThrottle):
    """So many requests per token, or per person for a session."""

    scope = "api"

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        if isinstance(request.auth, Token):
            return f"api:token:{request.auth.pk}"
        return f"api:person:{request.user.pk or self.get_ident(request)}"


class JsonParser(BaseParser):
    """JSON of a reasonable size and depth."""

    media_type = "application/json"
    UNREADABLE = 'The request is no JSON that Packr can read, such as {"entity": "orders"}.'

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise exceptions.ParseError(f"The request is too large: at most {LARGEST_BODY // 1024} KiB.")
        try:
            found = json.loads(body)
            json.dumps(found, ensure_ascii=False).encode()  # half a character could not be told back
        except (ValueError, RecursionError):
            raise exceptions.ParseError(self.UNREADABLE) from None
        return found


class Json(DefaultContentNegotiation):
    """Packr answers in JSON, whatever a client says it would rather have."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Pages(CursorPagination):
    """{next, previous, results}: pages that neither repeat nor miss a row while others come and go."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = "-id"
