"""The processing steps of each entity, and going through them in portions that can be broken off anywhere."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from integrations.entities import Entity
from integrations.models import Connection

from ..mirror.query_planner import custom_plan
from ..models import ProcessingMark
from . import affected_skus, kit_components
from .compute import compute, today

PORTION = 4_000  # SKUs, or entries of a history, in one transaction: as many as a page of a WMS has, lines and all


@dataclass(frozen=True, slots=True)
class Portion:
    """What is to be worked in: an entity's changes after `since` and up to `upto`, as of a day of the workspace."""

    connection: Connection
    entity: Entity
    since: int
    upto: int
    day: date


@dataclass(frozen=True, slots=True)
class MetricStep:
    """A step: what it works out, and how it finds the next SKUs after where it stands; None there: it is done."""

    about: str
    portion: Callable[[Portion, Any], tuple[Iterable[str], Any]]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the steps of an entity stand; kept with a run's checkpoint."""

    since: int
    upto: int
    day: str
    step: int = 0
    after: Any = None

    def stored(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def _former(task: Portion, after: Any) -> tuple[Iterable[str], Any]:
    if not task.since:  # nothing was worked out before, so nothing can be out of date
        return (), None
    skus, last = affected_skus.former(task.connection, task.entity, task.since, after or 0, PORTION)
    return affected_skus.with_parts(task.connection, skus), last


def _present(task: Portion, after: Any) -> tuple[Iterable[str], Any]:
    skus, last = affected_skus.present(task.connection, task.entity, task.since, after or "", PORTION)
    return affected_skus.with_parts(task.connection, skus), last


def _items(task: Portion, after: Any) -> tuple[Iterable[str], Any]:
    found, last = affected_skus.by_change(task.connection, task.entity, task.since, after, PORTION)
    return [sku for _, sku in found], last


def _products(task: Portion, after: Any) -> tuple[Iterable[str], Any]:
    found, last = affected_skus.by_change(
        task.connection, task.entity, task.since, after, PORTION, *kit_components.FIELDS
    )
    return {*(sku for _, sku, *_ in found), *kit_components.renew(task.connection, found)} if found else (), last


def _days(task: Portion, after: Any) -> tuple[Iterable[str], Any]:
    return affected_skus.of_earlier_days(task.connection, task.day, after or "", PORTION)


SOLD, STOCK = "units sold and days of cover", "stock position and days of cover"
STEPS: dict[Entity, tuple[MetricStep, ...]] = {
    Entity.ORDERS: (MetricStep(SOLD, _former), MetricStep(SOLD, _present), MetricStep(SOLD, _days)),
    Entity.INVENTORY: (MetricStep(STOCK, _former), MetricStep(STOCK, _items)),
    Entity.PRODUCTS: (MetricStep(SOLD, _former), MetricStep("parts of kits, units sold and days of cover", _products)),
    Entity.INBOUND_SHIPMENTS: (MetricStep("expected arrivals", _former), MetricStep("expected arrivals", _present)),
}


def begin(connection: Connection, entity: Entity, now: datetime) -> Progress:
    """Where the steps of an entity begin: at the first change that was not worked in yet."""
    marks = ProcessingMark.objects.filter(connection=connection, entity=entity.value)
    since = marks.values_list("change_no", flat=True).first() or 0
    upto = Connection.objects.values_list("change_no", flat=True).get(pk=connection.pk)
    return Progress(since, upto, today(ZoneInfo(connection.workspace.timezone), now).isoformat())


def go_on(connection: Connection, entity: Entity, place: Progress, now: datetime) -> tuple[int, Progress | None]:
    """Work in a portion, in the caller's transaction: how many SKUs it had, and where to go on; None at the end."""
    task = Portion(connection, entity, place.since, place.upto, date.fromisoformat(place.day))
    steps = STEPS[entity]
    count = 0
    while place.step < len(steps):
        with custom_plan():
            skus, after = steps[place.step].portion(task, place.after)
            count += compute(connection, skus, day=task.day, now=now)
        if after is not None:
            return count, replace(place, after=after)
        place = replace(place, step=place.step + 1, after=None)
    _mark(task, now)
    return count, None


def _mark(task: Portion, now: datetime) -> None:
    mark = ProcessingMark(connection=task.connection, entity=task.entity.value, change_no=task.upto)
    fields = ["change_no"]
    if task.entity == Entity.ORDERS:
        mark.day, mark.rolled_at = task.day, now
        fields += ["day", "rolled_at"]
    ProcessingMark.objects.bulk_create(
        [mark], update_conflicts=True, unique_fields=["connection", "entity"], update_fields=fields
    )
