"""What happened in a fleet between two moments, from the table of runs. Django must be set up.

Lateness is start minus due, over all runs that fell due in between; a run that had not started counts as late as it
was then. Runs of connections that joined later (`first syncs`) are counted separately.
"""

import os
import random
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, connections
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from integrations.entities import Entity
from integrations.models import Connection
from syncs.models import Beat, EntitySchedule, State, SyncRun, Trigger
from syncs.runs.cadence import DEFAULT_INTERVALS
from syncs.runs.enqueue import request_runs

from .fleet_processes import Meter
from .fleet_world import SEVEN, person

Row = dict[str, Any]
DAY = 86_400
PRESSED = (Entity.ORDERS, Entity.INVENTORY, Entity.PRODUCTS)
LATENESS = """
    SELECT count(*) AS due,
           count(started_at) AS started,
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY late) AS percentiles,
           max(late) AS latest,
           count(*) FILTER (WHERE late > 2 * cadence) AS starved
    FROM (SELECT run.started_at, coalesce(schedule.every_seconds, 86400) AS cadence,
                 extract(epoch FROM coalesce(run.started_at, %(ended)s) - run.due_at)::float AS late
          FROM syncs_syncrun run
          JOIN syncs_entityschedule schedule USING (connection_id, entity)
          WHERE run.trigger = 'schedule' AND run.due_at >= %(began)s AND run.due_at < %(ended)s
            AND run.connection_id <= %(last)s) AS runs"""
FALL_DUE = """
    UPDATE syncs_entityschedule SET next_due_at = %(moment)s WHERE id IN (
        SELECT id FROM syncs_entityschedule plan
        WHERE enabled AND every_seconds IS NOT NULL AND next_due_at > %(moment)s AND NOT EXISTS (
            SELECT FROM syncs_syncrun run
            WHERE completed_at IS NULL AND run.connection_id = plan.connection_id AND run.entity = plan.entity)
        LIMIT %(count)s)"""
FORGOTTEN = """
    SELECT count(*) FROM syncs_entityschedule
    WHERE enabled AND next_due_at < %(ended)s - make_interval(secs => 2 * coalesce(every_seconds, 86400))"""
DONE = """
    SELECT connection_id <= %(last)s AS of_fleet, state, count(*), sum(seen) FROM syncs_syncrun
    WHERE completed_at >= %(began)s AND completed_at < %(ended)s GROUP BY 1, 2"""


def runs_per_second(count: int) -> float:
    """Return how many runs fall due per second in a fleet with this number of connections."""
    return count * sum(1 / DEFAULT_INTERVALS.get(entity, DAY) for entity in SEVEN)


def workers() -> set[int]:
    """Return the processes of this machine that have worked."""
    names = Beat.objects.filter(name__startswith=f"worker {socket.gethostname()}:").values_list("name", flat=True)
    return {int(name.rpartition(":")[2]) for name in names}


def unfinished(pks: list[int]) -> int:
    """Return how many first runs of these connections have not ended."""
    return SyncRun.objects.filter(connection__in=pks, trigger=Trigger.FIRST, completed_at=None).count()


@dataclass
class FleetPhase:
    """One phase of a fleet, and its figures."""

    name: str
    meter: Meter
    last: int
    began: datetime = field(default_factory=now)

    def figures(self, asked: "Person") -> Row:
        """Return the figures since the phase began."""
        ended = now()
        bounds = {"began": self.began, "ended": ended, "last": self.last}
        seconds = (ended - self.began).total_seconds()
        (late,) = _rows(LATENESS, bounds)
        ((forgotten,),) = [row.values() for row in _rows(FORGOTTEN, bounds)]
        done = _rows(DONE, bounds)
        ours = [row for row in done if row["of_fleet"]]
        runs = sum(row["count"] for row in done)
        spent = self.meter.spent()
        return {
            "phase": self.name,
            "seconds": seconds,
            "due": late["due"],
            "by cadence": runs_per_second(Connection.objects.filter(pk__lte=self.last).count()),
            "done": sum(row["count"] for row in ours),
            "not well": sum(row["count"] for row in done if row["state"] != "succeeded"),
            "rows read": sum(row["sum"] for row in done),
            "first syncs ended": runs - sum(row["count"] for row in ours),
            "lateness": late["percentiles"] or [0.0, 0.0, 0.0],
            "latest": late["latest"] or 0.0,
            "starved": late["starved"] + forgotten,
            "cpu": spent,
            "cpu per run": {name: cpu / max(runs, 1) for name, cpu in spent.items()},
            "busy cores": sum(spent.values()) / seconds,
            "load": os.getloadavg()[0],
            "worker memory": [min(self.meter.resident, default=0), max(self.meter.resident, default=0)],
            "waits": asked.waits(),
        }


