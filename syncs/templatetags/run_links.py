"""What stands behind a change of a record: the run that brought it, as far as it is still kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.db.models import Q
from django.urls import reverse

from packr.warehouse.mirror.schema import TABLES
from packr.warehouse.models import Mirrored, RecordChange
from packr.warehouse.models.change_causes import CauseKind
from syncs.models import SyncRun

register = template.Library()


@register.simple_tag
def runs_behind(entries: Sequence[Any]) -> dict[int, str]:
    """The addresses of the runs that brought these entries of a record's history, by run."""
    changes: list[RecordChange] = [entry.change for entry in entries]
    keys = {one.cause_id for one in changes if one.cause == CauseKind.RUN and one.cause_id}
    found = SyncRun.objects.filter(pk__in=keys).values_list("pk", "connection_id") if keys else []
    return {pk: reverse("run", args=[connection, pk]) for pk, connection in found}


@register.simple_tag
def run_at(row: Mirrored, moment: datetime) -> SyncRun | None:
    """The run that wrote a record at a moment, where it is still kept."""
    entity = next(entity for entity, table in TABLES.items() if table.model is type(row))
    parent = row.connection.connector.read_with.get(entity, entity)
    ended = Q(completed_at=None) | Q(completed_at__gte=moment)
    runs = SyncRun.objects.filter(ended, connection=row.connection_id, entity=parent, started_at__lte=moment)
    return runs.order_by("-pk").first()
