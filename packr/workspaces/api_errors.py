"""What every part of the REST API answers alike: errors, and addresses that are none of its own."""

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
SIGN_IN = "Sign in, or send a token that is valid: Authorization: Bearer packr_…"
BROKEN = "Packr could not answer this. It is on our side, and was logged; try again in a moment."


class TokenInSchema(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its own hook has no types
    """How the schema tells of tokens."""

    target_class = "packr.workspaces.api_auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "From `manage.py token USER`."}


class ErrorDetail(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="a word for programs, such as `not_found`")
    message = serializers.CharField(help_text="what happened and what to do, for people")
    origin = serializers.CharField(
        help_text="whose words these are: `packr`, or `wms` for what the WMS itself said, or `trackstar` for what the "
        "service in between did"
    )
    fields = serializers.DictField(  # type: ignore[assignment]  # the name is the API's
        child=serializers.ListField(child=serializers.CharField()), help_text="what is wrong with which field sent"
    )


class Error(serializers.Serializer[Any]):
    error = ErrorDetail()


class Conflict(exceptions.APIException):
    """What was asked for does not fit how things stand by now."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


def body(
    code: str, message: str, fields: Mapping[str, list[str]] | None = None, *, origin: str = "packr"
) -> dict[str, Any]:
    """The one form of an error."""
    return {"error": {"code": code, "message": message, "origin": origin, "fields": dict(fields or {})}}


def refusal(error: Refused) -> dict[str, Any]:
    """Return the body that answers a refused request."""
    code = Conflict.default_code if error.status == HTTPStatus.CONFLICT else "invalid"
    return body(code, str(error), {error.field: [str(error)]} if error.field else {})


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every refusal in the one form; None for what is no refusal but a fault, which Django logs."""
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
    """What is wrong with which field, flat; what is wrong with all of it under `request`."""
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
    """Any address that is none of the API's."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise exceptions.NotFound("There is no such address. See /api/v1/docs/ for those there are.")


def broken(request: HttpRequest) -> HttpResponse:
    """A fault of ours: in the API's form to those who asked the API, else the page."""
    if request.path.startswith(ROOT):
        return JsonResponse(body("error", BROKEN), status=500)
    return views.broken(request)
