"""When each entity is synced, what is being synced now, and what happened."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from integrations.entities import Entity
from integrations.models import Connection

ENTITIES = [(entity.value, entity.label) for entity in Entity]


class Mode(models.TextChoices):
    INCREMENTAL = "incremental", "Incremental"
    FULL = "full", "Full"
    WINDOW = "window", "Date window"


# A schedule reads what changed, or everything; a window is read once, when a person asks for it.
SCHEDULED_MODES = [(mode.value, mode.label) for mode in (Mode.INCREMENTAL, Mode.FULL)]


class Trigger(models.TextChoices):
    SCHEDULE = "schedule", "Schedule"
    MANUAL = "manual", "By hand"
    API = "api", "API"
    WEBHOOK = "webhook", "Webhook"
    FIRST = "first", "First sync"
    SUPPORT = "support", "Support"


class State(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    SUCCEEDED = "succeeded", "Succeeded"
    PARTIAL = "partial", "Partial"
    NEEDS_REVIEW = "needs_review", "Needs review"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ACTIVE = (State.QUEUED, State.RUNNING, State.WAITING)
COMPLETE = (State.SUCCEEDED, State.PARTIAL, State.NEEDS_REVIEW)


class Reread(models.TextChoices):
    NONE = "none", "Never"
    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"


BRAKE_HELP = (
    "When more than this percentage and more than this many rows are missing at once, nothing is removed until a "
    "person has looked at it."
)


class Review(models.TextChoices):
    """What a person decided about the removals that a run held back."""

    RELEASED = "released", "Released"
    REJECTED = "rejected", "Rejected"


class EntitySchedule(models.Model):
    """The cadence of one entity on one connection, and how far its mirror has come.

    The cadence is every `every_seconds`, or daily at `daily_at` in the workspace's time zone. `watermark` is the WMS
    time up to which the mirror is complete; `as_of` is what people see as its freshness. Both move only when a run
    completes. An entity that is read with another one has a row of its own, but never runs.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="schedules")
    entity = models.CharField(max_length=30, choices=ENTITIES)
    every_seconds = models.PositiveIntegerField(null=True, blank=True)
    daily_at = models.TimeField(null=True, blank=True)
    mode = models.CharField(max_length=20, choices=SCHEDULED_MODES, default=Mode.INCREMENTAL)
    reread = models.CharField("re-read", max_length=10, choices=Reread.choices, default=Reread.NONE)
    enabled = models.BooleanField("on", default=True)
    off_reason = models.TextField(blank=True, help_text="Why it is off; shown to the people who miss the data.")
    offered = models.BooleanField(
        default=True, editable=False, help_text="Off: the WMS said that it has no such thing."
    )
    paused_until = models.DateTimeField(null=True, blank=True)
    brake_percent = models.PositiveSmallIntegerField(
        "brake, percent", default=10, validators=[MaxValueValidator(100)], help_text=BRAKE_HELP
    )
    brake_rows = models.PositiveIntegerField("brake, rows", default=20, help_text=BRAKE_HELP)
    next_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_reread_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_wide_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When an incremental next reaches back far behind the watermark.",
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
        """How long lies between two runs."""
        return timedelta(seconds=self.every_seconds or 86_400)

    def clean(self) -> None:
        if (self.every_seconds is None) == (self.daily_at is None):
            raise ValidationError("Give either a number of seconds or a time of day.")
        if self.every_seconds is not None and self.every_seconds < 60 and not settings.DEBUG:
            raise ValidationError({"every_seconds": "At least 60 seconds."})


class Lane(models.Model):
    """One account at one WMS. Whoever holds its lease talks to the account, and nobody else does.

    Every write of a worker names its `token`: after the lease was lost the token is another's, and nothing is written.
    """

    account_key = models.CharField(max_length=80, unique=True)
    token = models.UUIDField(default=uuid.uuid4)
    leased_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, blank=True)
    waits_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.account_key


