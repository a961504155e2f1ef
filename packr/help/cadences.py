"""How often each type of data is refreshed, in a workspace's own figures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from integrations.entities import Entity
from integrations.models import Status
from integrations.permissions import visible_entities
from packr.workspaces.models import Workspace
from syncs.models import EntitySchedule
from syncs.runs.cadence import DEFAULT_INTERVALS

DAY = timedelta(days=1)
# The usual ones first, whether or not a connected WMS offers them; the rest only where one does.
USUAL = {
    Entity.ORDERS: "Orders list and order details",
    Entity.INVENTORY: "Stock levels and order stock checks",
    Entity.INBOUND_SHIPMENTS: "Inbound Shipments page",
    Entity.PRODUCTS: "Product catalog",
    Entity.CUSTOMERS: "Customer data",
    Entity.SHIPPING_METHODS: "Shipping configuration",
    Entity.WAREHOUSES: "Warehouse configuration",
}
OTHERS = {
    Entity.ORDER_SHIPMENTS: "Shipments on order details",
    Entity.RETURNS: "Returns",
    Entity.WAREHOUSE_LOCATIONS: "Places inside a warehouse",
    Entity.SUPPLIERS: "Suppliers of inbound shipments",
    Entity.ORDER_CHANNELS: "Where orders came from",
    Entity.BILLS: "Bills of the warehouse",
}
CONFIGURATION = (Entity.PRODUCTS, Entity.CUSTOMERS, Entity.SHIPPING_METHODS, Entity.WAREHOUSES)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the cadence table. `default` is told where it is another than `every`."""

    entity: Entity
    every: str
    default: str
    drives: str

    @property
    def is_configuration(self) -> bool:
        return self.entity in CONFIGURATION


def table(workspace: Workspace, *, bills: bool) -> list[Row]:
    """The cadences of a workspace's live connections; the defaults while it has none. One statement."""
    live = EntitySchedule.objects.filter(connection__workspace=workspace).exclude(
        connection__status=Status.DISCONNECTED
    )
    found: dict[Entity, list[EntitySchedule]] = {}
    for schedule in live.select_related("connection").order_by("connection__name"):
        found.setdefault(Entity(schedule.entity), []).append(schedule)
    every = {(one.connection_id, Entity(one.entity)): one for each in found.values() for one in each}
    shown = [*USUAL, *(entity for entity in OTHERS if entity in found)]
    return [
        _row(entity, [_leading(one, every) for one in found.get(entity, ())])
        for entity in visible_entities(shown, bills=bills)
    ]


def _leading(schedule: EntitySchedule, every: dict[tuple[int, Entity], EntitySchedule]) -> EntitySchedule:
    """The schedule that counts: for what is read with another entity, that one's."""
    parent = schedule.connection.connector.read_with.get(Entity(schedule.entity))
    return every.get((schedule.connection_id, parent), schedule) if parent else schedule


def _row(entity: Entity, schedules: Sequence[EntitySchedule]) -> Row:
    leading = Entity(schedules[0].entity) if schedules else entity
    default = words(timedelta(seconds=DEFAULT_INTERVALS.get(leading, DAY.total_seconds())))
    every = _together(schedules) or default
    return Row(entity, every, "" if every == default else default, USUAL.get(entity) or OTHERS[entity])


def _together(schedules: Iterable[EntitySchedule]) -> str:
    """`5 minutes`, or `5 minutes (East), 10 minutes (West)` where connections differ."""
    by_words: dict[str, list[str]] = {}
    for one in schedules:
        by_words.setdefault(words(one.cadence) if one.enabled else "switched off", []).append(one.connection.name)
    if len(by_words) == 1:
        return next(iter(by_words))
    return ", ".join(f"{cadence} ({', '.join(names)})" for cadence, names in by_words.items())


def words(cadence: timedelta) -> str:
    """A cadence as people say it: `5 minutes`, `1 hour`, `24 hours`."""
    seconds = int(cadence.total_seconds())
    for size, noun in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {noun}{'' if count == 1 else 's'}"
    raise AssertionError(seconds)
