from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection

from .history import RecordChange
from .mirrored import ExternalId, Mirrored
from .stock import InventoryItem, Product

ROWS: dict[Entity, type[Mirrored]] = {Entity.INVENTORY: InventoryItem, Entity.PRODUCTS: Product}


class OverrideState(models.TextChoices):
    ACTIVE = "active", "Active"
    REPLACED = "replaced", "Replaced"
    EXPIRED = "expired", "Expired"
    ENDED = "ended", "Ended"


class OverrideQuerySet(models.QuerySet["Override"]):
    def held(self, entity: Entity) -> Exists:
        """Return, for a query of an entity's rows, whether a row has an override that was not ended."""
        return Exists(self.filter(entity=entity.value, row_id=OuterRef("pk"), ended_at=None))

    def with_rows(self) -> Self:
        """Annotate the present change number of each override's row, and when it first changed after the override."""

        def of_row(name: str) -> Any:
            whens = [
                When(entity=entity.value, then=Subquery(model.objects.filter(pk=OuterRef("row_id")).values(name)))
                for entity, model in ROWS.items()
            ]
            return Case(*whens)

        later = RecordChange.objects.filter(
            connection=OuterRef("connection"),
            entity=OuterRef("entity"),
            row_id=OuterRef("row_id"),
            change_no__gt=OuterRef("change_no"),
        )
        first = Subquery(later.order_by("id").values("seen_at")[:1])
        return self.annotate(row_change_no=of_row("change_no"), row_changed_at=Coalesce(first, of_row("changed_at")))

    def in_state(self, state: OverrideState) -> Self:
        """Return those overrides, annotated by `with_rows`, that are in a state."""
        replaced = Q(row_change_no=None) | ~Q(row_change_no=F("change_no")) & Q(row_changed_at__lt=F("expires_at"))
        gone = Q(ended_at__isnull=False)
        late = Q(expires_at__lte=now())
        return self.filter(
            {
                OverrideState.ENDED: gone,
                OverrideState.REPLACED: ~gone & replaced,
                OverrideState.EXPIRED: ~gone & ~replaced & late,
                OverrideState.ACTIVE: ~gone & ~replaced & ~late,
            }[state]
        )


class Override(models.Model):
    """A value that Packr shows instead of the WMS's, where the WMS accepts no change.

    The mirror's row keeps the WMS's value. `change_no` is the row's when the override was made: any newer version from
    the WMS replaces the override automatically. `before` is the WMS's value at that time.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    entity = models.CharField(max_length=30, choices=[(one.value, one.label) for one in ROWS])
    row_id = models.BigIntegerField()
    external_id = ExternalId()
    name = models.TextField()
    field = models.CharField(max_length=30)
    value = models.TextField()
    before = models.TextField(null=True)
    reason = models.TextField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    change_no = models.BigIntegerField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    workspace_path = "connection__workspace"
    objects = OverrideQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "row_id", "field"], condition=Q(ended_at=None), name="one_open_override"
            )
        ]
        indexes = [models.Index(fields=["connection", "-id"], name="overrides_latest")]

    def __str__(self) -> str:
        return f"{self.field} of {self.name}"

    def state(self, row: Mirrored | None = None) -> OverrideState:
        """Return the state by the override's row or, without one, by the annotations of `with_rows`."""
        change_no = row.change_no if row else getattr(self, "row_change_no", None)
        changed_at = row.changed_at if row else getattr(self, "row_changed_at", None)
        if self.ended_at:
            return OverrideState.ENDED
        if change_no is None or (change_no != self.change_no and changed_at and changed_at < self.expires_at):
            return OverrideState.REPLACED
        return OverrideState.EXPIRED if self.expires_at <= now() else OverrideState.ACTIVE
