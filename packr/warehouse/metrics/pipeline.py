"""The metric steps of each entity, run in portions."""

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

PORTION_SIZE = 4_000  # SKUs or history entries per transaction, about the lines of a page of a WMS


@dataclass(frozen=True, slots=True)
class ChangeRange:
    """The changes of an entity after `since` and up to `upto`, and the workspace's day to compute metrics for."""

    connection: Connection
    entity: Entity
    since: int
    upto: int
    day: date


@dataclass(frozen=True, slots=True)
class MetricStep:
    """A step: what it computes, and a function that returns the next SKUs and the position to continue from."""

    about: str
    portion: Callable[[ChangeRange, Any], tuple[Iterable[str], Any]]


@dataclass(frozen=True, slots=True)
class Progress:
    """The position in an entity's steps, kept with a run's checkpoint."""

    since: int
    upto: int
    day: str
    step: int = 0
    after: Any = None

    def stored(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def _former(changes: ChangeRange, after: Any) -> tuple[Iterable[str], Any]:
    if not changes.since:  # nothing was computed before, so nothing is outdated
        return (), None
    skus, last = affected_skus.former_skus(changes.connection, changes.entity, changes.since, after or 0, PORTION_SIZE)
    return affected_skus.add_kit_parts(changes.connection, skus), last


def _current(changes: ChangeRange, after: Any) -> tuple[Iterable[str], Any]:
    skus, last = affected_skus.current_skus(
        changes.connection, changes.entity, changes.since, after or "", PORTION_SIZE
    )
    return affected_skus.add_kit_parts(changes.connection, skus), last


def _items(changes: ChangeRange, after: Any) -> tuple[Iterable[str], Any]:
    found, last = affected_skus.skus_by_change(changes.connection, changes.entity, changes.since, after, PORTION_SIZE)
    return [sku for _, sku in found], last


def _products(changes: ChangeRange, after: Any) -> tuple[Iterable[str], Any]:
    found, last = affected_skus.skus_by_change(
        changes.connection, changes.entity, changes.since, after, PORTION_SIZE, *kit_components.PRODUCT_FIELDS
    )
    return {
        *(sku for _, sku, *_ in found),
        *kit_components.replace_parts(changes.connection, found),
    } if found else (), last


def _outdated(changes: ChangeRange, after: Any) -> tuple[Iterable[str], Any]:
    return affected_skus.outdated_skus(changes.connection, changes.day, after or "", PORTION_SIZE)


SOLD, STOCK = "units sold and days of cover", "stock position and days of cover"
STEPS: dict[Entity, tuple[MetricStep, ...]] = {
    Entity.ORDERS: (MetricStep(SOLD, _former), MetricStep(SOLD, _current), MetricStep(SOLD, _outdated)),
    Entity.INVENTORY: (MetricStep(STOCK, _former), MetricStep(STOCK, _items)),
    Entity.PRODUCTS: (MetricStep(SOLD, _former), MetricStep("parts of kits, units sold and days of cover", _products)),
    Entity.INBOUND_SHIPMENTS: (MetricStep("expected arrivals", _former), MetricStep("expected arrivals", _current)),
}


def begin(connection: Connection, entity: Entity, now: datetime) -> Progress:
    """Return the start of an entity's steps: the first change that was not processed yet."""
    marks = ProcessingMark.objects.filter(connection=connection, entity=entity.value)
    since = marks.values_list("change_no", flat=True).first() or 0
    upto = Connection.objects.values_list("change_no", flat=True).get(pk=connection.pk)
    return Progress(since, upto, today(ZoneInfo(connection.workspace.timezone), now).isoformat())


def run_portion(
    connection: Connection, entity: Entity, progress: Progress, now: datetime
) -> tuple[int, Progress | None]:
    """Process one portion in the caller's transaction. Return its SKU count and the new position; None at the end."""
    changes = ChangeRange(connection, entity, progress.since, progress.upto, date.fromisoformat(progress.day))
    steps = STEPS[entity]
    count = 0
    while progress.step < len(steps):
        with custom_plan():
            skus, after = steps[progress.step].portion(changes, progress.after)
            count += compute(connection, skus, day=changes.day, now=now)
        if after is not None:
            return count, replace(progress, after=after)
        progress = replace(progress, step=progress.step + 1, after=None)
    _mark(changes, now)
    return count, None


def _mark(changes: ChangeRange, now: datetime) -> None:
    mark = ProcessingMark(connection=changes.connection, entity=changes.entity.value, change_no=changes.upto)
    fields = ["change_no"]
    if changes.entity == Entity.ORDERS:
        mark.day, mark.rolled_at = changes.day, now
        fields += ["day", "rolled_at"]
    ProcessingMark.objects.bulk_create(
        [mark], update_conflicts=True, unique_fields=["connection", "entity"], update_fields=fields
    )
