"""Pending removals: support reviews the list, and releases or rejects them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from packr.admin import ModelAdmin
from packr.workspaces.errors import Refused

from .. import removal_reviews
from ..models import Review, State, SyncRun
from ..status.run_states import superseded, undecided
from .columns import run_link

UNDECIDED = "undecided"
MAX_RUNS = 5  # listing the pending removals of a run reads all its rows
MAX_LISTED = 100


class DecisionFilter(admin.SimpleListFilter):
    """The decision about pending removals."""

    title = "pending removals"
    parameter_name = "decision"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(UNDECIDED, "Needs review, undecided"), *((one.value, str(one.label)) for one in Review)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == UNDECIDED:
            return queryset.filter(pk__in=undecided().order_by().values("pk"))
        return queryset.filter(review=self.value()) if self.value() in Review.values else queryset


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """A chosen run: its decision and, while undecided, the first of its pending removals."""

    run: SyncRun
    decision: str
    held: list[removal_reviews.PendingRemoval]

    @property
    def is_open(self) -> bool:
        return self.decision == UNDECIDED

    @property
    def unlisted(self) -> int:
        """How many pending removals are not in the list."""
        return max(0, self.run.held - len(self.held))


class RemovalReviewAdmin(ModelAdmin):
    """The columns and actions of runs for pending removals."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset(request).annotate(was_read_again=superseded())
        return queryset

    @admin.display(description="pending removals", ordering="held")
    def held_back(self, run: SyncRun) -> str:
        decision = decided(run)
        return f"{run.held:,}, {decision}" if decision else "–"

    @admin.display(description="review")
    def decision(self, run: SyncRun) -> SafeString | str:
        decision = decided(run)
        if decision != UNDECIDED:
            return decision.capitalize() or "–"
        url = reverse("admin:syncs_syncrun_changelist")
        return format_html('Undecided: <a href="{}?q={}">release or reject it in the list</a>', url, run.pk)

    @admin.action(description="Release pending removals", permissions=["cancel"])
    def release(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> HttpResponse | None:
        def decide(run: SyncRun) -> tuple[str, SafeString]:
            follower = removal_reviews.release(run, person=request.user)
            logged = (
                f"Removals released ({run.held:,}): run {follower.pk} checks again and removes what is still missing."
            )
            message = "{}: released. {} checks again and removes what is still missing."
            return logged, format_html(message, run, run_link(follower))

        return self._decide(request, queryset, "release", decide)

    @admin.action(description="Reject pending removals", permissions=["cancel"])
    def reject(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> HttpResponse | None:
        def decide(run: SyncRun) -> tuple[str, SafeString]:
            removal_reviews.reject(run, person=request.user)
            message = "{}: rejected. The records stay. The next full run checks again."
            return f"Removals rejected ({run.held:,}).", format_html(message, run)

        return self._decide(request, queryset, "reject", decide)

    def _decide(
        self,
        request: HttpRequest,
        queryset: QuerySet[SyncRun],
        action: str,
        decide: Callable[[SyncRun], tuple[str, SafeString]],
    ) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._ask(request, queryset, action)
        # Not the filtered list: it would silently leave out runs that somebody else decided meanwhile.
        for run in self.get_queryset(request).filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME)):
            try:
                logged, message = decide(run)
            except Refused as refused:
                self.message_user(request, f"{run}: {refused}", messages.WARNING)
                continue
            self.log_change(request, run, logged)
            self.message_user(request, message, messages.SUCCESS)
        return None

    def _ask(self, request: HttpRequest, queryset: QuerySet[SyncRun], action: str) -> HttpResponse | None:
        chosen = list(queryset[: MAX_RUNS + 1])
        if len(chosen) > MAX_RUNS:
            self.message_user(request, f"Choose at most {MAX_RUNS} runs.", messages.ERROR)
            return None
        cases = [_case(run) for run in chosen]
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.capitalize()} pending removals?",
            "opts": self.opts,
            "action": action,
            "cases": cases,
            "open": [case for case in cases if case.is_open],
            "total": sum(case.run.held for case in cases if case.is_open),
        }
        return TemplateResponse(request, "admin/syncs/syncrun/decide.html", context)


def decided(run: Any) -> str:
    """Return the decision about the pending removals of a run; empty if it had none."""
    if run.review:
        return str(run.get_review_display()).lower()
    if run.state != State.NEEDS_REVIEW:
        return ""
    return "superseded by a newer full run" if run.was_read_again else UNDECIDED


def _case(run: SyncRun) -> ReviewCase:
    decision = decided(run)
    listed = removal_reviews.pending_removals(run, limit=MAX_LISTED) if decision == UNDECIDED else []
    return ReviewCase(run, decision or "no pending removals", listed)