class Person(threading.Thread):
    """Someone who presses Run every few seconds, somewhere. Leaving the context stops them."""

    def __init__(self, every: float, last: int) -> None:
        super().__init__(daemon=True)
        self.every, self.over = every, threading.Event()
        self.asked: dict[int, datetime] = {}
        self.keys = list(Connection.objects.filter(pk__lte=last).values_list("pk", flat=True))
        self.failed: BaseException | None = None

    def __enter__(self) -> "Person":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.join()
        if self.failed:
            raise self.failed

    def run(self) -> None:
        try:
            while not self.over.wait(self.every):
                self._press()
        except BaseException as error:  # reported by the thread that started it
            self.failed = error
        finally:
            connections.close_all()

    def _press(self) -> None:
        where = Connection.objects.select_related("workspace").get(pk=random.choice(self.keys))
        moment = now()
        (found,) = request_runs(where, [random.choice(PRESSED)], trigger=Trigger.MANUAL, person=person())
        if not found.attached:
            self.asked[found.run.pk] = moment

    def waits(self) -> list[float]:
        """Return the seconds between request and start, ascending; for runs that have not started, so far."""
        started = dict(SyncRun.objects.filter(pk__in=self.asked).values_list("pk", Coalesce("started_at", now())))
        return sorted((started[pk] - moment).total_seconds() for pk, moment in list(self.asked.items()))


def fall_due(count: int) -> datetime:
    """Make this number of idle entities, other than daily ones, fall due now. Return the moment."""
    moment = now()
    with connection.cursor() as cursor:
        cursor.execute(FALL_DUE, {"moment": moment, "count": count})
        if cursor.rowcount != count:
            raise ValueError(f"only {cursor.rowcount} entities rest; make the fleet larger than --due-at-once")
    return moment


def left_of(moment: datetime) -> int:
    """Return how many of the runs that fell due at the moment were not planned or have not ended.

    A run that a person had just requested counts as planned.
    """
    unplanned = EntitySchedule.objects.filter(next_due_at=moment).count()
    return unplanned + SyncRun.objects.filter(due_at=moment, completed_at=None).count()


def in_hands_of(pids: Iterable[int]) -> int:
    """Return how many runs these processes are working on."""
    names = [f"{socket.gethostname()}:{pid}" for pid in pids]
    return SyncRun.objects.filter(state=State.RUNNING, lane__worker__in=names, lane__leased_until__gt=now()).count()


AT_ONCE = """
    SELECT extract(epoch FROM max(created_at) - %(moment)s)::float AS "planned within",
           extract(epoch FROM max(completed_at) - %(moment)s)::float AS "ended within",
           count(completed_at) / extract(epoch FROM max(completed_at) - min(started_at))::float AS "their runs/s",
           count(*) - count(DISTINCT (connection_id, entity)) AS doubled
    FROM syncs_syncrun WHERE due_at = %(moment)s"""


def at_once(moment: datetime) -> Row:
    """Return the figures of the runs that fell due at the moment."""
    (found,) = _rows(AT_ONCE, {"moment": moment})
    return {name: round(value, 1) if isinstance(value, float) else value for name, value in found.items()}


def _rows(sql: str, values: Row) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
