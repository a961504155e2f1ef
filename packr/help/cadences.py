"""The cadence table of the help, from the workspace's own schedules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from integrations.bill_access import visible_entities
from integrations.entities import Entity
from integrations.models import Status
from packr.workspaces.models import Workspace
from syncs.models import EntitySchedule
from syncs.runs.cadence import DEFAULT_INTERVALS

DAY = timedelta(days=1)
# These always come first; the others follow where a connected WMS offers them.
STANDARD_ENTITIES = {
    Entity.ORDERS: "Orders list and order details",
    Entity.INVENTORY: "Stock levels and order stock checks",
    Entity.INBOUND_SHIPMENTS: "Inbound Shipments page",
    Entity.PRODUCTS: "Product catalog",
    Entity.CUSTOMERS: "Customer data",
    Entity.SHIPPING_METHODS: "Shipping configuration",
    Entity.WAREHOUSES: "Warehouse configuration",
}
OTHER_ENTITIES = {
    Entity.ORDER_SHIPMENTS: "Shipments on order details",
    Entity.RETURNS: "Returns",
    Entity.WAREHOUSE_LOCATIONS: "Places inside a warehouse",
    Entity.SUPPLIERS: "Suppliers of inbound shipments",
    Entity.ORDER_CHANNELS: "Where orders came from",
    Entity.BILLS: "Bills of the warehouse",
}
CONFIGURATION = (Entity.PRODUCTS, Entity.CUSTOMERS, Entity.SHIPPING_METHODS, Entity.WAREHOUSES)


@dataclass(frozen=True, slots=True)
class CadenceRow:
    """A row of the cadence table. `default` is set where it differs from `every`."""

    entity: Entity
    every: str
    default: str
    drives: str

    @property
    def is_configuration(self) -> bool:
        return self.entity in CONFIGURATION


def table(workspace: Workspace, *, bills: bool) -> list[CadenceRow]:
    """Return the cadences of a workspace's live connections, or the defaults if it has none. Runs one query."""
    live = EntitySchedule.objects.filter(connection__workspace=workspace).exclude(
        connection__status=Status.DISCONNECTED
    )
    found: dict[Entity, list[EntitySchedule]] = {}
    for schedule in live.select_related("connection").order_by("connection__name"):
        found.setdefault(Entity(schedule.entity), []).append(schedule)
    every = {(one.connection_id, Entity(one.entity)): one for each in found.values() for one in each}
    shown = [*STANDARD_ENTITIES, *(entity for entity in OTHER_ENTITIES if entity in found)]
    return [
        _row(entity, [_leading(one, every) for one in found.get(entity, ())])
        for entity in visible_entities(shown, bills=bills)
    ]


def _leading(schedule: EntitySchedule, every: dict[tuple[int, Entity], EntitySchedule]) -> EntitySchedule:
    """Return the schedule that applies: the parent's, for an entity that is read with another."""
    parent = schedule.connection.connector.read_with.get(Entity(schedule.entity))
    return every.get((schedule.connection_id, parent), schedule) if parent else schedule


def _row(entity: Entity, schedules: Sequence[EntitySchedule]) -> CadenceRow:
    leading = Entity(schedules[0].entity) if schedules else entity
    default = words(timedelta(seconds=DEFAULT_INTERVALS.get(leading, DAY.total_seconds())))
    every = _together(schedules) or default
    return CadenceRow(
        entity, every, "" if every == default else default, STANDARD_ENTITIES.get(entity) or OTHER_ENTITIES[entity]
    )


def _together(schedules: Iterable[EntitySchedule]) -> str:
    """Return `5 minutes`, or `5 minutes (East), 10 minutes (West)` if connections differ."""
    by_words: dict[str, list[str]] = {}
    for one in schedules:
        by_words.setdefault(words(one.cadence) if one.enabled else "switched off", []).append(one.connection.name)
    if len(by_words) == 1:
        return next(iter(by_words))
    return ", ".join(f"{cadence} ({', '.join(names)})" for cadence, names in by_words.items())


def words(cadence: timedelta) -> str:
    """Return a cadence as text: `5 minutes`, `1 hour`, `24 hours`."""
    seconds = int(cadence.total_seconds())
    for size, noun in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {noun}{'' if count == 1 else 's'}"
    raise AssertionError(seconds)
