"""Admin of support requests."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from packr.admin import Fact, ReadOnlyAdmin, mark, now_panel, time_column, when_exactly

from . import services
from .models import SupportRequest, SupportRequestStatus


@now_panel("help.view_supportrequest")
def requests_now() -> Fact:
    """Return the number of requests that wait for an answer."""
    waiting = SupportRequest.objects.filter(status=SupportRequestStatus.NEW).count()
    url = f"{reverse('admin:help_supportrequest_changelist')}?status__exact=new"
    words = f"{waiting} waiting for an answer" if waiting else "All answered"
    return Fact("Support requests", words, "warning" if waiting else "positive", url)


@admin.register(SupportRequest)
class SupportRequestAdmin(ReadOnlyAdmin):
    list_display = ["number", "workspace", "person", "beginning", "state", "sent", "mailed"]
    list_display_links = ["number", "beginning"]
    list_select_related = ["workspace", "person"]
    list_filter = ["status"]
    search_fields = ["message", "workspace__name", "workspace__slug", "person__username", "reply_to"]
    search_help_text = "Message, workspace, person or address"
    show_full_result_count = False
    actions = ["mark_answered"]
    fields = [
        "workspace",
        "person",
        "reply_to",
        "message",
        "report",
        "state",
        "sent_exactly",
        "mailed_exactly",
        "answered_exactly",
        "answered_by",
    ]

    def has_answer_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may mark requests as answered."""
        return request.user.has_perm("help.change_supportrequest")

    @admin.display(description="request", ordering="id")
    def number(self, sent: SupportRequest) -> str:
        return f"Request {sent.pk}"

    @admin.display(description="message")
    def beginning(self, sent: SupportRequest) -> str:
        return sent.message[:80]

    @admin.display(description="status", ordering="status")
    def state(self, sent: SupportRequest) -> SafeString:
        return mark(
            "positive" if sent.status == SupportRequestStatus.ANSWERED else "warning", sent.get_status_display()
        )

    sent = time_column("created_at", "sent")
    mailed = time_column("mailed_at", "mailed")
    sent_exactly = time_column("created_at", "sent", exactly=True)
    answered_exactly = time_column("answered_at", "answered", exactly=True)

    @admin.display(description="mailed")
    def mailed_exactly(self, sent: SupportRequest) -> str:
        return when_exactly(sent.mailed_at) if sent.mailed_at else "Not mailed; it is only in this list"

    @admin.display(description="diagnosis")
    def report(self, sent: SupportRequest) -> SafeString:
        return format_html("<pre>{}</pre>", sent.diagnosis)

    @admin.action(description="Mark as answered", permissions=["answer"])
    def mark_answered(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        chosen = list(queryset.filter(status=SupportRequestStatus.NEW))
        count = services.answered(queryset, person=request.user)
        for one in chosen:
            self.log_change(request, one, "Marked as answered.")
        self.message_user(request, f"{count} marked as answered.", messages.SUCCESS)