class SyncRun(models.Model):
    """One attempt to bring one entity of one connection up to date. The table is the queue.

    `ready_at`: the moment from which a worker may take it (due, or the end of a wait, or its turn after a slice).
    `urgency` orders what is ready: the smaller the sooner; it is never later than `ready_at`. `claims`, `waits`: how
    often it was taken, and had to wait, since a page was last written. `beat_at`: when a worker last showed that it is
    alive. A *window* run reads what the WMS stamped between `border` and `until`, and moves no watermark.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    lane = models.ForeignKey(Lane, on_delete=models.PROTECT, related_name="runs")
    entity = models.CharField(max_length=30, choices=ENTITIES)
    mode = models.CharField(max_length=20, choices=Mode.choices)
    trigger = models.CharField(max_length=20, choices=Trigger.choices)
    state = models.CharField(max_length=20, choices=State.choices, default=State.QUEUED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    then_full = models.BooleanField(default=False)
    followed_by = models.OneToOneField("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="follows")
    due_at = models.DateTimeField()
    ready_at = models.DateTimeField()
    urgency = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField("started", null=True)
    completed_at = models.DateTimeField("completed", null=True)
    beat_at = models.DateTimeField(null=True)
    claims = models.PositiveSmallIntegerField(default=0)
    waits = models.PositiveSmallIntegerField(default=0)
    waiting_since = models.DateTimeField(null=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    cancel_asked = models.BooleanField(default=False)
    held = models.PositiveIntegerField(default=0, help_text="Removals held back for a person to look at.")
    review = models.CharField(max_length=10, choices=Review.choices, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)
    releases = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The run whose held removals this one may carry out.",
    )
    since = models.DateTimeField(null=True, help_text="What changed from here on was asked for, overlap included.")
    until = models.DateTimeField(null=True, help_text="What is stamped later was not asked for.")
    border = models.DateTimeField(null=True)
    pages = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    stale = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    processed = models.PositiveIntegerField(default=0, help_text="SKUs whose metrics were worked out.")
    requests = models.PositiveIntegerField(default=0, help_text="Questions asked of the WMS; 0 where nobody counted.")
    waited_seconds = models.PositiveIntegerField(default=0, help_text="How long the WMS kept it waiting.")
    failure = models.CharField(max_length=20, blank=True)
    message = models.TextField(blank=True)
    detail = models.TextField(blank=True)

    workspace_path = "connection__workspace"

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "entity"], condition=Q(state__in=ACTIVE), name="one_active_run"
            )
        ]
        indexes = [
            # In the order in which runs are taken: the next one is found at once, however many stand behind it.
            models.Index(fields=["urgency", "id"], condition=Q(state__in=ACTIVE), name="runs_urgent"),
            models.Index(fields=["connection", "entity", "-id"], name="runs_latest"),
            models.Index(
                fields=["connection", "entity"], condition=Q(state=State.NEEDS_REVIEW, review=""), name="runs_undecided"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_entity_display()} of {self.connection}, run {self.pk}"

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE


class Decision(models.TextChoices):
    """What an admin said to a request for a sync."""

    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined"


class SyncRequest(models.Model):
    """Somebody who may not sync asks an admin to. `run` is the one that an approval started or joined."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="sync_requests")
    entity = models.CharField(max_length=30, choices=ENTITIES)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField()
    note = models.CharField(max_length=500, blank=True)
    decision = models.CharField(max_length=10, choices=Decision.choices, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    run = models.ForeignKey(SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    workspace_path = "connection__workspace"

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "entity"], condition=Q(decision=""), name="one_open_sync_request"
            )
        ]
        indexes = [models.Index(fields=["connection", "-asked_at"], name="sync_requests_latest")]

    def __str__(self) -> str:
        return f"{self.get_entity_display()} of {self.connection}, asked for"


