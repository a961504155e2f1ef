"""Sign-in, the home page and the error page; helpers that all views share."""

from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, resolve_url
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from . import access

MAX_ATTEMPTS = 10
LOCKOUT_SECONDS = 15 * 60
TOO_MANY_ATTEMPTS = "Too many attempts. Wait 15 minutes, then sign in again, or ask an admin for a new password."

Rest = ParamSpec("Rest")
View = Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]


def by_htmx(request: HttpRequest) -> bool:
    """Return whether htmx requested a fragment."""
    return request.headers.get("HX-Request") == "true"


def sent(request: HttpRequest) -> QueryDict | None:
    """Return the data of a submitted form, even if empty; None if the form is only shown."""
    return request.POST if request.method == "POST" else None


def signed_in(view: View[Rest]) -> View[Rest]:
    """Send people who are not signed in to the sign-in page; a fragment request sends its whole page there."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            response = view(request, *args, **kwargs)
            patch_vary_headers(response, ["HX-Request"])
            return response
        if by_htmx(request):
            return HttpResponse(status=204, headers={"HX-Redirect": resolve_url(settings.LOGIN_URL)})
        return redirect_to_login(request.get_full_path())

    return guarded


@signed_in
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Redirect to Orders; support staff without a workspace to the admin."""
    if request.user.is_staff and not access.workspaces(request.user).exists():
        return redirect("admin:index")
    return redirect("orders")


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 500 with a page in the person's workspace, or a bare page if rendering that fails too."""
    try:
        page = render_to_string("500.html", request=request)
    except Exception:  # the cause may affect every page
        page = render_to_string("500.html")
    return HttpResponse(page, status=500)


class SignIn(LoginView):
    """Signs in, with a limit on failed attempts per user name and address."""

    template_name = "workspaces/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if cache.get(self._key(), 0) >= MAX_ATTEMPTS:
            unread = self.get_form_class()(request)
            return self.render_to_response(self.get_context_data(form=unread, refused=TOO_MANY_ATTEMPTS), status=429)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        cache.delete(self._key())
        return super().form_valid(form)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        cache.set(self._key(), cache.get(self._key(), 0) + 1, LOCKOUT_SECONDS)
        return super().form_invalid(form)

    def _key(self) -> str:
        who = f"{self.request.POST.get('username', '').casefold()} {self.request.META.get('REMOTE_ADDR', '')}"
        return f"sign-in:{sha256(who.encode()).hexdigest()}"
