"""The error format of the REST API, and its answer to unknown URLs."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from . import views
from .errors import Refused

ROOT = "/api/"
SIGN_IN = "Sign in, or send a valid token: Authorization: Bearer packr_…"
BROKEN = "Packr could not answer this request. The problem is on our side and was logged. Try again in a moment."


class TokenInSchema(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its own hook has no types
    """Describes token authentication in the OpenAPI schema."""

    target_class = "packr.workspaces.api_auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "From `manage.py token USER`."}


class ErrorDetail(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="a code for programs, such as `not_found`")
    message = serializers.CharField(help_text="what happened and what to do, for people")
    origin = serializers.CharField(
        help_text="who the message is from: `packr`, `wms`, or `trackstar` for the service in between"
    )
    fields = serializers.DictField(  # type: ignore[assignment]  # the name is the API's
        child=serializers.ListField(child=serializers.CharField()), help_text="error messages by field"
    )


class Error(serializers.Serializer[Any]):
    error = ErrorDetail()


class Conflict(exceptions.APIException):
    """A request that contradicts the current state."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


def body(
    code: str, message: str, fields: Mapping[str, list[str]] | None = None, *, origin: str = "packr"
) -> dict[str, Any]:
    """Return an error in the API's format."""
    return {"error": {"code": code, "message": message, "origin": origin, "fields": dict(fields or {})}}


def refusal(error: Refused) -> dict[str, Any]:
    """Return the body that answers a refused request."""
    code = Conflict.default_code if error.status == HTTPStatus.CONFLICT else "invalid"
    return body(code, str(error), {error.field: [str(error)]} if error.field else {})


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return any refusal in the API's format. Return None for an unexpected exception, which Django logs."""
    if isinstance(error, Refused):
        return Response(refusal(error), status=error.status)
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        fields = _fields(error.detail)
        first = next(iter(fields.values()), [""])[0]
        response.data = body("invalid", first, fields)
        return response
    response.data = body(_code(error, response), _message(error, response))
    return response


def _fields(detail: Any) -> dict[str, list[str]]:
    """Return the messages by field name, flat; those about the whole request under `request`."""
    named = detail if isinstance(detail, dict) else {"request": detail}
    return {
        "request" if name == "non_field_errors" else str(name): [str(one) for one in _each(each)]
        for name, each in named.items()
    }


def _each(found: Any) -> list[Any]:
    if isinstance(found, dict):
        found = list(found.values())
    return [one for each in found for one in _each(each)] if isinstance(found, list) else [found]


def _code(error: Exception, response: Response) -> str:
    if isinstance(error, exceptions.APIException):
        found = error.get_codes()
        return found if isinstance(found, str) else error.default_code
    return "not_found" if response.status_code == status.HTTP_404_NOT_FOUND else "permission_denied"


def _message(error: Exception, response: Response) -> str:
    if isinstance(error, exceptions.NotAuthenticated):
        return SIGN_IN
    if isinstance(error, Http404) or not isinstance(error, exceptions.APIException):
        return str(error) or response.status_text
    return str(error.detail)


class Missing(APIView):
    """Answers 404 to any API URL that does not exist."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise exceptions.NotFound("This URL doesn't exist. See /api/v1/docs/ for the endpoints.")


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 500: in the API's format under the API's path, otherwise as a page."""
    if request.path.startswith(ROOT):
        return JsonResponse(body("error", BROKEN), status=500)
    return views.broken(request)
