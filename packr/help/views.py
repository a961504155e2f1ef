"""The help pages and the contact form."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from integrations.entities import Entity
from packr.workspaces.errors import Refused
from packr.workspaces.request_context import request_context
from packr.workspaces.views import signed_in

from . import cadences, services
from .forms import ContactForm
from .support_report import diagnosis


@dataclass(frozen=True, slots=True)
class HelpPage:
    """A help page: its path, title and summary."""

    path: str
    title: str
    summary: str

    @property
    def name(self) -> str:
        return f"help_{self.path.replace('-', '_')}"

    @property
    def template(self) -> str:
        return f"help/{self.path.replace('-', '_')}.html"

    @property
    def url(self) -> str:
        return reverse(self.name)


SYNCING = HelpPage(
    "syncing",
    "Syncing & data freshness",
    "How often data refreshes, how to read the times, and what to do when a screen looks out of date.",
)
PAGES = (
    SYNCING,
    HelpPage(
        "connecting", "Connecting your WMS", "What you need, what happens next, and how to disconnect or reconnect."
    ),
    HelpPage("mapping", "Brand WMS mapping", "Which warehouse account a brand sees, and how to change it."),
    HelpPage("troubleshooting", "Troubleshooting", "What each problem means, and the next step."),
    HelpPage("getting-help", "Getting help", "Who can do what, and how to reach support."),
)


@signed_in
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the list of help pages."""
    request_context(request)
    return render(request, "help/index.html", {"pages": PAGES})


@signed_in
@require_safe
def page(request: HttpRequest, page: HelpPage) -> HttpResponse:
    """Show one help page; the cadences on it are the workspace's own."""
    here = request_context(request)
    rows = cadences.table(here.workspace, bills=here.may_view_bills) if page == SYNCING else []
    return render(request, page.template, {"page": page, "pages": PAGES, "cadences": rows})


@signed_in
@require_http_methods(["GET", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """Show the contact form with the report that support will see. `?entity=` names the type of data it is about."""
    here = request_context(request)
    about = _entity(request.GET.get("entity", ""))
    shown = diagnosis(here, about=about)
    form = ContactForm(request.POST or None, initial={"reply_to": request.user.email})  # type: ignore[union-attr]
    if request.method == "POST" and form.is_valid():
        try:
            sent = services.send_request(here.workspace, request.user, diagnosis=shown, **form.cleaned_data)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _thanks(sent.pk, sent.reply_to))
            return HttpResponseRedirect(reverse("help_contact"), status=303)
    return render(
        request,
        "help/contact.html",
        {"form": form, "diagnosis": shown, "about": about, "pages": PAGES},
        status=400 if form.is_bound else 200,
    )


def _thanks(number: int, reply_to: str) -> str:
    where = f"Support will reply to {reply_to}." if reply_to else "You gave no e-mail address, so note this number."
    return f"Sent. Your request number is {number}. {where}"


def _entity(name: str) -> Entity | None:
    return Entity(name) if name in set(Entity) else None
