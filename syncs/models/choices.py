"""The values that schedules, runs and incidents choose from."""

from django.db import models

from integrations.entities import Entity

ENTITIES = [(entity.value, entity.label) for entity in Entity]


class Mode(models.TextChoices):
    INCREMENTAL = "incremental", "Incremental"
    FULL = "full", "Full"
    WINDOW = "window", "Date window"


# A date window is read once, on request, so no schedule has that mode.
SCHEDULED_MODES = [(mode.value, mode.label) for mode in (Mode.INCREMENTAL, Mode.FULL)]


class Trigger(models.TextChoices):
    SCHEDULE = "schedule", "Schedule"
    MANUAL = "manual", "Manual"
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


class Review(models.TextChoices):
    """The decision about the pending removals of a run."""

    RELEASED = "released", "Released"
    REJECTED = "rejected", "Rejected"


class Decision(models.TextChoices):
    """An admin's decision about a sync request."""

    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined"


class Phase(models.TextChoices):
    """The step that a run does next.

    Read the pages; in a full run, recheck stale records, then missing rows; finally, update derived data.
    """

    READ = "read"
    RECHECK_STALE = "doubts"
    RECHECK_MISSING = "absent"
    POST_PROCESS = "process"


class Problem(models.TextChoices):
    """A problem that the watchdog detects."""

    NO_WORKER = "no_worker", "No worker is running"
    NO_TICK = "no_tick", "No runs are being scheduled"
    NOT_SCHEDULED = "not_scheduled", "A sync is not scheduled"
    STALE = "stale", "Data is out of date"
    STUCK = "stuck", "A sync is stuck"
    CREDENTIALS = "credentials", "The WMS rejected the login"
    REVIEW = "review", "Removals wait for a decision"
    METRICS = "metrics", "Stock and sales figures are out of date"