class Phase(models.TextChoices):
    """What a run does next: read the pages; look once more at what came back older, and at what did not come; then
    work out what is derived from what changed.
    """

    READ = "read"
    DOUBTS = "doubts"
    ABSENT = "absent"
    PROCESS = "process"


class Checkpoint(models.Model):
    """Where an active run resumes. Goes when the run ends.

    `phase`: what the run does next. `cursor`: the connector's. `clock`: the WMS's at the walk's first
    answer. `newest`: the highest stamp that can be believed. `crawled`: the start of the copy's last crawl.
    """

    run = models.OneToOneField(SyncRun, on_delete=models.CASCADE, primary_key=True)
    phase = models.CharField(max_length=20, choices=Phase.choices, default=Phase.READ)
    cursor = models.JSONField(null=True)
    clock = models.DateTimeField(null=True)
    newest = models.DateTimeField(null=True)
    crawled = models.DateTimeField(null=True)
    restarts = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.phase} of run {self.run_id}"


class SeenPage(models.Model):
    """The row keys that one page of a run had, packed. `doubtful` are ids that came back older than ours.

    `cursor_digest` tells where the walk went on from here: a cursor that comes twice is a walk in a circle.
    """

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="seen_pages")
    number = models.PositiveIntegerField()
    keys = models.BinaryField()
    doubtful = models.JSONField(default=list)
    cursor_digest = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_seen_page")]

    def __str__(self) -> str:
        return f"page {self.number} of run {self.run_id}"


class RejectedRecord(models.Model):
    """A record that could not be understood: kept with its reason until it is."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(SyncRun, null=True, on_delete=models.SET_NULL, related_name="rejected_records")
    entity = models.CharField(max_length=30, choices=ENTITIES)
    external_id = models.TextField(blank=True)
    reason = models.TextField()
    excerpt = models.TextField()
    first_seen_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField()

    workspace_path = "connection__workspace"

    class Meta:
        ordering = ["-last_seen_at"]
        indexes = [models.Index(fields=["connection", "entity", "external_id"], name="rejected_by_id")]

    def __str__(self) -> str:
        return f"{self.get_entity_display()} {self.external_id}"


class Problem(models.TextChoices):
    """What the watchdog looks for."""

    NO_WORKER = "no_worker", "No worker is running"
    NO_TICK = "no_tick", "Nothing is being planned"
    NOT_SCHEDULED = "not_scheduled", "A sync is not planned"
    STALE = "stale", "Data is out of date"
    STUCK = "stuck", "A sync stands still"
    CREDENTIALS = "credentials", "The WMS refused the login"
    REVIEW = "review", "Removals wait for a decision"
    METRICS = "metrics", "Stock and sales figures are out of date"


class Incident(models.Model):
    """One episode of something being wrong: opened once, closed by itself when it is healed."""

    problem = models.CharField(max_length=20, choices=Problem.choices)
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="incidents")
    entity = models.CharField(max_length=30, choices=ENTITIES, blank=True)
    message = models.TextField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["problem", "connection", "entity"], condition=Q(closed_at=None), name="one_open_incident"
            ),
            models.UniqueConstraint(
                fields=["problem", "entity"],
                condition=Q(closed_at=None, connection=None),
                name="one_open_incident_of_ours",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_problem_display()}: {self.connection or 'Packr'} {self.entity}".rstrip()


class Beat(models.Model):
    """When a part of Packr last showed that it is alive: `tick`, `worker host:pid`, `watchdog`."""

    name = models.CharField(max_length=150, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at}"


class DailyTally(models.Model):
    """What became of the pruned runs of one entity on one day (UTC)."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="tallies")
    entity = models.CharField(max_length=30, choices=ENTITIES)
    day = models.DateField()
    runs = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)

    workspace_path = "connection__workspace"

    class Meta:
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["connection", "entity", "day"], name="one_tally")]

    def __str__(self) -> str:
        return f"{self.get_entity_display()} of {self.connection} on {self.day}"
