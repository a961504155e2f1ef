"""Requests, incidents, heartbeats and daily tallies."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from integrations.models import Connection

from .choices import ENTITIES, Decision, Problem
from .run import SyncRun


class SyncRequest(models.Model):
    """A member's request that an admin start a sync. `run` is the run that an approval started or attached to."""

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
        return f"{self.get_entity_display()} of {self.connection}, requested"


class Incident(models.Model):
    """One episode of a problem, from detection to recovery."""

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
    """The last heartbeat of a part of Packr: `tick`, `worker host:pid`, `watchdog`."""

    name = models.CharField(max_length=150, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "heartbeat"

    def __str__(self) -> str:
        return f"{self.name} {self.at}"


class DailyTally(models.Model):
    """Totals of the pruned runs of one entity on one day (UTC)."""

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
        verbose_name_plural = "daily tallies"
        constraints = [models.UniqueConstraint(fields=["connection", "entity", "day"], name="one_tally")]

    def __str__(self) -> str:
        return f"{self.get_entity_display()} of {self.connection} on {self.day}"
