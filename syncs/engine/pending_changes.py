"""What is known of an entity's processing as a slice begins, read together with its schedule."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from integrations.entities import Entity
from packr.warehouse.metrics.pipeline import STEPS
from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.models import ProcessingMark


@dataclass(frozen=True, slots=True)
class PendingChanges:
    """`has_changes`: something that changed was not worked in yet. `day`: the day that the metrics are of."""

    has_changes: bool = False
    day: date | None = None
    timezone: str = "UTC"


def annotate_pending(schedules: "QuerySet[Any, Any]", entity: Entity) -> "QuerySet[Any, Any]":
    """Schedules of one entity with what `read` needs: no statement more for a run that finds nothing to do."""
    if entity not in STEPS:
        return schedules
    marks = ProcessingMark.objects.filter(connection=OuterRef("connection"), entity=entity.value)
    # The newest row's: one look into the index. Whether any row is newer than the mark reads the whole table on
    # PostgreSQL, which expects to meet one soon, and mostly there is none.
    rows = TABLES[entity].model._default_manager.filter(connection=OuterRef("connection"))
    newest = rows.order_by("-change_no", "-id").values("change_no")[:1]
    known: QuerySet[Any, Any] = schedules.annotate(
        worked_to=Coalesce(Subquery(marks.values("change_no")), Value(0)),
        worked_day=Subquery(marks.values("day")),
        zone_name=F("connection__workspace__timezone"),
        changed_to=Coalesce(Subquery(newest), Value(0)),
    )
    return known


def read_pending(schedule: Any, entity: Entity) -> PendingChanges:
    """What an annotated schedule tells."""
    if entity not in STEPS:
        return PendingChanges()
    return PendingChanges(schedule.changed_to > schedule.worked_to, schedule.worked_day, schedule.zone_name)
