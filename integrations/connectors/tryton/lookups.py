"""Ids of what people name: parties, products, warehouses. These searches only read, before anything is sent."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ...http.client import Client
from ..actions import ActionRejected, ActionRequest, ActionResult, before_sending
from .resources import TableSequence, TrytonTable
from .rpc import Domain, parse_result, search_read

Values = dict[str, Any]


def search(client: Client, model: str, domain: Domain, *names: str, limit: int | None = None) -> list[Values]:
    """Return the rows of a domain, by id. A failure counts as one before anything was sent."""
    with before_sending():
        return parse_result(search_read(client, model, domain, names, limit=limit), list[Values])


def find_by_id(client: Client, model: str, row_id: Any, *names: str) -> Values | None:
    """Return the row with this id, None if there is none."""
    return next(iter(search(client, model, [["id", "=", row_id]], *names)), None)


def target_id(request: ActionRequest) -> int:
    """Return the id of what is to be changed, without its model's name. Raises ActionRejected if it is not Tryton's."""
    text = str(request.target).rpartition(",")[2]
    if not text.isdecimal():
        raise ActionRejected("Tryton has no record with this ID.")
    return int(text)


def current_record(client: Client, table: TrytonTable | TableSequence, external_id: str) -> ActionResult:
    """Return a record as it is in Tryton now."""
    page = table.lookup(client, [external_id])
    return ActionResult(external_id, next(iter(page.records), None), clock=page.clock)


def field_error(field: str, message: str) -> ActionRejected:
    return ActionRejected("Some values were not accepted.", fields={field: [message]})


def find_party(client: Client, name: str, field: str, *names: str) -> Values:
    """Return the only active party with this code or exact name. Raises ActionRejected if there is none or several."""
    domain = [["active", "=", True], ["OR", ["code", "=", name], ["name", "=", name]]]
    found = search(client, "party.party", domain, "code", "name", *names, limit=3)
    by_code = [row for row in found if row.get("code") == name] or found
    if not by_code:
        raise field_error(field, "Tryton has no party with this code or name.")
    if len(by_code) > 1:
        raise field_error(field, "Tryton has several parties with this name: use the code.")
    return by_code[0]


def find_products(client: Client, lines: Sequence[Mapping[str, Any]]) -> list[Values]:
    """Return each line's product with its `default_uom`. Raises ActionRejected for SKUs that Tryton does not know."""
    codes = sorted({str(line["sku"]) for line in lines})
    rows = search(client, "product.product", [["active", "=", True], ["code", "in", codes]], "code", "default_uom")
    products = {row["code"]: row for row in rows}
    errors = {
        f"line_items.{position}.sku": ["Tryton has no product with this code."]
        for position, line in enumerate(lines)
        if line["sku"] not in products
    }
    if errors:
        raise ActionRejected("Some values were not accepted.", fields=errors)
    return [products[line["sku"]] for line in lines]


def find_warehouse(client: Client, external_id: Any, *names: str) -> Values:
    """Return the warehouse with this id. Raises ActionRejected if there is none."""
    row_id = int(external_id) if str(external_id).isdecimal() else 0
    found = search(client, "stock.location", [["type", "=", "warehouse"], ["id", "=", row_id]], *names)
    if not found:
        raise field_error("warehouse_id", "Tryton has no such warehouse.")
    return found[0]


def encode_amount(text: Any) -> Values:
    return {"__class__": "Decimal", "decimal": str(text)}


def encode_day(text: str) -> Values:
    """Return a day such as 2026-03-01 as Tryton expects it."""
    day = date.fromisoformat(text)
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def encode_quantity(text: Any) -> float:
    return float(Decimal(str(text)))
