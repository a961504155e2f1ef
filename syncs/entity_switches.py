"""Entity switches: admins choose which entities are synced automatically."""

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
    """Switch one entity on or off. Return whether that changed anything."""
    return bool(set_enabled_entities(connection, [entity] if on else [], among=[entity], person=person))


@transaction.atomic
def set_enabled_entities(
    connection: Connection, wanted: Collection[Entity], *, among: Collection[Entity], person: Any
) -> list[Entity]:
    """Switch `wanted` on and the other entities of `among` off. Return the entities that changed.

    An entity that is switched on is synced immediately. One that is switched off keeps its data and an active run.
    """
    changed, moment = [], now()
    # Lock before reading: `reschedule` saves the settings that are on the object.
    for schedule in connection.schedules.select_related("connection__workspace").select_for_update(of=("self",)):
        entity = Entity(schedule.entity)
        if entity not in among or is_read_with(schedule) or schedule.enabled == (entity in wanted):
            continue
        schedule.enabled = entity in wanted
        schedule.off_reason = "" if schedule.enabled else f"{named(person)} switched it off."
        reschedule(schedule, moment)
        changed.append(entity)
    on = [entity for entity in changed if entity in wanted]
    off = [entity for entity in changed if entity not in wanted]
    for word, entities in (("on", on), ("off", off)):
        if entities:
            names = ", ".join(entity.label.lower() for entity in entities)
            events.record_event(connection, EventKind.CONFIGURATION, f"Switched {word}: {names}.", person=person)
    if on and connection.is_live:
        request_runs(connection, on, trigger=Trigger.MANUAL, person=person)
    return changed
