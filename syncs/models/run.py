"""Runs, which are also the queue, and what the engine stores while one is active."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from integrations.models import Connection

from .choices import ACTIVE, ENTITIES, Mode, Phase, Review, State, Trigger


class Lane(models.Model):
    """The work queue and lock of one WMS account. Only the worker that holds its lease sends requests to the account.

    Every write of a worker checks `token`. After a worker has lost the lease the token differs, and nothing is written.
    """

    account_key = models.CharField(max_length=80, unique=True)
    token = models.UUIDField(default=uuid.uuid4)
    leased_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, blank=True)
    waits_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.account_key


class SyncRun(models.Model):
    """One attempt to update one entity of one connection. The table is the queue.

    `ready_at`: when a worker may claim it (it is due, a wait ends, or it was requeued after a slice). `urgency`: the
    order of ready runs, earliest first, never later than `ready_at`. `claims`, `waits`: how often it was claimed and
    had to wait since the last written page. `beat_at`: the last heartbeat of its worker. `border`: how far back a full
    run reads history. A *window* run reads the changes between `border` and `until` and moves no watermark.
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
    held = models.PositiveIntegerField(default=0, help_text="Removals that wait for a review.")
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
        help_text="The run whose pending removals this one may carry out.",
    )
    since = models.DateTimeField(null=True, help_text="Start of the requested changes, including the overlap.")
    until = models.DateTimeField(null=True, help_text="End of the requested changes.")
    border = models.DateTimeField(null=True)
    pages = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    stale = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    processed = models.PositiveIntegerField(default=0, help_text="SKUs whose metrics were updated.")
    requests = models.PositiveIntegerField(default=0, help_text="Requests sent to the WMS; 0 if not counted.")
    waited_seconds = models.PositiveIntegerField(default=0, help_text="Time spent waiting for the WMS.")
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
            # The order in which runs are claimed: finds the next one immediately, however many are queued.
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


class Checkpoint(models.Model):
    """The place where an active run resumes; deleted when the run ends.

    `cursor`: the connector's position in the list or, in later phases, the run's. `clock`: the WMS's time at the first
    response of the pass. `newest`: the highest plausible stamp. `crawled`: the start of the last crawl, if the WMS's
    API is itself a copy. `restarts`: how often the pass was started again.
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
    """The row keys of one page of a run, packed. `doubtful`: the ids of stale records, to be rechecked.

    `cursor_digest` identifies the cursor of the next page. A cursor that appears twice means an endless list.
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
    """A record that Packr could not parse, kept with the reason until a later version is accepted."""

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
