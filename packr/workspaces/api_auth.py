"""Authentication, scopes, throttling, parsing and paging of the REST API. The settings name these classes."""

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

if TYPE_CHECKING:  # it imports the settings' classes, which are defined here
    from rest_framework.views import APIView

MAX_BODY_BYTES = 64 * 1024


class TokenAuthentication(BaseAuthentication):
    """Authenticates `Authorization: Bearer packr_…` as the token's user."""

    UNKNOWN = "This token is unknown or was revoked. Ask support for a new one."

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
    """Allows a token only what its scopes cover: reading, or the view's `scope`."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        token = request.auth
        if not isinstance(token, Token):
            return True
        needed = Scope.READ if request.method in SAFE_METHODS else getattr(view, "scope", Scope.READ)
        self.message = f"This token lacks the scope “{needed}”. Create a token that has it."
        return needed in token.scopes


class ApiThrottle(SimpleRateThrottle):
    """Limits requests per token, or per user of a session."""

    scope = "api"

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        if isinstance(request.auth, Token):
            return f"api:token:{request.auth.pk}"
        return f"api:person:{request.user.pk or self.get_ident(request)}"


class JsonParser(BaseParser):
    """Parses JSON of limited size and depth."""

    media_type = "application/json"
    UNREADABLE = 'The request is not valid JSON. Send an object such as {"entity": "orders"}.'

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise exceptions.ParseError(f"The request is too large: at most {MAX_BODY_BYTES // 1024} KiB.")
        try:
            found = json.loads(body)
            json.dumps(found, ensure_ascii=False).encode()  # rejects half a surrogate pair
        except (ValueError, RecursionError):
            raise exceptions.ParseError(self.UNREADABLE) from None
        return found


class Json(DefaultContentNegotiation):
    """Answers in JSON whatever the client accepts."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Pages(CursorPagination):
    """{next, previous, results}: cursor pages that neither repeat nor miss a row while rows change."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = "-id"
