"""Schedules: the cadence of each entity, and its freshness."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.entities import Entity
from packr.admin import mark, when, when_exactly
from packr.workspaces.errors import Refused
from packr.workspaces.models import TRIGGER_SYNC

from ..models import REMOVAL_LIMIT_HELP, EntitySchedule, Mode, Trigger
from ..runs import enqueue
from ..runs.cadence import is_default, is_read_with
from ..runs.planner import EDITABLE_FIELDS, reschedule
from ..status.entity_state import EntityState, sync_state, sync_states
from ..status.freshness import Freshness
from ..templatetags.syncs import FRESHNESS, cadence
from .columns import ConnectionModelAdmin, run_link, run_mark
from .filters import CadenceFilter, FreshnessFilter, KindFilter
from .schedule_forms import ScheduleForm, plan


class ScheduleList(ChangeList):
    """A list page that loads the state of all its rows together."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        connections = {row.connection_id: row.connection for row in rows}
        states = sync_states(list(connections.values()), bills=True)
        for row in rows:
            row.shown_state = _own(row, states[row.connection_id])
        self.result_list = rows


@admin.register(EntitySchedule)
class EntityScheduleAdmin(ConnectionModelAdmin):
    """Schedules. They are created with their connection, and switched off, never deleted."""

    form = ScheduleForm
    change_form_template = "admin/syncs/entityschedule/change_form.html"
    list_display = [
        "entity",
        "workspace",
        "connection_name",
        "cadence_words",
        "source",
        "mode",
        "enabled",
        "state",
        "as_of_words",
        "next_run",
        "last_run",
    ]
    list_select_related = ["connection__workspace"]
    list_filter = [FreshnessFilter, CadenceFilter, "enabled", KindFilter, "entity", "connection__wms"]
    list_per_page = 50
    search_fields = ["connection__name", "connection__workspace__name", "connection__workspace__slug"]
    search_help_text = "Connection or workspace"
    actions = ["run_now", "pause", "resume"]
    readonly_fields = ["connection", "entity", "state", "as_of_exactly", "last_run", "more_runs", "source", "next_runs"]
    fieldsets = [
        (None, {"fields": ["connection", "entity", "state", "as_of_exactly", "last_run", "more_runs"]}),
        (
            "Cadence",
            {
                "fields": ["every_seconds", "daily_at", "source", "next_runs"],
                "description": "Either an interval in seconds (at least 60; 300 is 5 minutes, 3600 an hour), or a time "
                "of day in the workspace's zone. Leave the other one empty. A change applies immediately.",
            },
        ),
        (
            "Mode",
            {
                "fields": ["mode", "reread"],
                "description": "Incremental reads changes only. Full reads everything every time, which takes many "
                "more calls. A full refresh is a recurring full run in quiet hours.",
            },
        ),
        ("Removals", {"fields": ["brake_percent", "brake_rows"], "description": REMOVAL_LIMIT_HELP}),
        (
            "On, off, paused",
            {
                "fields": ["enabled", "off_reason", "paused_until"],
                "description": "While off or paused, nothing runs automatically; people can still start a sync. "
                "Times are UTC.",
            },
        ),
        ("Reason", {"fields": ["reason"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("connection__workspace")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ScheduleList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out the reason for people who may only view."""
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if self.has_change_permission(request, obj) else fieldsets[:-1]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An entity that arrives with another has no cadence to change."""
        return super().has_change_permission(request, obj) and not (obj and is_read_with(obj))

    def has_trigger_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may start syncs."""
        return request.user.has_perm(f"workspaces.{TRIGGER_SYNC}")

    @admin.display(description="cadence", ordering="every_seconds")
    def cadence_words(self, schedule: EntitySchedule) -> str:
        return cadence(_state(schedule))

    @admin.display(description="cadence is")
    def source(self, schedule: EntitySchedule) -> str:
        if is_read_with(schedule):
            return "set by the connector"
        return "default" if is_default(schedule) else "overridden"

    @admin.display(description="state")
    def state(self, schedule: EntitySchedule) -> SafeString:
        if not schedule.connection.is_live:
            return mark("neutral", "Disconnected")
        found = _state(schedule).freshness
        return mark(FRESHNESS[found][1], str(found.label))

    @admin.display(description="as of", ordering="as_of")
    def as_of_words(self, schedule: EntitySchedule) -> str:
        return when(_state(schedule).as_of)

    @admin.display(description="as of")
    def as_of_exactly(self, schedule: EntitySchedule) -> str:
        return when_exactly(_state(schedule).as_of)

    @admin.display(description="next run", ordering="next_due_at")
    def next_run(self, schedule: EntitySchedule) -> str:
        state = _state(schedule)
        if state.freshness == Freshness.PAUSED:
            return f"paused until {when_exactly(state.schedule.paused_until)}"
        return when(state.next_run)

    @admin.display(description="last run")
    def last_run(self, schedule: EntitySchedule) -> SafeString | str:
        run = _state(schedule).run
        return format_html("{} {}", run_mark(run), run_link(run)) if run else "–"

    @admin.display(description="all runs")
    def more_runs(self, schedule: EntitySchedule) -> SafeString:
        return format_html(
            '<a href="{}?connection__id__exact={}&amp;entity__exact={}">Runs of this entity</a>',
            reverse("admin:syncs_syncrun_changelist"),
            schedule.connection_id,
            _state(schedule).read_with or schedule.entity,
        )

    @admin.display(description="next five runs")
    def next_runs(self, schedule: EntitySchedule) -> str:
        if is_read_with(schedule):
            return f"Arrives {cadence(_state(schedule))}. Change that schedule instead."
        return render_to_string("admin/syncs/entityschedule/_plan.html", {"plan": plan(schedule), "schedule": schedule})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        reschedule(obj, timezone.now())

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Return the old and new value of each setting, the next due time, and the reason."""
        changed = [
            f"{form.fields[name].label}: {_as_text(form.initial.get(name))} → {_as_text(form.cleaned_data[name])}."
            for name in form.changed_data
            if name in EDITABLE_FIELDS
        ]
        due = f"Next due: {when_exactly(form.instance.next_due_at)}."
        return " ".join([*(changed or ["No setting changed."]), due, f"Reason: {form.cleaned_data['reason']}"])

    @admin.action(description="Run now", permissions=["trigger"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[EntitySchedule]) -> None:
        for schedule in queryset:
            try:
                (requested,) = enqueue.request_runs(
                    schedule.connection,
                    [Entity(schedule.entity)],
                    mode=Mode(schedule.mode),
                    trigger=Trigger.SUPPORT,
                    person=request.user,
                )
            except Refused as refused:
                self.message_user(request, f"{schedule}: {refused}", messages.WARNING)
                continue
            outcome = "was already running" if requested.attached else "is queued"
            self.log_change(request, schedule, f"Run now: run {requested.run.pk} {outcome}.")
            self.message_user(request, format_html("{}: {} {}.", schedule, run_link(requested.run), outcome))

    @admin.action(description="Pause for a day", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[EntitySchedule]) -> None:
        until = timezone.now() + timedelta(days=1)
        self._pause(request, queryset, until, f"Paused until {when_exactly(until)}.")

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[EntitySchedule]) -> None:
        self._pause(request, queryset, None, "Resumed.")

    def _pause(
        self, request: HttpRequest, queryset: QuerySet[EntitySchedule], until: datetime | None, outcome: str
    ) -> None:
        for schedule in queryset:
            if is_read_with(schedule):
                parent = cadence(entity_state_of(schedule))
                self.message_user(request, f"{schedule} arrives {parent}. Choose that instead.", messages.WARNING)
                continue
            if until is None and schedule.paused_until is None:
                self.message_user(request, f"{schedule} was not paused.", messages.WARNING)
                continue
            schedule.paused_until = until
            reschedule(schedule, timezone.now())
            self.log_change(request, schedule, outcome)
            self.message_user(request, f"{schedule}: {outcome}", messages.SUCCESS)


def _state(schedule: EntitySchedule) -> EntityState:
    """Return the state of a row: preloaded in the list, read here on a single page."""
    if not hasattr(schedule, "shown_state"):
        schedule.shown_state = entity_state_of(schedule)  # type: ignore[attr-defined]
    state: EntityState = schedule.shown_state  # type: ignore[attr-defined]
    return state


def entity_state_of(schedule: EntitySchedule) -> EntityState:
    """Return the stored state of one schedule's entity."""
    return _own(schedule, sync_state(schedule.connection, bills=True))


def _own(schedule: EntitySchedule, states: list[EntityState]) -> EntityState:
    return next(state for state in states if state.entity == schedule.entity)


def _as_text(value: Any) -> str:
    """Return a setting's value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return when_exactly(value)
    return "none" if value in (None, "") else str(value)
