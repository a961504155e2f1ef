"""Reactions to new and ended connections and to a changed time zone."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver
from django.urls import reverse
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from integrations.services import OffReason
from integrations.signals import connection_ended, connection_made, connection_resumed, lookback_raised
from packr.warehouse.history.run_links import RunLink
from packr.warehouse.models import Mirrored, RecordChange
from packr.warehouse.record_urls import entity_of
from packr.warehouse.signals import age_requested, run_urls_requested, writing_run_requested
from packr.warehouse.stock.data_age import Age
from packr.workspaces.models import Workspace

from .models import EntitySchedule, Mode, SyncRun, Trigger
from .runs.enqueue import backfill, request_runs
from .runs.lifecycle import end_active_runs
from .runs.planner import make_schedules, reschedule, runnable_entities
from .status.freshness import fresh_for


@receiver(connection_made)
def make_schedules_and_first_runs(
    sender: type[Connection], connection: Connection, first_sync: bool, off: Mapping[Entity, OffReason], **kwargs: Any
) -> None:
    """Create the schedules of a new connection and, if requested, its first runs."""
    make_schedules(connection, now())
    for entity, why in off.items():
        connection.schedules.filter(entity=entity).update(enabled=False, off_reason=why.reason, offered=why.offered)
    if first_sync:
        entities = [entity for entity in connection.connector.resources if entity not in off]
        request_runs(connection, entities, mode=Mode.FULL, trigger=Trigger.FIRST)


@receiver(connection_resumed)
def resume_syncs(
    sender: type[Connection], connection: Connection, person: Any, other_account: bool, **kwargs: Any
) -> None:
    """Sync what was paused. After a change of the account everything is read again, since the mirror is of another."""
    if other_account:
        connection.schedules.update(watermark=None)
        end_active_runs(connection, "Another account was connected. The records read so far are kept.")
    mode = Mode.FULL if other_account else Mode.INCREMENTAL
    request_runs(connection, runnable_entities(connection, now()), mode=mode, trigger=Trigger.MANUAL, person=person)


@receiver(connection_ended)
def end_syncs(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    """End the active runs. Schedules of a disconnected connection no longer fall due."""
    end_active_runs(connection, "The WMS was disconnected. The records read so far are kept.")


@receiver(lookback_raised)
def read_older_history(
    sender: type[Connection], connection: Connection, until: datetime, person: Any, **kwargs: Any
) -> None:
    """Read only the part of the history that was too old before."""
    backfill(connection, until, person=person)


@receiver(pre_save, sender=Workspace)
def remember_timezone(sender: type[Workspace], instance: Any, raw: bool, update_fields: Any, **kwargs: Any) -> None:
    """Remember whether this save changes the workspace's time zone."""
    instance.moves_clock = False
    if not raw and (update_fields is None or "timezone" in update_fields):
        stored = sender.objects.filter(pk=instance.pk).values_list("timezone", flat=True).first()
        instance.moves_clock = stored not in (None, instance.timezone)


@receiver(post_save, sender=Workspace)
def replan_daily_syncs(sender: type[Workspace], instance: Any, **kwargs: Any) -> None:
    """Plan the daily syncs in the new time zone."""
    if not instance.moves_clock:
        return
    daily = EntitySchedule.objects.filter(connection__workspace=instance, daily_at__isnull=False)
    with transaction.atomic():
        # Lock first: rescheduling stores the settings of the object.
        for schedule in daily.select_related("connection__workspace").select_for_update(of=("self",)):
            reschedule(schedule, now())


@receiver(age_requested)
def answer_age(sender: type[Connection], connection: Connection, entity: Entity, **kwargs: Any) -> Age | None:
    """Return the age of an entity's mirror and its limit."""
    schedule = EntitySchedule.objects.filter(connection=connection, entity=entity).first()
    return Age(schedule.as_of, schedule.watermark, fresh_for(schedule.cadence)) if schedule else None


@receiver(run_urls_requested)
def answer_run_urls(sender: type[RecordChange], run_ids: Collection[int], **kwargs: Any) -> dict[int, str]:
    """Return the addresses of the pages of the runs that are still kept."""
    found = SyncRun.objects.filter(pk__in=run_ids).values_list("pk", "connection_id")
    return {pk: reverse("run", args=[connection_id, pk]) for pk, connection_id in found}


@receiver(writing_run_requested)
def answer_writing_run(sender: type[Mirrored], row: Mirrored, moment: datetime, **kwargs: Any) -> RunLink | None:
    """Return the run that was reading the record's entity at the moment, if it is still kept."""
    entity = entity_of(row)
    parent = row.connection.connector.read_with.get(entity, entity)
    ended = Q(completed_at=None) | Q(completed_at__gte=moment)
    runs = SyncRun.objects.filter(ended, connection=row.connection_id, entity=parent, started_at__lte=moment)
    run = runs.order_by("-pk").first()
    return RunLink(run.pk, reverse("run", args=[run.connection_id, run.pk])) if run else None
