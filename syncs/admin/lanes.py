"""Who works, on which account, and when they last showed that they are alive."""

from django.contrib import admin

from packr.admin import ReadOnlyAdmin, when

from ..models import Beat, Lane


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    """Who talks to which account now, and which accounts have to wait."""

    list_display = ["account_key", "worker", "leased_until", "waits_until"]
    search_fields = ["account_key", "worker", "runs__connection__workspace__slug"]
    search_help_text = "Account key, worker, or the slug of a workspace"
    fields = ["account_key", "worker", "leased_until", "waits_until"]


@admin.register(Beat)
class BeatAdmin(ReadOnlyAdmin):
    """When each part of Packr last showed that it is alive."""

    list_display = ["name", "last", "at"]
    ordering = ["-at"]
    search_fields = ["name"]
    search_help_text = "Part of Packr, such as tick, watchdog, or a worker's host"
    fields = ["name", "last", "at"]

    @admin.display(description="last sign of life", ordering="at")
    def last(self, beat: Beat) -> str:
        return when(beat.at)
