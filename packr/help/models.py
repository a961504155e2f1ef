"""Support requests."""

from django.conf import settings
from django.db import models

from packr.workspaces.models import Workspace


class SupportRequestStatus(models.TextChoices):
    NEW = "new", "New"
    ANSWERED = "answered", "Answered"


class SupportRequest(models.Model):
    """A person's message to support, with the state of their syncs when they sent it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="support_requests")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reply_to = models.EmailField("e-mail", blank=True)
    message = models.TextField()
    diagnosis = models.TextField()
    status = models.CharField(max_length=10, choices=SupportRequestStatus.choices, default=SupportRequestStatus.NEW)
    created_at = models.DateTimeField(auto_now_add=True)
    mailed_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Request {self.pk} from {self.workspace}"
