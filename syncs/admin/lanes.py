"""Lanes and heartbeats."""

from django.contrib import admin

from packr.admin import ReadOnlyAdmin, time_column

from ..models import Beat, Lane


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    """Lanes: which worker holds which account, and which accounts have to wait."""

    list_display = ["account_key", "worker", "leased_until", "waits_until"]
    search_fields = ["account_key", "worker", "runs__connection__workspace__slug"]
    search_help_text = "Account key, worker, or the slug of a workspace"
    fields = ["account_key", "worker", "leased_until", "waits_until"]


@admin.register(Beat)
class BeatAdmin(ReadOnlyAdmin):
    """The last heartbeat of each process of Packr."""

    list_display = ["name", "last", "at"]
    ordering = ["-at"]
    search_fields = ["name"]
    search_help_text = "Process, such as tick, watchdog, or a worker's host"
    fields = ["name", "last", "at"]

    last = time_column("at", "last heartbeat")
