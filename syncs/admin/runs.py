"""Runs and rejected records."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from packr.admin import ReadOnlyAdmin
from packr.workspaces.formatting import span
from packr.workspaces.models import TRIGGER_SYNC

from ..models import RejectedRecord, SyncRun
from ..runs import lifecycle, rejected_records
from ..templatetags.syncs import run_cost
from ..views.reviews import retry_summary
from .columns import ConnectionModelAdmin, run_mark
from .removal_reviews import DecisionFilter, RemovalReviewAdmin

MAX_RETRIES = 100  # the person waits for the WMS meanwhile
COUNTS = ("created", "updated", "unchanged", "stale", "rejected", "removed")


@admin.register(SyncRun)
class SyncRunAdmin(RemovalReviewAdmin, ConnectionModelAdmin, ReadOnlyAdmin):
    """Runs, read-only."""

    list_display = [
        "id",
        "entity",
        "workspace",
        "connection_name",
        "state_mark",
        "mode",
        "trigger",
        "seen",
        "counts",
        "held_back",
        "started_at",
        "took",
        "message",
    ]
    list_select_related = ["connection__workspace", "lane"]
    list_filter = ["state", DecisionFilter, "entity", "mode", "trigger", "connection__wms"]
    list_per_page = 50
    date_hierarchy = "started_at"
    show_full_result_count = False
    search_fields = ["connection__name", "connection__workspace__name", "connection__workspace__slug"]
    search_help_text = "Number of a run, connection or workspace"
    actions = ["cancel", "release", "reject"]
    fieldsets = [
        (None, {"fields": ["connection", "entity", "mode", "trigger", "requested_by", "state_mark", "message"]}),
        ("Counts", {"fields": ["pages", "seen", *COUNTS]}),
        (
            "Pending removals",
            {"fields": ["held", "decision", "reviewed_by", "reviewed_at", "releases"]},
        ),
        (
            "When",
            {"fields": ["due_at", "ready_at", "started_at", "completed_at", "took", "beat_at", "waiting_since"]},
        ),
        ("Scope", {"fields": ["since", "border", "then_full", "followed_by"]}),
        (
            "For debugging",
            {"fields": ["lane", "failure", "detail", "claims", "waits", "cancel_asked", "cancelled_by"]},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("connection__workspace", "lane")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Find a run by its number, else by connection or workspace."""
        number = search_term.strip()
        if number.isdecimal() and len(number) < 19:
            return queryset.filter(pk=int(number)), False
        return super().get_search_results(request, queryset, search_term)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may cancel runs."""
        return request.user.has_perm(f"workspaces.{TRIGGER_SYNC}")

    @admin.display(description="state", ordering="state")
    def state_mark(self, run: SyncRun) -> SafeString:
        return run_mark(run)

    @admin.display(description="of which")
    def counts(self, run: SyncRun) -> str:
        return ", ".join(f"{getattr(run, name):,} {name}" for name in COUNTS if getattr(run, name)) or "–"

    @admin.display(description="took")
    def took(self, run: SyncRun) -> str:
        if run.started_at and run.is_active:
            return f"{span(timezone.now() - run.started_at)} so far"
        return run_cost(run) or "–"

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> None:
        for run in queryset:
            if not lifecycle.cancel(run, person=request.user):
                self.message_user(request, f"{run} had already ended.", messages.WARNING)
                continue
            self.log_change(request, run, "Cancelled.")
            self.message_user(request, f"{run} is cancelled. Its changes are kept.", messages.SUCCESS)


@admin.register(RejectedRecord)
class RejectedRecordAdmin(ConnectionModelAdmin, ReadOnlyAdmin):
    """Rejected records, each with the reason."""

    list_display = ["external_id", "entity", "workspace", "connection_name", "reason", "first_seen_at", "last_seen_at"]
    list_display_links = ["external_id", "reason"]
    list_select_related = ["connection__workspace"]
    list_filter = ["entity", "connection__wms"]
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["external_id", "reason", "connection__name", "connection__workspace__slug"]
    search_help_text = "Id, reason, connection or workspace"
    fields = ["connection", "entity", "external_id", "reason", "excerpt", "run", "first_seen_at", "last_seen_at"]
    actions = ["read_again"]

    def has_read_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may read records from the WMS."""
        return request.user.has_perm(f"workspaces.{TRIGGER_SYNC}")

    @admin.action(description="Retry the rejected records", permissions=["read"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[RejectedRecord]) -> None:
        outcome = rejected_records.retry(queryset.select_related("connection__workspace")[:MAX_RETRIES])
        self.message_user(
            request,
            retry_summary(outcome),
            messages.WARNING if outcome.still or outcome.trouble else messages.SUCCESS,
        )
