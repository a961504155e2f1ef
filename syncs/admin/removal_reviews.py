"""Removals that a run held back: support looks at the list, and releases or rejects them."""

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
MOST_RUNS = 5  # each one's list is found by going through its rows
LISTED = 100


class DecisionFilter(admin.SimpleListFilter):
    """What became of the removals that were held back."""

    title = "removals held back"
    parameter_name = "decision"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(UNDECIDED, "Needs review, undecided"), *((one.value, str(one.label)) for one in Review)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == UNDECIDED:
            return queryset.filter(pk__in=undecided().order_by().values("pk"))
        return queryset.filter(review=self.value()) if self.value() in Review.values else queryset


@dataclass(frozen=True, slots=True)
class Case:
    """One run in question: how it stands and, while it waits, the first records that it would have removed."""

    run: SyncRun
    decision: str
    held: list[removal_reviews.PendingRemoval]

    @property
    def is_open(self) -> bool:
        return self.decision == UNDECIDED

    @property
    def unlisted(self) -> int:
        """How many more there are than the list shows."""
        return max(0, self.run.held - len(self.held))


class Decisions(ModelAdmin):
    """The runs' columns and actions that concern removals held back."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset(request).annotate(was_read_again=superseded())
        return queryset

    @admin.display(description="held back", ordering="held")
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

    @admin.action(description="Release the removals held back", permissions=["cancel"])
    def release(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> HttpResponse | None:
        def decide(run: SyncRun) -> tuple[str, SafeString]:
            found = removal_reviews.release(run, person=request.user)
            logged = f"Removals released ({run.held:,}): run {found.pk} looks again and removes what is still missing."
            said = "{}: released. {} looks again and removes what is still missing."
            return logged, format_html(said, run, run_link(found))

        return self._decide(request, queryset, "release", decide)

    @admin.action(description="Reject the removals held back", permissions=["cancel"])
    def reject(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> HttpResponse | None:
        def decide(run: SyncRun) -> tuple[str, SafeString]:
            removal_reviews.reject(run, person=request.user)
            said = "{}: rejected. The records stay; the next full read looks again."
            return f"Removals rejected ({run.held:,}).", format_html(said, run)

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
        # Not the list as it is filtered now: what somebody else decided meanwhile would go without a word.
        for run in self.get_queryset(request).filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME)):
            try:
                logged, said = decide(run)
            except Refused as refused:
                self.message_user(request, f"{run}: {refused}", messages.WARNING)
                continue
            self.log_change(request, run, logged)
            self.message_user(request, said, messages.SUCCESS)
        return None

    def _ask(self, request: HttpRequest, queryset: QuerySet[SyncRun], action: str) -> HttpResponse | None:
        chosen = list(queryset[: MOST_RUNS + 1])
        if len(chosen) > MOST_RUNS:
            self.message_user(request, f"Choose at most {MOST_RUNS} runs to decide about at once.", messages.ERROR)
            return None
        cases = [_case(run) for run in chosen]
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.capitalize()} the removals held back?",
            "opts": self.opts,
            "action": action,
            "cases": cases,
            "open": [case for case in cases if case.is_open],
            "total": sum(case.run.held for case in cases if case.is_open),
        }
        return TemplateResponse(request, "admin/syncs/syncrun/decide.html", context)


def decided(run: Any) -> str:
    """What became of the removals that a run held back, in words; empty when it held none."""
    if run.review:
        return str(run.get_review_display()).lower()
    if run.state != State.NEEDS_REVIEW:
        return ""
    return "left to a newer full read" if run.was_read_again else UNDECIDED


def _case(run: SyncRun) -> Case:
    decision = decided(run)
    listed = removal_reviews.pending_removals(run, limit=LISTED) if decision == UNDECIDED else []
    return Case(run, decision or "holds nothing back", listed)
