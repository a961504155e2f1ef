"""When each entity of a connection is synced, and up to when it is complete."""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from integrations.models import Connection

from .choices import ENTITIES, SCHEDULED_MODES, Mode, Reread

REMOVAL_LIMIT_HELP = (
    "If more than this percentage and more than this number of rows are missing, nothing is removed until a person "
    "has reviewed the removals."
)


class EntitySchedule(models.Model):
    """The cadence of one entity on one connection, and its sync state.

    The cadence is every `every_seconds`, or daily at `daily_at` in the workspace's time zone. `watermark` is the WMS
    time up to which the mirror is complete; `as_of` is the freshness that people see. Both change only when a run
    completes. `next_wide_at` is the next nightly late-commit overlap. An entity that is read with another one has its
    own row but never runs.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="schedules")
    entity = models.CharField(max_length=30, choices=ENTITIES)
    every_seconds = models.PositiveIntegerField(null=True, blank=True)
    daily_at = models.TimeField(null=True, blank=True)
    mode = models.CharField(max_length=20, choices=SCHEDULED_MODES, default=Mode.INCREMENTAL)
    reread = models.CharField("full refresh", max_length=10, choices=Reread.choices, default=Reread.NONE)
    enabled = models.BooleanField("on", default=True)
    off_reason = models.TextField(blank=True, help_text="Why it is off. People who look for the data see this.")
    offered = models.BooleanField(default=True, editable=False, help_text="Off if the WMS does not offer this entity.")
    paused_until = models.DateTimeField(null=True, blank=True)
    brake_percent = models.PositiveSmallIntegerField(
        "removal limit, percent", default=10, validators=[MaxValueValidator(100)], help_text=REMOVAL_LIMIT_HELP
    )
    brake_rows = models.PositiveIntegerField("removal limit, rows", default=20, help_text=REMOVAL_LIMIT_HELP)
    next_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_reread_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_wide_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the next nightly incremental run reads late commits.",
    )
    watermark = models.DateTimeField(null=True, blank=True, editable=False)
    as_of = models.DateTimeField(null=True, blank=True, editable=False)

    workspace_path = "connection__workspace"

    class Meta:
        ordering = ["connection", "id"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "entity"], name="one_schedule"),
            models.CheckConstraint(
                name="every_or_daily",
                condition=Q(every_seconds__gt=0, daily_at=None) | Q(every_seconds=None, daily_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["next_due_at"], condition=Q(enabled=True), name="schedules_due")]

    def __str__(self) -> str:
        return f"{self.get_entity_display()} of {self.connection}"

    @property
    def cadence(self) -> timedelta:
        """The time between two runs."""
        return timedelta(seconds=self.every_seconds or 86_400)

    def clean(self) -> None:
        if (self.every_seconds is None) == (self.daily_at is None):
            raise ValidationError("Enter either a number of seconds or a time of day.")
        if self.every_seconds is not None and self.every_seconds < 60 and not settings.DEBUG:
            raise ValidationError({"every_seconds": "At least 60 seconds."})
