"""Products and inventory, both `product.product`. Facts: trytond_product and _stock 8.2 (November 2026).

A quantity exists only for the locations named in the context; without them Tryton silently says 0. Several locations
are added up, so each warehouse is counted with a call of its own; its receiving and shipping zones count. No stamp
changes when stock moves: an incremental run looks for moves that changed and counts their products again.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from msgspec import Struct

from ...http.client import Answer, Client
from ...records import Counters, InventoryItem, Product, ProductItem
from ..base import Cursor, FetchRequest, Page, Resource
from ..decoding import ItemMapping
from ..parsing import number
from .payloads import STAMP, Row, encoded_moment, latest_change
from .resources import TrytonTable, changed_since
from .rpc import BY_ID, call, parse_result, search_read

STOCKED = ("goods", "assets")  # a service is never in stock
MOVES_PER_PAGE = 200
WAREHOUSES = ["type", "=", "warehouse"]


def is_active(variant: Row) -> bool:
    """Return whether a variant and its template are active. A variant stays active when its template is retired."""
    return variant.flag("active") and variant.required_row("template").flag("active")


def parse_product(variant: Row) -> Product:
    """Return a variant with its template's name. `gtin` is its first EAN."""
    template, identifiers = variant.required_row("template"), variant.rows("identifiers")
    kind, code = variant.selection("type"), variant.text("code")
    item = ProductItem(inventory_item_id=str(variant.id), sku=code, unit_quantity="1")
    return Product(
        external_id=str(variant.id),
        created_at=variant.created_at,
        updated_at=latest_change(variant, template, *identifiers),
        name=template.text("name") or "",
        sku=code,
        gtin=next((row.string("code") for row in identifiers if row.string("type") == "ean"), None),
        unit_price=number(variant.amount("list_price_used")),
        inventory_items=[item] if kind in STOCKED else [],
        is_kit=False,
        active=is_active(variant),
        extra={"type": kind},
    )


def parse_inventory_item(variant: Row) -> InventoryItem:
    """Return what is in each warehouse. There is no stamp, since none changes when stock moves."""
    counted: dict[str, Decimal] = variant.values["counted"]
    return InventoryItem(
        external_id=str(variant.id),
        created_at=variant.created_at,
        updated_at=None,
        warehouse_customer_id=variant.id_of("company"),
        name=variant.required_row("template").text("name") or "",
        sku=variant.text("code"),
        unit_cost=number(variant.amount("cost_price")),
        active=is_active(variant),
        onhand=number(sum(counted.values(), Decimal(0))),
        inventory_by_warehouse_id={key: Counters(onhand=number(units)) for key, units in counted.items()},
    )


class TrytonQuantity(Struct):
    """How many units there are of the variant `id`."""

    id: int
    quantity: Decimal


class CountedTable(TrytonTable):
    """Variants joined with the units of each warehouse. What moves meanwhile is found by the next incremental run."""

    def decode(self, client: Client, answer: Answer, mapping: ItemMapping[Any]) -> Page:
        rows = parse_result(answer, list[dict[str, Any]])
        ids = [row["id"] for row in rows if "id" in row]
        warehouses = call(client, list[int], "model.stock.location.search", [WAREHOUSES], 0, None, BY_ID)
        counts = {str(warehouse): count_units(client, warehouse, ids) for warehouse in warehouses} if ids else {}
        company = client.state["context"].get("company")
        for row in rows:
            row["counted"] = {warehouse: units.get(row.get("id", 0), 0) for warehouse, units in counts.items()}
            row["company"] = company
        return mapping.convert(rows)


def count_units(client: Client, warehouse: int, ids: Sequence[int]) -> dict[int, Decimal]:
    """Return the units of each variant in one warehouse: its done moves up to the server's today."""
    answer = search_read(client, "product.product", [["id", "in", ids]], ["quantity"], locations=[warehouse])
    return {row.id: row.quantity for row in parse_result(answer, list[TrytonQuantity])}


PRODUCTS = TrytonTable(
    "product.product",
    parse_product,
    fields={
        "": "type code active list_price_used",
        "template": f"{STAMP} name active",
        "identifiers": f"{STAMP} type code",
    },
    parts="template identifiers list_prices template.list_prices",
)
VARIANTS = CountedTable(
    "product.product",
    parse_inventory_item,
    fields={"": "type code active cost_price", "template": f"{STAMP} name active"},
    parts="template cost_prices",
    where=(["type", "in", list(STOCKED)],),
)


def fetch_inventory(client: Client, request: FetchRequest, cursor: Cursor | None) -> Page:
    """Return a page of variants, counted.

    The cursor is [step, last id]. The steps are `all` variants or else, for an incremental run, the `changed` variants
    and then those of `moved` stock.
    """
    step, last_id = cursor or [first_step(client, request), 0]
    if step == "moved":
        return fetch_moved(client, request, last_id)
    page = VARIANTS.fetch(client, request if step == "changed" else FetchRequest(), last_id)
    if page.cursor is not None:
        return replace(page, cursor=[step, page.cursor])
    return replace(page, cursor=["moved", 0] if step == "changed" else None)


def first_step(client: Client, request: FetchRequest) -> str:
    """Return the first step. A new warehouse is counted for every variant, whether its stock moved or not."""
    if request.since is None:
        return "all"
    new_warehouses = [WAREHOUSES, ["create_date", ">=", encoded_moment(request.since)]]
    return "all" if call(client, int, "model.stock.location.search_count", new_warehouses) else "changed"


def fetch_moved(client: Client, request: FetchRequest, last_id: int) -> Page:
    """Return the variants of a page of moves that changed."""
    assert request.since, "only an incremental run looks for moves"
    domain = [["id", ">", last_id], changed_since(request.since)]
    answer = search_read(client, "stock.move", domain, ["product"], limit=MOVES_PER_PAGE)
    moves = parse_result(answer, list[dict[str, int]])
    products = sorted({move["product"] for move in moves})
    page = replace(VARIANTS, size=MOVES_PER_PAGE).read_records(client, [["id", "in", products]])
    is_last = len(moves) < MOVES_PER_PAGE
    return replace(page, cursor=None if is_last else ["moved", moves[-1]["id"]], clock=answer.clock)


INVENTORY = Resource(fetch=fetch_inventory, lookup=VARIANTS.lookup)
