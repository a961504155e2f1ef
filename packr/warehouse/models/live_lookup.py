from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection

from .mirrored import ExternalId

GOOD_FOR = timedelta(minutes=10)


class Look(models.Model):
    """A live lookup: one record that a person had read from the WMS.

    `found` is None if the WMS gave no answer; `trouble` is then the reason. `is_certain`: the WMS was asked for this id
    alone and has no such record. `answer` is the record received, kept until it is accepted or expires.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    entity = models.CharField(max_length=40)
    external_id = ExternalId()
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=now)
    latency_ms = models.PositiveIntegerField(null=True)
    found = models.BooleanField(null=True)
    is_certain = models.BooleanField(default=False)
    trouble = models.TextField(blank=True)
    answer = models.JSONField(null=True)
    wms_clock = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)

    workspace_path = "connection__workspace"

    class Meta:
        indexes = [
            models.Index(fields=["connection", "entity", "external_id", "-asked_at"], name="looks_of_record"),
            models.Index(fields=["asked_at"], name="looks_by_age"),
        ]

    def __str__(self) -> str:
        return f"{Entity(self.entity).label} {self.external_id} at {self.asked_at}"

    @property
    def can_be_taken(self) -> bool:
        """Whether the result can be accepted: the record as it is now, or that it does not exist."""
        return self.answer is not None or (self.found is False and self.is_certain)
