"""The processing steps of each entity, and going through them in portions that can be broken off anywhere."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from integrations.entities import Entity
from integrations.models import Connection

from ..mirror.query_planner import planned_for_its_values
from ..models import ProcessingMark
from . import affected_skus, kit_components
from .compute import today, work_out

PORTION = 4_000  # SKUs, or entries of a history, in one transaction: as many as a page of a WMS has, lines and all


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be worked in: an entity's changes after `since` and up to `upto`, as of a day of the workspace."""

    connection: Connection
    entity: Entity
    since: int
    upto: int
    day: date


@dataclass(frozen=True, slots=True)
class Step:
    """A step: what it works out, and how it finds the next SKUs after where it stands; None there: it is done."""

    about: str
    portion: Callable[[Task, Any], tuple[Iterable[str], Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the steps of an entity stand; kept with a run's checkpoint."""

    since: int
    upto: int
    day: str
    step: int = 0
    after: Any = None

    def stored(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def _former(task: Task, after: Any) -> tuple[Iterable[str], Any]:
    if not task.since:  # nothing was worked out before, so nothing can be out of date
        return (), None
    skus, last = affected_skus.former(task.connection, task.entity, task.since, after or 0, PORTION)
    return affected_skus.with_parts(task.connection, skus), last


def _present(task: Task, after: Any) -> tuple[Iterable[str], Any]:
    skus, last = affected_skus.present(task.connection, task.entity, task.since, after or "", PORTION)
    return affected_skus.with_parts(task.connection, skus), last


def _items(task: Task, after: Any) -> tuple[Iterable[str], Any]:
    found, last = affected_skus.by_change(task.connection, task.entity, task.since, after, PORTION)
    return [sku for _, sku in found], last


def _products(task: Task, after: Any) -> tuple[Iterable[str], Any]:
    found, last = affected_skus.by_change(
        task.connection, task.entity, task.since, after, PORTION, *kit_components.FIELDS
    )
    return {*(sku for _, sku, *_ in found), *kit_components.renew(task.connection, found)} if found else (), last


def _days(task: Task, after: Any) -> tuple[Iterable[str], Any]:
    return affected_skus.of_earlier_days(task.connection, task.day, after or "", PORTION)


SOLD, STOCK = "units sold and days of cover", "stock position and days of cover"
STEPS: dict[Entity, tuple[Step, ...]] = {
    Entity.ORDERS: (Step(SOLD, _former), Step(SOLD, _present), Step(SOLD, _days)),
    Entity.INVENTORY: (Step(STOCK, _former), Step(STOCK, _items)),
    Entity.PRODUCTS: (Step(SOLD, _former), Step("parts of kits, units sold and days of cover", _products)),
    Entity.INBOUND_SHIPMENTS: (Step("expected arrivals", _former), Step("expected arrivals", _present)),
}


def begin(connection: Connection, entity: Entity, now: datetime) -> Place:
    """Where the steps of an entity begin: at the first change that was not worked in yet."""
    marks = ProcessingMark.objects.filter(connection=connection, entity=entity.value)
    since = marks.values_list("change_no", flat=True).first() or 0
    upto = Connection.objects.values_list("change_no", flat=True).get(pk=connection.pk)
    return Place(since, upto, today(ZoneInfo(connection.workspace.timezone), now).isoformat())


def go_on(connection: Connection, entity: Entity, place: Place, now: datetime) -> tuple[int, Place | None]:
    """Work in a portion, in the caller's transaction: how many SKUs it had, and where to go on; None at the end."""
    task = Task(connection, entity, place.since, place.upto, date.fromisoformat(place.day))
    steps = STEPS[entity]
    count = 0
    while place.step < len(steps):
        with planned_for_its_values():
            skus, after = steps[place.step].portion(task, place.after)
            count += work_out(connection, skus, day=task.day, now=now)
        if after is not None:
            return count, replace(place, after=after)
        place = replace(place, step=place.step + 1, after=None)
    _mark(task, now)
    return count, None


def _mark(task: Task, now: datetime) -> None:
    mark = ProcessingMark(connection=task.connection, entity=task.entity.value, change_no=task.upto)
    fields = ["change_no"]
    if task.entity == Entity.ORDERS:
        mark.day, mark.rolled_at = task.day, now
        fields += ["day", "rolled_at"]
    ProcessingMark.objects.bulk_create(
        [mark], update_conflicts=True, unique_fields=["connection", "entity"], update_fields=fields
    )
