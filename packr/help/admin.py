"""People's requests, for support: read and answered here, or by mail."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from packr.admin import Fact, ReadOnlyAdmin, mark, now_panel, when, when_exactly

from . import services
from .models import Status, SupportRequest


@now_panel("help.view_supportrequest")
def requests_now() -> Fact:
    """How many requests wait for an answer."""
    waiting = SupportRequest.objects.filter(status=Status.NEW).count()
    url = f"{reverse('admin:help_supportrequest_changelist')}?status__exact=new"
    words = f"{waiting} wait{'s' if waiting == 1 else ''} for an answer" if waiting else "All answered"
    return Fact("Support requests", words, "warning" if waiting else "positive", url)


@admin.register(SupportRequest)
class SupportRequestAdmin(ReadOnlyAdmin):
    list_display = ["number", "workspace", "person", "beginning", "state", "asked", "mailed"]
    list_display_links = ["number", "beginning"]
    list_select_related = ["workspace", "person"]
    list_filter = ["status"]
    search_fields = ["message", "workspace__name", "workspace__slug", "person__username", "reply_to"]
    search_help_text = "Words of the request, workspace, person or address"
    show_full_result_count = False
    actions = ["mark_answered"]
    fields = [
        "workspace",
        "person",
        "reply_to",
        "message",
        "report",
        "state",
        "asked_exactly",
        "mailed_exactly",
        "answered_exactly",
        "answered_by",
    ]

    def has_answer_permission(self, request: HttpRequest) -> bool:
        """Whether the person may say that a request was answered."""
        return request.user.has_perm("help.change_supportrequest")

    @admin.display(description="request", ordering="id")
    def number(self, asked: SupportRequest) -> str:
        return f"Request {asked.pk}"

    @admin.display(description="message")
    def beginning(self, asked: SupportRequest) -> str:
        return asked.message[:80]

    @admin.display(description="status", ordering="status")
    def state(self, asked: SupportRequest) -> SafeString:
        return mark("positive" if asked.status == Status.ANSWERED else "warning", asked.get_status_display())

    @admin.display(description="asked", ordering="created_at")
    def asked(self, asked: SupportRequest) -> str:
        return when(asked.created_at)

    @admin.display(description="mailed", ordering="mailed_at")
    def mailed(self, asked: SupportRequest) -> str:
        return when(asked.mailed_at)

    @admin.display(description="asked")
    def asked_exactly(self, asked: SupportRequest) -> str:
        return when_exactly(asked.created_at)

    @admin.display(description="mailed")
    def mailed_exactly(self, asked: SupportRequest) -> str:
        return when_exactly(asked.mailed_at) if asked.mailed_at else "Not mailed: it is only here"

    @admin.display(description="answered")
    def answered_exactly(self, asked: SupportRequest) -> str:
        return when_exactly(asked.answered_at)

    @admin.display(description="diagnosis")
    def report(self, asked: SupportRequest) -> SafeString:
        return format_html("<pre>{}</pre>", asked.diagnosis)

    @admin.action(description="Mark as answered", permissions=["answer"])
    def mark_answered(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        chosen = list(queryset.filter(status=Status.NEW))
        count = services.answered(queryset, person=request.user)
        for one in chosen:
            self.log_change(request, one, "Marked as answered.")
        self.message_user(request, f"{count} marked as answered.", messages.SUCCESS)
