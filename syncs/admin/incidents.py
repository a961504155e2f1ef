"""Incidents, and the daily totals of scheduled runs."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from packr.admin import ReadOnlyAdmin, mark, time_column
from packr.workspaces.formatting import span

from ..models import DailyTally, Incident, Problem
from .columns import ConnectionModelAdmin

MINOR_PROBLEMS = {Problem.REVIEW, Problem.NOT_SCHEDULED}
"""Problems that leave the data up to date."""


class OpenFilter(admin.SimpleListFilter):
    """Whether the incident is open."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("closed", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(closed_at__isnull=self.value() == "open") if self.value() else queryset


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """Incidents. The watchdog opens them, and closes them on recovery."""

    list_display = ["problem_mark", "workspace", "about", "entity", "message", "opened", "lasted"]
    list_select_related = ["connection__workspace"]
    list_filter = [OpenFilter, "problem", "entity", "connection__wms"]
    list_per_page = 50
    date_hierarchy = "opened_at"
    show_full_result_count = False
    search_fields = ["message", "connection__name", "connection__workspace__name", "connection__workspace__slug"]
    search_help_text = "Words of the message, connection or workspace"
    fields = ["problem_mark", "connection", "entity", "message", "opened_at", "closed_at", "lasted", "more_runs"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("connection__workspace")

    @admin.display(description="problem", ordering="problem")
    def problem_mark(self, incident: Incident) -> SafeString:
        tone = "neutral" if incident.closed_at else "warning" if incident.problem in MINOR_PROBLEMS else "critical"
        return mark(tone, incident.get_problem_display())

    @admin.display(ordering="connection__workspace__name")
    def workspace(self, incident: Incident) -> str:
        return incident.connection.workspace.name if incident.connection else "–"

    @admin.display(description="connection", ordering="connection__name")
    def about(self, incident: Incident) -> str:
        return incident.connection.name if incident.connection else "Packr"

    opened = time_column("opened_at", "opened")

    @admin.display(description="lasted")
    def lasted(self, incident: Incident) -> str:
        if incident.closed_at is None:
            return f"{span(timezone.now() - incident.opened_at)} so far"
        return span(incident.closed_at - incident.opened_at)

    @admin.display(description="all runs")
    def more_runs(self, incident: Incident) -> SafeString | str:
        if incident.connection is None:
            return "–"
        entity = format_html("&amp;entity__exact={}", incident.entity) if incident.entity else ""
        url = reverse("admin:syncs_syncrun_changelist")
        return format_html('<a href="{}?connection__id__exact={}{}">Runs</a>', url, incident.connection_id, entity)


@admin.register(DailyTally)
class DailyTallyAdmin(ConnectionModelAdmin, ReadOnlyAdmin):
    """Daily totals of scheduled runs, kept after the runs are pruned."""

    list_display = [
        "day",
        "entity",
        "workspace",
        "connection_name",
        "runs",
        "succeeded",
        "failed",
        "attained",
        "created",
        "updated",
        "removed",
    ]
    list_select_related = ["connection__workspace"]
    list_filter = ["entity", "connection__wms"]
    list_per_page = 50
    date_hierarchy = "day"
    show_full_result_count = False
    search_fields = ["connection__name", "connection__workspace__name", "connection__workspace__slug"]
    search_help_text = "Connection or workspace"
    fields = ["connection", "entity", "day", "runs", "succeeded", "failed", "attained", "created", "updated", "removed"]

    @admin.display(description="attained")
    def attained(self, tally: DailyTally) -> str:
        """Return the share of runs that succeeded, rounded down: 100 % means all."""
        return f"{100 * tally.succeeded // tally.runs} %" if tally.runs else "–"
