"""The workspace and the brand that a request is about."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.http import Http404, HttpRequest

from . import access
from .models import ACT, MANAGE_CONNECTIONS, TRIGGER_SYNC, VIEW_BILLS, Brand, Workspace

T = TypeVar("T")


@dataclass(frozen=True)
class RequestContext:
    """A person's workspace, the brand they look at (None: all brands) and what they may do there."""

    workspace: Workspace
    brand: Brand | None
    workspaces: list[Workspace]
    brands: list[Brand]
    may_sync: bool
    may_manage: bool = False
    may_view_bills: bool = False
    may_act: bool = False
    _shared: dict[Callable[["RequestContext"], Any], Any] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def shared(self, load: Callable[["RequestContext"], T]) -> T:
        """Return what `load` makes of this context: made on first use, then the same object for the whole request."""
        if load not in self._shared:
            self._shared[load] = load(self)
        found: T = self._shared[load]
        return found


def request_context(request: HttpRequest) -> RequestContext:
    """Return the context of `request`. `?workspace=` and `?brand=` change it, and the session remembers the choice.

    Raises Http404 for a person without a workspace, and for a workspace or a brand that is not theirs.
    """
    context = getattr(request, "packr_context", None)
    if context is None:
        context = _load_context(request)
        request.packr_context = context  # type: ignore[attr-defined]
    return context


def _load_context(request: HttpRequest) -> RequestContext:
    workspaces: list[Any] = list(
        access.workspaces(request.user)
        .annotate(
            may_sync=access.holds(request.user, TRIGGER_SYNC),
            may_manage=access.holds(request.user, MANAGE_CONNECTIONS),
            may_view_bills=access.holds(request.user, VIEW_BILLS),
            may_act=access.holds(request.user, ACT),
        )
        .order_by("name")
    )
    if not workspaces:
        raise Http404("You are not in any workspace yet. Ask a workspace admin to add you.")
    workspace = _choose(request, "workspace", {one.slug: one for one in workspaces}) or workspaces[0]
    brands = list(workspace.brands.all())
    brand = _choose(request, "brand", {one.slug: one for one in brands})
    rights = (workspace.may_sync, workspace.may_manage, workspace.may_view_bills, workspace.may_act)
    return RequestContext(workspace, brand, workspaces, brands, *rights)


def _choose(request: HttpRequest, name: str, choices: dict[str, T]) -> T | None:
    """Return the chosen workspace or brand: the one in the address, else the one in the session, else None."""
    chosen = request.GET.get(name)
    if chosen:
        if chosen not in choices:
            raise Http404(f"There is no such {name} here.")
        if request.session.get(name) != chosen:
            request.session[name] = chosen
    elif chosen == "":
        request.session.pop(name, None)
    return choices.get(request.session.get(name, ""))
