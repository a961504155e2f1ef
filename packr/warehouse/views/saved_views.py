"""Saved views: a list's search, filters and sort under a name, for oneself or shared by an admin with the workspace."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from integrations.permissions import is_visible
from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import sent, signed_in

from ..lists.base import Screen
from ..lists.listing import parse_query
from ..lists.screens import BY_NAME
from ..models import SavedView

MOST = 50  # of one person, of one screen
ONLY_ADMINS = "Only an admin of this workspace may share a view."


class Named(forms.Form):
    """A view's name, and for admins whether it is shared."""

    name = forms.CharField(max_length=60, label="Name")
    shared = forms.BooleanField(required=False, label="Share with everyone in the workspace")

    def __init__(self, *args: Any, place: RequestContext, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not place.may_manage:
            del self.fields["shared"]


@signed_in
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep what the form's list is narrowed to and sorted by."""
    person: Any = request.user
    here, screen = request_context(request), _screen(request, request.POST.get("screen", ""))
    if "shared" in request.POST and not here.may_manage:
        raise PermissionDenied(ONLY_ADMINS)
    address = parse_query(screen, QueryDict(request.POST.get("address", ""))).address
    form = Named(request.POST, place=here)
    if not form.is_valid():
        messages.error(request, "The view was not saved: give it a name of at most 60 characters.")
    elif SavedView.objects.filter(person=person, workspace=here.workspace, screen=screen.name).count() >= MOST:
        messages.error(request, f"The view was not saved: you have {MOST} here. Delete one you no longer need first.")
    else:
        view = SavedView(workspace=here.workspace, person=person, screen=screen.name, address=address)
        if _named(view, form):
            messages.success(request, f"Saved as “{view.name}”.")
        else:
            messages.error(request, f"You already have a view “{view.name}” of this list. Choose another name.")
    return HttpResponseRedirect(_list(screen, address), status=303)


@signed_in
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename a view; admins share it, or no longer."""
    here, view = request_context(request), _view(request, pk)
    if "shared" in request.POST and not here.may_manage:
        raise PermissionDenied(ONLY_ADMINS)
    screen = _screen(request, view.screen)
    form = Named(sent(request), initial={"name": view.name, "shared": view.shared}, place=here)
    if request.method == "POST" and form.is_valid():
        if _named(view, form):
            messages.success(request, f"Saved as “{view.name}”.")
            return HttpResponseRedirect(_list(screen, view.address), status=303)
        form.add_error("name", "There is another view of this name. Choose another one.")
    status = 400 if form.errors else 200
    return render(request, "warehouse/saved_view.html", {"view": view, "screen": screen, "form": form}, status=status)


@signed_in
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a view; the list stays as it is."""
    view = _view(request, pk)
    screen = _screen(request, view.screen)
    view.delete()
    messages.success(request, f"The view “{view.name}” was deleted.")
    return HttpResponseRedirect(_list(screen, view.address), status=303)


def _view(request: HttpRequest, pk: int) -> SavedView:
    """A view that the person may change: their own, and for admins the shared ones of the place."""
    here = request_context(request)
    views = SavedView.objects.filter(Q(person=request.user) | Q(shared=True), workspace=here.workspace)
    view = get_object_or_404(views, pk=pk)
    if view.person_id != request.user.pk and not here.may_manage:
        raise PermissionDenied("Only an admin of this workspace, or who made it, may change a shared view.")
    return view


def _screen(request: HttpRequest, name: str) -> Screen:
    screen = BY_NAME.get(name)
    if screen is None:
        raise Http404("There is no such list.")
    if not is_visible(screen.entity, bills=request_context(request).may_view_bills):
        raise PermissionDenied("Only people who may see the WMS’s bills may do this.")
    return screen


def _named(view: SavedView, form: Named) -> bool:
    """Store the view as the form has it; False when its owner has another one of that name there."""
    view.name = " ".join(form.cleaned_data["name"].split())
    view.shared = form.cleaned_data.get("shared", view.shared)
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        return False
    return True


def _list(screen: Screen, address: str) -> str:
    return f"{reverse(screen.name)}?{address}" if address else reverse(screen.name)
