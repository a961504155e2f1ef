"""Switching entities on and off by hand: anybody sees the cadences, admins choose what is synced at all."""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from integrations import events
from integrations.entities import Entity
from integrations.models import Connection, EventKind
from packr.workspaces.formatting import named

from .models import Trigger
from .runs.cadence import is_read_with
from .runs.enqueue import request_runs
from .runs.planner import reschedule


def set_enabled(connection: Connection, entity: Entity, on: bool, *, person: Any) -> bool:
    """Sync one entity by itself, or no longer, and leave the others as they are; whether that changed anything."""
    return bool(set_enabled_entities(connection, [entity] if on else [], among=[entity], person=person))


@transaction.atomic
def set_enabled_entities(
    connection: Connection, wanted: Collection[Entity], *, among: Collection[Entity], person: Any
) -> list[Entity]:
    """Sync these entities by themselves, and no others of those the choice was among; returns what changed.

    What is switched on is synced at once. What is switched off keeps its data; a run under way is not stopped.
    """
    changed, moment = [], now()
    # Locked before they are read: rescheduling stores the settings as they are on the object.
    for schedule in connection.schedules.select_related("connection__workspace").select_for_update(of=("self",)):
        entity = Entity(schedule.entity)
        if entity not in among or is_read_with(schedule) or schedule.enabled == (entity in wanted):
            continue
        schedule.enabled = entity in wanted
        schedule.off_reason = "" if schedule.enabled else f"{named(person)} switched it off."
        reschedule(schedule, moment)
        changed.append(entity)
    on = [entity for entity in changed if entity in wanted]
    for words, entities in (("on", on), ("off", [one for one in changed if one not in wanted])):
        if entities:
            names = ", ".join(one.label.lower() for one in entities)
            events.record_event(connection, EventKind.CONFIGURATION, f"Switched {words}: {names}.", person=person)
    if on and connection.is_live:
        request_runs(connection, on, trigger=Trigger.MANUAL, person=person)
    return changed
