"""What every page knows."""

from typing import Any

from django.http import Http404, HttpRequest

from .request_context import request_context


def current(request: HttpRequest) -> dict[str, Any]:
    """`place` for the pages of people who are in a workspace; nothing for the rest (sign in, the admin)."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or request.path.startswith("/admin/"):
        return {}
    try:
        return {"place": request_context(request)}
    except Http404:
        return {}
