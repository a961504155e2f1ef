from django.conf import settings
from django.db import models

from packr.workspaces.models import Workspace


class SavedView(models.Model):
    """The search, filters and sort of a list, saved under a name as the query string `address`.

    Everyone in the workspace sees shared views.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="saved_views")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    screen = models.CharField(max_length=40)
    name = models.CharField(max_length=60)
    address = models.TextField(blank=True)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "screen", "person", "name"], name="one_view_of_a_name")
        ]

    def __str__(self) -> str:
        return self.name
