"""Signs of life: each part of Packr notes when it last worked. Also whose turn a task is that one process does."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Model, Q, Subquery
from django.utils import timezone

from ..models import Beat

# A process that has not shown itself for this long is gone.
ALIVE_WITHIN = timedelta(seconds=60)
# The tick comes once a minute; after this long without one nothing is being planned.
NO_TICK_AFTER = timedelta(minutes=3)
CLUSTER, WORKER, TICK, RESUMED, BEGAN = "cluster", "worker", "tick", "resumed", "watchdog began"
PROCESSES = Q(name__startswith=f"{CLUSTER} ") | Q(name__startswith=f"{WORKER} ")


def record(name: str) -> None:
    """Note that a part of Packr worked just now."""
    _note(name, at=timezone.now())


def record_process(kind: str) -> None:
    """Note that this process lives; the first one after a silence also notes that work was resumed."""
    moment = timezone.now()
    name = f"{kind} {socket.gethostname()}:{os.getpid()}"[:150]
    _note(*([name] if is_any_alive(moment) else [name, RESUMED]), at=moment)


def is_any_alive(moment: datetime) -> bool:
    """Whether a process that works off syncs, or supervises those, has shown itself within the last minute."""
    return Beat.objects.filter(PROCESSES, at__gte=moment - ALIVE_WITHIN).exists()


@dataclass(frozen=True, slots=True)
class SignsOfLife:
    """When a process that works off syncs last showed itself, and when syncs were last planned."""

    process: datetime | None
    tick: datetime | None
    began: datetime | None

    def no_worker_since(self, moment: datetime) -> datetime | None:
        """Since when no process has worked; None while one does, and as long as nobody has looked."""
        last = self.process or self.began
        return last if last and moment - last > ALIVE_WITHIN else None

    def no_plan_since(self, moment: datetime) -> datetime | None:
        """Since when no sync has been planned; None while they are."""
        return self.tick if self.tick and moment - self.tick > NO_TICK_AFTER else None


SIGNS = {"process": PROCESSES, "tick": Q(name=TICK), "began": Q(name=BEGAN)}


def signs() -> SignsOfLife:
    """The last signs of life, in one statement."""
    return SignsOfLife(**Beat.objects.aggregate(**{name: Max("at", filter=which) for name, which in SIGNS.items()}))


def columns() -> dict[str, Subquery]:
    """The last signs of life as columns of a query that is made anyway; `read` finds them in its rows."""
    return {
        f"last_{name}": Subquery(Beat.objects.filter(which).order_by("-at").values("at")[:1])
        for name, which in SIGNS.items()
    }


def read(row: Model) -> SignsOfLife | None:
    """The signs of life in a row of a query with `columns`; None where it has none."""
    if not hasattr(row, "last_process"):
        return None
    return SignsOfLife(**{name: getattr(row, f"last_{name}") for name in SIGNS})


def claim_interval(name: str, every: timedelta, moment: datetime) -> bool:
    """Whether the caller may do what is to be done once in a while: at most one of all processes gets it."""
    found, is_new = Beat.objects.get_or_create(name=name, defaults={"at": moment})
    # Further ahead than a turn is long: noted by a clock that was wrong.
    is_over = Q(at__lte=moment - every) | Q(at__gt=moment + every)
    if is_new or moment - every < found.at <= moment + every:
        return is_new
    return Beat.objects.filter(is_over, name=name).update(at=moment) == 1


def release_interval(name: str, every: timedelta, moment: datetime) -> None:
    """Let the next one who asks have the turn at once: there is more to do."""
    Beat.objects.filter(name=name).update(at=moment - every)


def _note(*names: str, at: datetime) -> None:
    rows = [Beat(name=name, at=at) for name in names]
    Beat.objects.bulk_create(rows, update_conflicts=True, unique_fields=["name"], update_fields=["at"])
