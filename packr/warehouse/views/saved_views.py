"""Saved views: a list's search, filters and sort order under a name, private or shared by an admin."""

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

from integrations.bill_access import is_visible
from packr.workspaces.request_context import RequestContext, request_context
from packr.workspaces.views import sent, signed_in

from ..lists.base import Screen
from ..lists.listing import parse_query
from ..lists.screens import BY_NAME
from ..models import SavedView

MAX_VIEWS = 50  # of one person, for one screen
ONLY_ADMINS = "Only an admin of this workspace may share a view."


class SavedViewForm(forms.Form):
    """Name of a view, and for admins whether it is shared."""

    name = forms.CharField(max_length=60, label="Name")
    shared = forms.BooleanField(required=False, label="Share with everyone in the workspace")

    def __init__(self, *args: Any, context: RequestContext, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not context.may_manage:
            del self.fields["shared"]


@signed_in
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Save the query of a list under a name."""
    person: Any = request.user
    context, screen = request_context(request), _screen(request, request.POST.get("screen", ""))
    if "shared" in request.POST and not context.may_manage:
        raise PermissionDenied(ONLY_ADMINS)
    address = parse_query(screen, QueryDict(request.POST.get("address", ""))).address
    form = SavedViewForm(request.POST, context=context)
    if not form.is_valid():
        messages.error(request, "The view was not saved: enter a name of at most 60 characters.")
    elif SavedView.objects.filter(person=person, workspace=context.workspace, screen=screen.name).count() >= MAX_VIEWS:
        messages.error(
            request, f"The view was not saved: this list has {MAX_VIEWS} of your views already. Delete one first."
        )
    else:
        view = SavedView(workspace=context.workspace, person=person, screen=screen.name, address=address)
        if _save_named(view, form):
            messages.success(request, f"Saved as “{view.name}”.")
        else:
            messages.error(request, f"You already have a view “{view.name}” of this list. Choose another name.")
    return HttpResponseRedirect(_list_url(screen, address), status=303)


@signed_in
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename a view; admins can also share it."""
    context, view = request_context(request), _view(request, pk)
    if "shared" in request.POST and not context.may_manage:
        raise PermissionDenied(ONLY_ADMINS)
    screen = _screen(request, view.screen)
    form = SavedViewForm(sent(request), initial={"name": view.name, "shared": view.shared}, context=context)
    if request.method == "POST" and form.is_valid():
        if _save_named(view, form):
            messages.success(request, f"Saved as “{view.name}”.")
            return HttpResponseRedirect(_list_url(screen, view.address), status=303)
        form.add_error("name", "Another view has this name. Choose another name.")
    status = 400 if form.errors else 200
    return render(request, "warehouse/saved_view.html", {"view": view, "screen": screen, "form": form}, status=status)


@signed_in
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a view."""
    view = _view(request, pk)
    screen = _screen(request, view.screen)
    view.delete()
    messages.success(request, f"The view “{view.name}” was deleted.")
    return HttpResponseRedirect(_list_url(screen, view.address), status=303)


def _view(request: HttpRequest, pk: int) -> SavedView:
    """Return a view that the person may change: their own, or for admins a shared one."""
    context = request_context(request)
    views = SavedView.objects.filter(Q(person=request.user) | Q(shared=True), workspace=context.workspace)
    view = get_object_or_404(views, pk=pk)
    if view.person_id != request.user.pk and not context.may_manage:
        raise PermissionDenied("Only its creator or an admin of this workspace may change a shared view.")
    return view


def _screen(request: HttpRequest, name: str) -> Screen:
    screen = BY_NAME.get(name)
    if screen is None:
        raise Http404("There is no such list.")
    if not is_visible(screen.entity, bills=request_context(request).may_view_bills):
        raise PermissionDenied("Only people who may see the WMS’s bills may do this.")
    return screen


def _save_named(view: SavedView, form: SavedViewForm) -> bool:
    """Save the view with the form's values. Return False if its owner has another view of that name."""
    view.name = " ".join(form.cleaned_data["name"].split())
    view.shared = form.cleaned_data.get("shared", view.shared)
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        return False
    return True


def _list_url(screen: Screen, address: str) -> str:
    return f"{reverse(screen.name)}?{address}" if address else reverse(screen.name)
