"""The admin of connections and brand mappings. A WMS is connected on the page or with `manage.py connect`."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from packr.admin import Fact, ModelAdmin, ReadOnlyAdmin, mark, now_panel, time_column
from packr.workspaces.models import MANAGE_CONNECTIONS

from .. import services
from ..connection_status import refresh
from ..models import BrandMapping, Connection, Status
from ..templatetags.integrations import STATUSES

MAX_CHECKS_AT_ONCE = 10  # each may take as long as a request to a WMS


@now_panel("integrations.view_connection")
def connections_now() -> Fact:
    """Count the connections that don't work."""
    found = Connection.objects.aggregate(
        refused=Count("pk", filter=Q(status=Status.NEEDS_ATTENTION)),
        unreachable=Count("pk", filter=Q(status=Status.UNREACHABLE)),
    )
    refused, unreachable = found["refused"], found["unreachable"]
    url = reverse("admin:integrations_connection_changelist")
    if refused:
        also = f", {unreachable} unreachable" if unreachable else ""
        words = f"{refused} need{'s' if refused == 1 else ''} attention{also}"
        return Fact("Connections", words, "critical", f"{url}?status__exact=needs_attention")
    if unreachable:
        return Fact("Connections", f"{unreachable} unreachable", "warning", f"{url}?status__exact=unreachable")
    return Fact("Connections", "No connection needs attention", "positive", url)


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """The read-only admin of connections, with actions to check and to disconnect. Shows no credentials."""

    list_display = ["name", "workspace", "wms", "status_mark", "checked", "connected", "status_message"]
    list_select_related = ["workspace"]
    list_filter = ["status", "wms"]
    search_fields = ["name", "base_url", "workspace__name", "workspace__slug"]
    search_help_text = "Name or address of a connection, or its workspace"
    actions = ["check_now", "disconnect"]
    fieldsets = [
        (None, {"fields": ["workspace", "wms", "name", "base_url", "credentials"]}),
        ("Status", {"fields": ["status_mark", "status_message", "checked_exactly", "syncs"]}),
        (
            "History",
            {
                "fields": ["connected_exactly", "connected_by", "disconnected_exactly", "lookback_days", "border"],
                "description": "The border is the history start: nothing older is read.",
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("workspace")

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Whether the person may check and disconnect connections."""
        return request.user.has_perm(f"workspaces.{MANAGE_CONNECTIONS}")

    @admin.display(description="status", ordering="status")
    def status_mark(self, connection: Connection) -> SafeString:
        _, tone = STATUSES[Status(connection.status)]
        return mark(tone, connection.get_status_display())

    checked = time_column("checked_at", "last check")
    connected = time_column("connected_at", "connected")
    checked_exactly = time_column("checked_at", "last check", exactly=True)
    connected_exactly = time_column("connected_at", "connected", exactly=True)
    disconnected_exactly = time_column("disconnected_at", "disconnected", exactly=True)

    @admin.display(description="credentials")
    def credentials(self, connection: Connection) -> str:
        return "Stored encrypted, never shown" if connection.is_live else "Deleted when it was disconnected"

    @admin.display(description="syncs")
    def syncs(self, connection: Connection) -> SafeString:
        return format_html(
            '<a href="{0}?connection__id__exact={2}">Schedules</a>, <a href="{1}?connection__id__exact={2}">runs</a>',
            reverse("admin:syncs_entityschedule_changelist"),
            reverse("admin:syncs_syncrun_changelist"),
            connection.pk,
        )

    @admin.action(description="Check the connection now", permissions=["manage"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        chosen = list(queryset[: MAX_CHECKS_AT_ONCE + 1])
        if len(chosen) > MAX_CHECKS_AT_ONCE:
            self.message_user(request, f"Choose at most {MAX_CHECKS_AT_ONCE} connections to check.", messages.ERROR)
            return
        for connection in chosen:
            if not connection.is_live:
                self.message_user(request, f"{connection} is disconnected: nothing to check.", messages.WARNING)
                continue
            refresh(connection)
            self.log_change(request, connection, f"Checked: {connection.get_status_display()}.")
            level = messages.SUCCESS if connection.status == Status.CONNECTED else messages.ERROR
            text = f"{connection}: {connection.get_status_display()}. {connection.status_message}".strip()
            self.message_user(request, text, level)

    @admin.action(description="Disconnect (data stays)", permissions=["manage"])
    def disconnect(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._confirm(request, queryset)
        for connection in queryset:
            if not connection.is_live:
                self.message_user(request, f"{connection} is already disconnected.", messages.WARNING)
                continue
            services.disconnect(connection, person=request.user)
            self.log_change(request, connection, "Disconnected. Its data was kept.")
            self.message_user(request, f"{connection} is disconnected. Its data was kept.", messages.SUCCESS)
        return None

    def _confirm(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Disconnect?",
            "opts": self.opts,
            "connections": [connection for connection in queryset if connection.is_live],
            "chosen": [connection.pk for connection in queryset],
        }
        return TemplateResponse(request, "admin/integrations/connection/disconnect.html", context)


@admin.register(BrandMapping)
class BrandMappingAdmin(ModelAdmin):
    """The admin of what each brand sees of a connection."""

    list_display = ["brand", "workspace", "connection_name", "sees"]
    list_select_related = ["brand__workspace", "connection"]
    search_fields = [
        "brand__name",
        "brand__workspace__name",
        "brand__workspace__slug",
        "connection__name",
        "customer_id",
    ]
    search_help_text = "Brand, connection, workspace, or the WMS's id of a customer"
    autocomplete_fields = ["brand", "connection"]
    list_filter = ["connection__wms"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("brand__workspace", "connection__workspace")

    @admin.display(ordering="brand__workspace__name")
    def workspace(self, mapping: BrandMapping) -> str:
        return mapping.brand.workspace.name

    @admin.display(description="connection", ordering="connection__name")
    def connection_name(self, mapping: BrandMapping) -> str:
        return mapping.connection.name

    @admin.display(ordering="customer_id")
    def sees(self, mapping: BrandMapping) -> str:
        return f"customer {mapping.customer_id}" if mapping.customer_id else "the whole connection"
