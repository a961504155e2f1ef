"""Heartbeats: when each part of Packr last worked. Also intervals, which let one of all processes do a task."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Model, Q, Subquery
from django.utils import timezone

from ..models import Beat

# A process without a heartbeat for this long has ended.
ALIVE_WITHIN = timedelta(seconds=60)
# The tick runs once a minute. Without one for this long, no runs are being planned.
NO_TICK_AFTER = timedelta(minutes=3)
CLUSTER, WORKER, TICK, RESUMED, BEGAN = "cluster", "worker", "tick", "resumed", "watchdog began"
PROCESSES = Q(name__startswith=f"{CLUSTER} ") | Q(name__startswith=f"{WORKER} ")


def record(name: str) -> None:
    """Record that a part of Packr has just worked."""
    _store(name, at=timezone.now())


def record_process(kind: str) -> None:
    """Record a heartbeat of this process. The first one after a silence also records that work was resumed."""
    moment = timezone.now()
    name = f"{kind} {socket.gethostname()}:{os.getpid()}"[:150]
    _store(*([name] if is_any_alive(moment) else [name, RESUMED]), at=moment)


def is_any_alive(moment: datetime) -> bool:
    """Return whether a worker or a supervisor has had a heartbeat within the last minute."""
    return Beat.objects.filter(PROCESSES, at__gte=moment - ALIVE_WITHIN).exists()


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """The last heartbeats: of a worker process, of the tick, and when the watchdog first looked."""

    process: datetime | None
    tick: datetime | None
    began: datetime | None

    def no_worker_since(self, moment: datetime) -> datetime | None:
        """Return since when no worker is alive. None if one is, or if that was never checked."""
        last = self.process or self.began
        return last if last and moment - last > ALIVE_WITHIN else None

    def no_plan_since(self, moment: datetime) -> datetime | None:
        """Return since when no runs have been planned. None while they are."""
        return self.tick if self.tick and moment - self.tick > NO_TICK_AFTER else None


SIGNS = {"process": PROCESSES, "tick": Q(name=TICK), "began": Q(name=BEGAN)}


def last_heartbeats() -> Heartbeats:
    """Return the last heartbeats, read by one statement."""
    return Heartbeats(**Beat.objects.aggregate(**{name: Max("at", filter=which) for name, which in SIGNS.items()}))


def columns() -> dict[str, Subquery]:
    """Return the last heartbeats as columns for another query; `from_row` reads them from its rows."""
    return {
        f"last_{name}": Subquery(Beat.objects.filter(which).order_by("-at").values("at")[:1])
        for name, which in SIGNS.items()
    }


def from_row(row: Model) -> Heartbeats | None:
    """Return the heartbeats in a row of a query with `columns`. None if the query has none."""
    if not hasattr(row, "last_process"):
        return None
    return Heartbeats(**{name: getattr(row, f"last_{name}") for name in SIGNS})


def claim_interval(name: str, every: timedelta, moment: datetime) -> bool:
    """Return whether the caller may do a recurring task now. At most one of all processes may, once per interval."""
    found, is_new = Beat.objects.get_or_create(name=name, defaults={"at": moment})
    # A time further in the future than one interval was stored by a wrong clock.
    is_over = Q(at__lte=moment - every) | Q(at__gt=moment + every)
    if is_new or moment - every < found.at <= moment + every:
        return is_new
    return Beat.objects.filter(is_over, name=name).update(at=moment) == 1


def release_interval(name: str, every: timedelta, moment: datetime) -> None:
    """Let the next caller of `claim_interval` have the task immediately, since there is more to do."""
    Beat.objects.filter(name=name).update(at=moment - every)


def _store(*names: str, at: datetime) -> None:
    rows = [Beat(name=name, at=at) for name in names]
    Beat.objects.bulk_create(rows, update_conflicts=True, unique_fields=["name"], update_fields=["at"])
