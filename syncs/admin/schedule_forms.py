"""The form for changing a cadence, and the preview of its effect."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Avg
from django.utils import timezone

from packr.admin import ModelForm
from packr.workspaces.formatting import exact, span

from ..models import COMPLETE, EntitySchedule, Mode, SyncRun
from ..runs.planner import upcoming
from ..status.freshness import fresh_for

MAX_CADENCE = timedelta(days=7)


class ScheduleForm(ModelForm):
    """A cadence within its limits, and the reason for the change. `_preview` shows the effect without saving."""

    reason = forms.CharField(
        label="Reason for the change",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 80}),
        help_text="Kept in the history.",
    )

    class Meta:
        help_texts = {
            "brake_percent": "Percent of the rows in Packr. 0: only the number of rows counts. "
            "100: removals are never held for review.",
            "brake_rows": "Number of rows. 0: only the percentage counts.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_preview = "_preview" in self.data
        if "reason" in self.fields:
            self.fields["reason"].required = not self.is_preview

    def is_valid(self) -> bool:
        """Return False for a preview, so that it is never saved: the form is shown again, without an error."""
        return super().is_valid() and not self.is_preview

    def clean_every_seconds(self) -> int | None:
        seconds: int | None = self.cleaned_data["every_seconds"]
        maximum = int(MAX_CADENCE.total_seconds())
        if seconds is not None and seconds > maximum:
            raise forms.ValidationError(f"At most {maximum} seconds (7 days). To stop syncing, switch it off.")
        return seconds

    def clean(self) -> dict[str, Any]:
        """Clear the reason for being off if enabled; otherwise default it to the reason for the change."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("enabled"):
            cleaned["off_reason"] = ""
        elif not cleaned.get("off_reason"):
            cleaned["off_reason"] = cleaned.get("reason", "")
        return cleaned


@dataclass(frozen=True, slots=True)
class Plan:
    """The effect of a cadence: the next runs in the workspace's zone, their cost, and the age of the data."""

    moments: list[str]
    zone: str
    runs_a_day: str
    pages: int
    calls_a_day: str
    oldest: str
    is_costly: bool


def plan(schedule: EntitySchedule) -> Plan | None:
    """Return the effect of a schedule with its unsaved changes; None if nothing would run."""
    has_cadence = (schedule.every_seconds is None) != (schedule.daily_at is None)
    if not schedule.connection.is_live or not schedule.enabled or not has_cadence or schedule.every_seconds == 0:
        return None
    zone = schedule.connection.workspace.timezone
    runs_a_day = timedelta(days=1) / schedule.cadence
    pages = _usual_pages(schedule)
    return Plan(
        moments=[exact(moment, ZoneInfo(zone)) for moment in upcoming(schedule, timezone.now(), 5)],
        zone=zone,
        runs_a_day=f"{runs_a_day:,.1f}".removesuffix(".0"),
        pages=pages,
        calls_a_day=f"{runs_a_day * pages:,.0f}",
        oldest=span(fresh_for(schedule.cadence)),
        is_costly=schedule.mode == Mode.FULL and schedule.cadence < timedelta(hours=1),
    )


def _usual_pages(schedule: EntitySchedule) -> int:
    """Return how many pages a run of this mode reads on average, over the last twenty complete ones."""
    done = SyncRun.objects.filter(
        connection=schedule.connection_id, entity=schedule.entity, mode=schedule.mode, state__in=COMPLETE
    )
    last = list(done.order_by("-pk").values_list("pk", flat=True)[:20])
    average = SyncRun.objects.filter(pk__in=last).aggregate(pages=Avg("pages"))["pages"]
    return max(1, round(average or 1))
