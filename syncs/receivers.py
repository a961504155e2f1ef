"""What follows when `integrations` tells that a connection was made or ended."""

from typing import Any

from django.dispatch import receiver
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from integrations.signals import connection_ended, connection_made

from .models import Mode, Trigger
from .schedule import make_schedules
from .services import request_runs, stop_all


@receiver(connection_made)
def plan(sender: type[Connection], connection: Connection, first_sync: bool, **kwargs: Any) -> None:
    """Give a new connection its schedules and, unless told otherwise, its first runs."""
    schedules = make_schedules(connection, now())
    if first_sync:
        entities = [Entity(schedule.entity) for schedule in schedules]
        request_runs(connection, entities, mode=Mode.FULL, trigger=Trigger.FIRST)


@receiver(connection_ended)
def stop(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    """End what is under way; schedules of a disconnected connection fall due no more."""
    stop_all(connection, "The WMS was disconnected. What was read so far is kept.")
