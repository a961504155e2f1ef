"""The frame of the admin: its site, read-only tables and the “Now” panel."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.forms import ModelForm as DjangoModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache

from packr.workspaces.formatting import ago, day, exact

if TYPE_CHECKING:  # only the type checker can subscript them
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = DjangoModelForm[Any]
else:
    ModelAdmin, TabularInline, ModelForm = admin.ModelAdmin, admin.TabularInline, DjangoModelForm

Tone = Literal["positive", "info", "neutral", "warning", "critical"]
ICONS = {"positive": "yes", "info": "clock", "neutral": "unknown", "warning": "alert", "critical": "no"}


def mark(tone: str, word: str) -> SafeString:
    """Return a state as icon and word, with the admin's own icons."""
    return format_html('<img src="{}" alt=""> {}', static(f"admin/img/icon-{ICONS[tone]}.svg"), word)


def when(moment: datetime | None) -> str:
    """Return a relative time for a column, or the date if it is more than a month away."""
    return (ago(moment, timezone.now()) or day(moment, UTC)) if moment else "–"


def when_exactly(moment: datetime | None) -> str:
    """Return the exact time in UTC, with the relative time."""
    if moment is None:
        return "–"
    near = ago(moment, timezone.now())
    return f"{exact(moment, UTC)}, {near}" if near else exact(moment, UTC)


def time_column(field: str, description: str, *, exactly: bool = False) -> Callable[[ModelAdmin, Any], str]:
    """Return a method of an admin that shows a time: relative in lists, which sort by it, or exact in forms."""

    @admin.display(description=description, ordering=None if exactly else field)
    def column(self: ModelAdmin, row: Any) -> str:
        return when_exactly(getattr(row, field)) if exactly else when(getattr(row, field))

    return column


class ReadOnly:
    """Forbids adding, changing and deleting, even for superusers. Actions have permissions of their own."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    """A table to look things up in."""


class ReadOnlyInline(ReadOnly, TabularInline):
    """Read-only rows that belong to an object."""

    extra = 0
    show_change_link = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the “Now” panel: its subject, state, and a link to details."""

    label: str
    value: str
    tone: Tone
    url: str = ""

    @property
    def state(self) -> SafeString:
        """The state with the icon of its tone."""
        return mark(self.tone, self.value)


FACTS: list[tuple[str, Callable[[], Fact]]] = []


def now_panel(permission: str) -> Callable[[Callable[[], Fact]], Callable[[], Fact]]:
    """Show the function's fact in the “Now” panel, to users with the permission."""

    def add(fact: Callable[[], Fact]) -> Callable[[], Fact]:
        FACTS.append((permission, fact))
        return fact

    return add


class PackrAdminSite(admin.AdminSite):
    site_header = "Packr support"
    site_title = "Packr support"
    index_title = "Connections, schedules and runs"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show problems first, models below."""
        facts = [fact() for permission, fact in FACTS if request.user.has_perm(permission)]
        return super().index(request, {**(extra_context or {}), "now": facts})

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the sign-in page, which limits failed attempts. Refuse users who are signed in but not staff."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied("The admin is for Packr support staff only.")
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"), settings.LOGIN_URL)
