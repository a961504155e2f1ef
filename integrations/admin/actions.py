"""The admin of actions: what people sent to their WMS and what it answered, also as a file."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import now

from packr.admin import Fact, ReadOnlyAdmin, Tone, mark, now_panel, time_column

from ..models import Action, ActionState

TONES: dict[str, Tone] = {
    ActionState.SENDING: "info",
    ActionState.ACCEPTED: "positive",
    ActionState.REFUSED: "warning",
    ActionState.UNKNOWN: "critical",
}
TRACE = (
    "reference",
    "kind",
    "external_id",
    "values",
    "through",
    "state",
    "asked_at",
    "answered_at",
    "latency_ms",
    "message",
    "errors",
    "origin",
    "failure",
    "warning",
    "confirmed_at",
    "exchanges",
)


@now_panel("integrations.view_action")
def actions_now() -> Fact:
    """Count the changes whose outcome is unknown."""
    open_ = Action.objects.filter(state=ActionState.UNKNOWN)
    found = open_.aggregate(all=Count("pk"), given_up=Count("pk", filter=Q(settle_at=None)))
    url = f"{reverse('admin:integrations_action_changelist')}?state__exact={ActionState.UNKNOWN.value}"
    if not found["all"]:
        return Fact("Changes sent to a WMS", "All outcomes known", "positive", url)
    also = f", {found['given_up']} given up" if found["given_up"] else ""
    return Fact("Changes sent to a WMS", f"{found['all']} being checked{also}", "warning", url)


@admin.register(Action)
class ActionAdmin(ReadOnlyAdmin):
    """The read-only admin of actions: who, what, when, and the WMS's answer, without secrets."""

    list_display = ["reference", "kind", "state_mark", "connection", "external_id", "person", "asked", "latency"]
    list_select_related = ["connection__workspace", "person"]
    list_filter = ["state", "kind", "through", "failure", "connection__wms"]
    date_hierarchy = "asked_at"
    search_fields = ["reference", "external_id", "key", "connection__name", "connection__workspace__slug"]
    search_help_text = "Reference, key, WMS id of the changed record, connection or workspace"
    actions = ["export"]
    fieldsets = [
        (None, {"fields": ["reference", "kind", "connection", "external_id", "values"]}),
        ("Requested", {"fields": ["person", "through", "key", "asked_exactly"]}),
        (
            "Answered",
            {
                "fields": [
                    "state_mark",
                    "message",
                    "errors",
                    "origin",
                    "failure",
                    "warning",
                    "answered_exactly",
                    "latency",
                    "confirmed_exactly",
                    "shielded_exactly",
                    "settle_exactly",
                    "looks",
                ]
            },
        ),
        ("Exchange", {"fields": ["trace"], "description": "Requests and responses, without secrets."}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("connection__workspace", "person")

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whether the person may export actions: everyone who may view them."""
        return bool(self.has_view_permission(request))

    @admin.display(description="state", ordering="state")
    def state_mark(self, action: Action) -> SafeString:
        return mark(TONES[action.state], action.get_state_display())

    asked = time_column("asked_at", "requested")

    @admin.display(description="latency", ordering="latency_ms")
    def latency(self, action: Action) -> str:
        return "–" if action.latency_ms is None else f"{action.latency_ms} ms"

    asked_exactly = time_column("asked_at", "requested", exactly=True)
    answered_exactly = time_column("answered_at", "answered", exactly=True)
    confirmed_exactly = time_column("confirmed_at", "confirmed", exactly=True)
    shielded_exactly = time_column("shielded_until", "protected from older data until", exactly=True)
    settle_exactly = time_column("settle_at", "next reconciliation", exactly=True)

    @admin.display(description="requests")
    def trace(self, action: Action) -> SafeString:
        """Return every request and its response, with foreign text escaped."""
        rows = (
            (
                f"{one['method']} {one['path']}",
                one["body"] or "–",
                one["status"] or "no response",
                one["ms"],
                one["answer"] or "–",
            )
            for one in action.exchanges
        )
        shown = format_html_join("", "<li><b>{}</b><pre>{}</pre>{}, {} ms<pre>{}</pre></li>", rows)
        return format_html("<ol>{}</ol>", shown) if shown else format_html("{}", "–")

    @admin.action(description="Export the trace", permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[Action]) -> HttpResponse:
        found = [
            {
                "connection": str(action.connection),
                "person": action.person.get_username() if action.person else None,
                **{name: getattr(action, name) for name in TRACE},
            }
            for action in queryset.select_related("connection__workspace", "person").order_by("pk")
        ]
        text = json.dumps(found, indent=2, default=str, ensure_ascii=False)
        name = f"packr-actions-{now():%Y%m%d-%H%M}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)
