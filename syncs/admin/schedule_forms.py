"""Changing a cadence: the form, and what would follow from it."""

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

LONGEST_CADENCE = timedelta(days=7)


class ScheduleForm(ModelForm):
    """A cadence within bounds, and why it is changed. `_preview` shows what would follow, and stores nothing."""

    reason = forms.CharField(
        label="Reason for the change",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "cols": 80}),
        help_text="Kept in the history, for whoever asks why.",
    )

    class Meta:
        help_texts = {
            "brake_percent": "Percent of the rows that Packr knows. 0: the number of rows alone decides. "
            "100: nothing is ever held back.",
            "brake_rows": "Number of rows. 0: the percentage alone decides.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_preview = "_preview" in self.data
        if "reason" in self.fields:
            self.fields["reason"].required = not self.is_preview

    def is_valid(self) -> bool:
        """A preview is never stored: its form is shown again, without an error."""
        return super().is_valid() and not self.is_preview

    def clean_every_seconds(self) -> int | None:
        seconds: int | None = self.cleaned_data["every_seconds"]
        most = int(LONGEST_CADENCE.total_seconds())
        if seconds is not None and seconds > most:
            raise forms.ValidationError(f"At most {most} seconds, which is 7 days. To stop it, switch it off.")
        return seconds

    def clean(self) -> dict[str, Any]:
        """What is on has no reason for being off; what is off has one, if only that of the change."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("enabled"):
            cleaned["off_reason"] = ""
        elif not cleaned.get("off_reason"):
            cleaned["off_reason"] = cleaned.get("reason", "")
        return cleaned


@dataclass(frozen=True, slots=True)
class Plan:
    """What a cadence means: its next runs on the workspace's clock, its cost and the age of the data in between."""

    moments: list[str]
    zone: str
    runs_a_day: str
    pages: int
    calls_a_day: str
    oldest: str
    is_costly: bool


def plan(schedule: EntitySchedule) -> Plan | None:
    """The plan of a schedule, changes that were not stored yet included; None when nothing would run."""
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
    """How many pages a run of this mode reads, by the last twenty that completed."""
    done = SyncRun.objects.filter(
        connection=schedule.connection_id, entity=schedule.entity, mode=schedule.mode, state__in=COMPLETE
    )
    last = list(done.order_by("-pk").values_list("pk", flat=True)[:20])
    average = SyncRun.objects.filter(pk__in=last).aggregate(pages=Avg("pages"))["pages"]
    return max(1, round(average or 1))
