"""What people call things, as Tryton's ids: parties, products, addresses. Reading only, before anything is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ...http.client import Client
from ..actions import ActionRejected, ActionRequest, before_sending
from .resources import BY_ID
from .rpc import call

Row = dict[str, Any]


def rows(client: Client, model: str, domain: list[Any], *names: str, limit: int | None = None) -> list[Row]:
    """What a search finds, by id. It changes nothing, so a failure says that nothing has left."""
    with before_sending():
        return call(client, list[Row], f"model.{model}.search_read", domain, 0, limit, BY_ID, list(names))


def one(client: Client, model: str, number: Any, *names: str) -> Row | None:
    """The row of an id, if there is one."""
    return next(iter(rows(client, model, [["id", "=", number]], *names)), None)


def number_of(wish: ActionRequest) -> int:
    """The id of what is to be changed, without the name of its model; Declined when it is none of Tryton's."""
    text = str(wish.target).rpartition(",")[2]
    if not text.isdecimal():
        raise ActionRejected("Tryton knows nothing of this id.")
    return int(text)


def amount(text: Any) -> Row:
    """A numeric as Tryton wants it."""
    return {"__class__": "Decimal", "decimal": str(text)}


def day_on_the_wire(text: str) -> Row:
    """A day such as 2026-03-01 as Tryton wants it."""
    found = date.fromisoformat(text)
    return {"__class__": "date", "year": found.year, "month": found.month, "day": found.day}


def party(client: Client, name: str, field: str, *names: str) -> Row:
    """The one active party of a code or an exact name; Declined, at the field, when there is none or are several."""
    known = [["active", "=", True], ["OR", ["code", "=", name], ["name", "=", name]]]
    found = rows(client, "party.party", known, "code", "name", *names, limit=3)
    by_code = [row for row in found if row.get("code") == name] or found
    if len(by_code) != 1:
        said = (
            "knows no party of this code or name." if not found else "has several parties of this name: use the code."
        )
        raise ActionRejected("Some values were not accepted.", fields={field: [f"Tryton {said}"]})
    return by_code[0]


@dataclass(frozen=True, slots=True)
class Item:
    """A product: its id and the unit that it is counted in."""

    id: int
    unit: int


def items(client: Client, lines: Sequence[Mapping[str, Any]]) -> list[Item]:
    """The products of lines, by SKU; Declined, each at its line, for those that Tryton does not know."""
    codes = sorted({str(line["sku"]) for line in lines})
    domain = [["active", "=", True], ["code", "in", codes]]
    known = {row["code"]: Item(row["id"], row["default_uom"]) for row in _products(client, domain)}
    errors = {
        f"line_items.{place}.sku": ["Tryton knows no product of this code."]
        for place, line in enumerate(lines)
        if line["sku"] not in known
    }
    if errors:
        raise ActionRejected("Some values were not accepted.", fields=errors)
    return [known[line["sku"]] for line in lines]


def _products(client: Client, domain: list[Any]) -> list[Row]:
    return rows(client, "product.product", domain, "code", "default_uom")


def quantity(text: Any) -> float:
    """A number of units as Tryton wants it."""
    return float(Decimal(str(text)))


def warehouse(client: Client, external_id: Any, *names: str) -> Row:
    """A warehouse by its id; Declined, at the field, when there is none."""
    known = [["type", "=", "warehouse"], ["id", "=", int(external_id) if str(external_id).isdecimal() else 0]]
    found = rows(client, "stock.location", known, *names)
    if not found:
        raise ActionRejected(
            "Some values were not accepted.", fields={"warehouse_id": ["Tryton knows no such warehouse."]}
        )
    return found[0]
