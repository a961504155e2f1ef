"""Which workspace, and which of its brands, a request is about."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.http import Http404, HttpRequest

from . import access
from .models import ACT, MANAGE_CONNECTIONS, TRIGGER_SYNC, VIEW_BILLS, Brand, Workspace

T = TypeVar("T")


@dataclass(frozen=True)
class RequestContext:
    """Where a person is: their workspace, the brand they look at (None: all of them), what they may do.

    `known` is what was already read about the place, so that the parts of a page read it once.
    """

    workspace: Workspace
    brand: Brand | None
    workspaces: list[Workspace]
    brands: list[Brand]
    may_sync: bool
    may_manage: bool = False
    may_view_bills: bool = False
    may_act: bool = False
    known: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


def request_context(request: HttpRequest) -> RequestContext:
    """The request's place, worked out once. `?workspace=` and `?brand=` change it, and the session remembers.

    Http404 for a person without a workspace, and for a workspace or a brand that is not theirs.
    """
    found = getattr(request, "packr_place", None)
    if found is None:
        found = _place(request)
        request.packr_place = found  # type: ignore[attr-defined]
    return found


def _place(request: HttpRequest) -> RequestContext:
    mine: list[Any] = list(
        access.workspaces(request.user)
        .annotate(
            may_sync=access.holds(request.user, TRIGGER_SYNC),
            may_manage=access.holds(request.user, MANAGE_CONNECTIONS),
            may_view_bills=access.holds(request.user, VIEW_BILLS),
            may_act=access.holds(request.user, ACT),
        )
        .order_by("name")
    )
    if not mine:
        raise Http404("You are not in any workspace yet. Ask an admin of yours to add you.")
    workspace = _choose(request, "workspace", {one.slug: one for one in mine}) or mine[0]
    brands = list(workspace.brands.all())
    brand = _choose(request, "brand", {one.slug: one for one in brands})
    rights = (workspace.may_sync, workspace.may_manage, workspace.may_view_bills, workspace.may_act)
    return RequestContext(workspace, brand, mine, brands, *rights)


def _choose(request: HttpRequest, name: str, choices: dict[str, T]) -> T | None:
    asked = request.GET.get(name)
    if asked:
        if asked not in choices:
            raise Http404(f"There is no such {name} here.")
        if request.session.get(name) != asked:
            request.session[name] = asked
    elif asked == "":
        request.session.pop(name, None)
    return choices.get(request.session.get(name, ""))
