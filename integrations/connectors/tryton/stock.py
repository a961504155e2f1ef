"""Products and inventory, both `product.product`. Facts: trytond_product and _stock 8.2.

A quantity exists only for the locations named in the context; without them Tryton silently says 0. Several locations
are added up, so every warehouse is asked for by itself; its receiving and shipping zones count. No stamp moves when
stock moves: an incremental asks which moves changed, and counts their products again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from ...http.client import Client
from ...records import Counters, InventoryItem, Product, ProductItem
from ..base import Cursor, FetchRequest, Page, Resource
from ..decoding import ItemMapping
from ..parsing import number
from .payloads import Amount, Document, Row, exact, fields_of, latest, on_the_wire, text
from .resources import BY_ID, Domain, Table, changed_since, last_id
from .rpc import call, formed, query

STOCKED = ("goods", "assets")  # a service lies on no shelf


class Identifier(Row, kw_only=True):
    type: str | None = None
    code: str | None = None


class Template(Row, kw_only=True):
    name: str | None = None
    active: bool | int | None = None  # SQLite has no truth values


class Variant(Document, kw_only=True):
    type: str
    code: str | None = None
    active: bool | int | None = None
    template: Template = field(name="template.")

    @property
    def is_active(self) -> bool:
        """A variant keeps its own mark when its template is retired."""
        return bool(self.active and self.template.active)


class Priced(Variant, kw_only=True):
    list_price_used: Amount | None = None
    identifiers: list[Identifier] = field(default_factory=list, name="identifiers.")


def product(row: Priced) -> Product:
    """A variant; its name is its template's. `gtin` is its first EAN."""
    stocked = ProductItem(inventory_item_id=str(row.id), sku=text(row.code), unit_quantity="1")
    return Product(
        external_id=str(row.id),
        created_at=row.create_date.utc(),
        updated_at=latest(row, row.template, *row.identifiers),
        name=row.template.name or "",
        sku=text(row.code),
        gtin=next((one.code for one in row.identifiers if one.type == "ean"), None),
        unit_price=number(exact(row.list_price_used)),
        inventory_items=[stocked] if row.type in STOCKED else [],
        is_kit=False,
        active=row.is_active,
        extra={"type": row.type},
    )


PRODUCTS = Table(
    "product.product",
    Priced,
    product,
    parts=("template", "identifiers", "list_prices", "template.list_prices"),
)


class Costed(Variant, kw_only=True):
    cost_price: Amount | None = None


class Counted(Costed, kw_only=True):
    """A variant joined by what was counted of it, {warehouse: units}, and whose it is."""

    counted: dict[str, Decimal]
    company: int | None = None


def inventory_item(item: Counted) -> InventoryItem:
    """What lies in every warehouse. It has no stamp: stock moves without moving one."""
    return InventoryItem(
        external_id=str(item.id),
        created_at=item.create_date.utc(),
        updated_at=None,
        warehouse_customer_id=text(item.company),
        name=item.template.name or "",
        sku=text(item.code),
        unit_cost=number(exact(item.cost_price)),
        active=item.is_active,
        onhand=number(sum(item.counted.values(), Decimal(0))),
        inventory_by_warehouse_id={key: Counters(onhand=number(units)) for key, units in item.counted.items()},
    )


class Moved(Struct):
    id: int
    product: int


class Units(Struct):
    id: int
    quantity: Decimal


ITEMS = ItemMapping(Counted, inventory_item, version=1)
PARTS = ("template", "cost_prices")
SEARCH = "model.product.product.search_read"


@dataclass(frozen=True)
class Count:
    """Walks the variants, and for an incremental also the moves, and counts in every warehouse.

    The cursor is [what is walked, the last id]: `all` variants, the `changed` ones, or those of `moved` stock.
    """

    variants: int = 100
    moves: int = 200

    @property
    def resource(self) -> Resource:
        return Resource(fetch=self.fetch, lookup=self.lookup, lookup_size=self.variants)

    def fetch(self, client: Client, ask: FetchRequest, cursor: Cursor | None) -> Page:
        walk, after = cursor or [self.first(client, ask), 0]
        if ask.since is None or walk == "all":
            return self.along(client, walk, [["id", ">", after]])
        if walk == "changed":
            page = self.along(client, walk, [["id", ">", after], changed_since(ask.since, *PARTS)])
            return page if page.cursor else replace(page, cursor=["moved", 0])
        return self.moved(client, [["id", ">", after], changed_since(ask.since)])

    def lookup(self, client: Client, ids: Sequence[str]) -> Page:
        numbers = [int(one) for one in ids if one.isdecimal()]
        return self.count(client, [["id", "in", numbers]], len(ids))

    def first(self, client: Client, ask: FetchRequest) -> str:
        """What to walk first. A new warehouse is counted for every item, moved or not."""
        if ask.since is None:
            return "all"
        new = [["type", "=", "warehouse"], ["create_date", ">=", on_the_wire(ask.since)]]
        return "all" if call(client, int, "model.stock.location.search_count", new) else "changed"

    def along(self, client: Client, walk: str, domain: Domain) -> Page:
        page = self.count(client, domain, self.variants)
        last = last_id(page.records, page.rejected, self.variants)
        return replace(page, cursor=None if last is None else [walk, last])

    def moved(self, client: Client, domain: Domain) -> Page:
        answer = query(client, "model.stock.move.search_read", domain, 0, self.moves, BY_ID, ["product"])
        rows = formed(answer, list[Moved])
        products = sorted({row.product for row in rows})
        page = self.count(client, [["id", "in", products]], len(products))
        return replace(page, cursor=["moved", rows[-1].id] if len(rows) == self.moves else None, clock=answer.clock)

    def count(self, client: Client, domain: Domain, limit: int) -> Page:
        """The items of a domain, counted. What moves meanwhile is found by the next incremental."""
        stocked = [["type", "in", list(STOCKED)], *domain]
        answer = query(client, SEARCH, stocked, 0, limit, BY_ID, fields_of(Costed))
        rows = formed(answer, list[dict[str, Any]])
        ids = [row["id"] for row in rows if "id" in row]
        places = [["type", "=", "warehouse"]]
        warehouses = call(client, list[int], "model.stock.location.search", places, 0, None, BY_ID)
        units = {str(at): self.units(client, at, ids) for at in warehouses} if ids else {}
        company = client.state["context"].get("company")
        for row in rows:
            row["counted"] = {at: found.get(row.get("id", 0), 0) for at, found in units.items()}
            row["company"] = company
        return replace(ITEMS.convert(rows), clock=answer.clock)

    def units(self, client: Client, warehouse: int, ids: list[int]) -> dict[int, Decimal]:
        """{variant: units} in one warehouse: its done moves up to the server's own today."""
        domain, fields = [["id", "in", ids]], ["quantity"]
        rows = call(client, list[Units], SEARCH, domain, 0, None, BY_ID, fields, locations=[warehouse])
        return {row.id: row.quantity for row in rows}


INVENTORY = Count()
