"""Columns that the lists of schedules, runs and incidents share."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from packr.admin import ModelAdmin, mark

from ..models import SyncRun
from ..status.run_states import displayed_state
from ..templatetags.syncs import RUN_STATES


class ConnectionModelAdmin(ModelAdmin):
    """Rows that belong to a connection, with columns for it and its workspace."""

    @admin.display(ordering="connection__workspace__name")
    def workspace(self, row: Any) -> str:
        return str(row.connection.workspace.name)

    @admin.display(description="connection", ordering="connection__name")
    def connection_name(self, row: Any) -> str:
        return str(row.connection.name)


def run_mark(run: SyncRun) -> SafeString:
    """Return the state of a run as icon and word."""
    _, word, tone = RUN_STATES[displayed_state(run)]
    return mark(tone, word)


def run_link(run: SyncRun) -> SafeString:
    """Return a link to the admin page of a run."""
    return format_html('<a href="{}">run {}</a>', reverse("admin:syncs_syncrun_change", args=[run.pk]), run.pk)
