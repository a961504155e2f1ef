"""A model WMS: lists in memory, read by a connector without a network, with faults on request.

It has its own clock (`skew`), pages by offset as many real WMSs do, and includes the bound when it filters by stamp.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from integrations import records
from integrations.connectors.base import (
    ConnectionHealth,
    Connector,
    Credential,
    Cursor,
    FetchRequest,
    Page,
    Rejected,
    Resource,
)
from integrations.entities import Entity
from integrations.http.client import Client
from integrations.records import Record

ENTITIES = (
    Entity.ORDERS,
    Entity.INVENTORY,
    Entity.INBOUND_SHIPMENTS,
    Entity.PRODUCTS,
    Entity.CUSTOMERS,
    Entity.WAREHOUSES,
    Entity.SHIPPING_METHODS,
)


@dataclass(frozen=True)
class Call:
    """One call by the connector. `what` is fetch, lookup, check or crawled."""

    what: str
    entity: Entity | None
    ask: FetchRequest = field(default_factory=FetchRequest)
    cursor: Cursor | None = None
    ids: tuple[str, ...] = ()


@dataclass
class ModelWms:
    """The records of the WMS and how it responds.

    `faults` apply to the next calls in turn: None does nothing, an exception is raised, and a function receives the
    call and may return a Page instead. `bad` maps the ids of unreadable records to a reason, by entity.
    """

    page_size: int = 3
    skew: timedelta = timedelta(0)
    has_clock: bool = True
    filters: bool = True
    crawls: Mapping[Entity, datetime] = field(default_factory=dict)
    learned: Mapping[str, Any] = field(default_factory=dict)
    rows: dict[Entity, dict[str, Record]] = field(default_factory=lambda: {entity: {} for entity in Entity})
    bad: dict[Entity, dict[str | None, str]] = field(default_factory=lambda: {entity: {} for entity in Entity})
    calls: list[Call] = field(default_factory=list)
    faults: list[Exception | Callable[[Call], Page | None] | None] = field(default_factory=list)

    def now(self) -> datetime:
        """Return the time of its clock in whole seconds, as in a Date header."""
        return (datetime.now(UTC) + self.skew).replace(microsecond=0)

    def put(self, entity: Entity, *found: Record) -> None:
        for record in found:
            self.rows[entity][str(record.external_id)] = record

    def drop(self, entity: Entity, *ids: str) -> None:
        for one in ids:
            del self.rows[entity][one]

    def asked(self, what: str = "fetch", entity: Entity | None = None) -> list[Call]:
        return [call for call in self.calls if call.what == what and entity in (None, call.entity)]

    def answer(self, call: Call) -> Page | None:
        """Record the call. Return the page with which a fault replaces the usual one, if any."""
        self.calls.append(call)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception):
            raise fault
        return fault(call) if fault else None

    def fetch(self, entity: Entity, ask: FetchRequest, cursor: Cursor | None) -> Page:
        page = self.answer(Call("fetch", entity, ask, cursor))
        if page is not None:
            return page
        start = cursor["start"] if cursor else 0
        asked = ask.since or (ask.history_start if entity.is_history else None)
        wanted = [one for one in self.rows[entity].values() if not self.filters or _between(one, asked, ask.until)]
        end = start + self.page_size
        return self._page(entity, wanted[start:end], {"start": end} if end < len(wanted) else None)

    def lookup(self, entity: Entity, ids: Sequence[str]) -> Page:
        page = self.answer(Call("lookup", entity, ids=tuple(ids)))
        return page or self._page(entity, [self.rows[entity][one] for one in ids if one in self.rows[entity]], None)

    def _page(self, entity: Entity, found: Sequence[Record], cursor: Cursor | None) -> Page:
        bad = self.bad[entity]
        rejected = [
            Rejected(str(one.external_id), bad[one.external_id], "{}") for one in found if one.external_id in bad
        ]
        if None in bad and cursor is None:
            rejected.append(Rejected(None, bad[None], "{}"))
        return Page(
            [one for one in found if one.external_id not in bad],
            rejected,
            cursor,
            self.now() if self.has_clock else None,
            self.learned,
        )


def _between(record: Record, since: datetime | None, until: datetime | None) -> bool:
    stamp = record.updated_at
    return not stamp or ((since is None or stamp >= since) and (until is None or stamp <= until))


def connector_for(wms: ModelWms, *, whole: Sequence[Entity] = (), **attributes: Any) -> type[Connector]:
    """Return a connector class for this model. Entities in `whole` can't be limited to changes."""

    # Record the time and the number of requests, as a client with a network does.
    def fetch(entity: Entity, client: Client, ask: FetchRequest, cursor: Cursor | None) -> Page:
        client.requests_made += 1
        page = wms.fetch(entity, ask, cursor)
        if page.clock:
            client.clock_ahead = page.clock - datetime.now(UTC)
        return page

    def lookup(entity: Entity, client: Client, ids: Sequence[str]) -> Page:
        client.requests_made += 1
        return wms.lookup(entity, ids)

    def resource(entity: Entity) -> Resource:
        return Resource(
            fetch=partial(fetch, entity),
            lookup=partial(lookup, entity),
            incremental=entity not in whole,
            lookup_size=100,
        )

    class Model(Connector):
        slug, label = "model", "Model WMS"
        base_url = "https://wms.model.test"
        credentials = (
            Credential("key", "Key"),
            Credential("shop", "Shop", secret=False, required=False),
        )
        identity: ClassVar = ("key",)
        resources: ClassVar = {entity: resource(entity) for entity in ENTITIES}
        read_with: ClassVar = {Entity.ORDER_SHIPMENTS: Entity.ORDERS}

        @classmethod
        def check(cls, client: Client, *, connecting: bool = False) -> ConnectionHealth:
            wms.answer(Call("check", None))
            return ConnectionHealth(wms.now() if wms.has_clock else None)

        @classmethod
        def crawled(cls, client: Client) -> Mapping[Entity, datetime]:
            return wms.crawls

    for name, value in attributes.items():
        setattr(Model, name, value)
    return Model


# --- Records -------------------------------------------------------------------------------------------------------


def order(external_id: str, updated_at: datetime, **fields: Any) -> records.Order:
    """Return an order with one line and no shipments, created when it was last updated."""
    line = records.OrderLine(sku="MUG", quantity="1", unit_price="9.5")
    return records.Order(
        external_id=external_id,
        updated_at=updated_at,
        **{"created_at": updated_at, "status": "open", "line_items": [line], "shipments": [], **fields},
    )


def shipment(external_id: str, order_id: str, **fields: Any) -> records.OrderShipment:
    return records.OrderShipment(
        external_id=external_id, order_id=order_id, **{"shipment_id": external_id, "status": "shipped", **fields}
    )


def item(external_id: str, onhand: str, updated_at: datetime | None, **fields: Any) -> records.InventoryItem:
    """Return an item in one warehouse."""
    levels = {"w1": records.Counters(onhand=onhand)}
    return records.InventoryItem(
        external_id=external_id,
        updated_at=updated_at,
        **{"sku": external_id, "onhand": onhand, "inventory_by_warehouse_id": levels, **fields},
    )


def customer(external_id: str, name: str | None = None) -> records.Customer:
    return records.Customer(external_id=external_id, name=name or external_id)
