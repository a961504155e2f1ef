from django.db import models

from integrations.entities import Entity
from integrations.models import Connection

from .change_causes import CauseKind


class ChangeKind(models.TextChoices):
    APPEARED = "appeared", "First seen"
    CHANGED = "changed", "Changed"
    REMOVED = "removed", "No longer in the WMS"
    RETURNED = "returned", "Back in the WMS"


CAUSES = [
    (CauseKind.RUN.value, "Sync"),
    (CauseKind.ACTION.value, "Sent from Packr"),
    (CauseKind.POINT_REFRESH.value, "Checked in the WMS"),
    (CauseKind.WEBHOOK.value, "Webhook from the WMS"),
    (CauseKind.OVERRIDE.value, "Override"),
    (CauseKind.UNKNOWN.value, "Unknown"),
]


class RecordChange(models.Model):
    """One change of one mirrored record, and its cause.

    `row_id` is the key of the record's row in its entity's table. `fields` holds each tracked value that changed, as
    [name, part, old, new]; the part is the value's SKU or warehouse. `stamp` is the WMS's time of the change.
    `cause_text` is kept when the run or action with the key `cause_id` is deleted.
    """

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+", db_index=False)
    entity = models.CharField(max_length=30, choices=[(entity.value, entity.label) for entity in Entity])
    row_id = models.BigIntegerField()
    change_no = models.BigIntegerField()
    what = models.CharField(max_length=10, choices=ChangeKind.choices)
    fields = models.JSONField(default=list)
    stamp = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()
    cause = models.CharField(max_length=20, choices=CAUSES)
    cause_id = models.BigIntegerField(null=True)
    cause_text = models.CharField(max_length=200, blank=True)

    workspace_path = "connection__workspace"

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["connection", "entity", "row_id", "-id"], name="history_of_row"),
            models.Index(fields=["seen_at"], name="history_by_time"),
            models.Index(fields=["connection", "entity", "change_no"], name="history_by_change"),
        ]

    def __str__(self) -> str:
        return f"{self.get_entity_display()} {self.row_id}, change {self.change_no}"
