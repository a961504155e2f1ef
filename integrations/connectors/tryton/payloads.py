"""How Tryton writes values, and rows that read them. Facts: trytond 8.2.1, `protocols/jsonrpc.py` (November 2026).

A field with a dotted name, such as `party.name`, arrives inside an object under the key `party.`, or inside a list of
objects when the field refers to several rows.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from ...records import ToAddress
from ..parsing import number

# The fields of rows that several tables refer to, to be asked for by these names.
STAMP = "id last_modified_at"
PRODUCT = "product.id product.code"
PARTY = "name email phone mobile"
ADDRESS = "party_name street city postal_code country.code subdivision.code"
T = TypeVar("T")


def required(name: str, value: T | None) -> T:
    """Return the value of a field that is never null. Raises ValueError if it is."""
    if value is None:
        raise ValueError(f"{name} is missing")
    return value


class Row:
    """One row of an answer. Its methods read one field and raise ValueError when the value has another type."""

    def __init__(self, values: Any) -> None:
        if not isinstance(values, dict):
            raise ValueError("a row is no object")
        self.values = values

    @property
    def id(self) -> int:
        return int(required("id", self._value("id", int)))

    @property
    def created_at(self) -> datetime:
        return required("create_date", self.moment("create_date"))

    @property
    def changed_at(self) -> datetime:
        """The row's last change or, if it was never changed, its creation (aware UTC)."""
        return required("last_modified_at", self.moment("last_modified_at"))

    def selection(self, name: str) -> str:
        """Return the value of a selection, such as `draft`, which is never null."""
        return str(required(name, self._value(name, str)))

    def text(self, name: str) -> str | None:
        """Return a text, None if it is empty."""
        return self.string(name) or None

    def string(self, name: str) -> str | None:
        """Return a text as it was sent, which may be empty."""
        value = self._value(name, str)
        return None if value is None else str(value)

    def id_of(self, name: str) -> str | None:
        """Return the id of the row that a field refers to, as text."""
        value = self._value(name, int)
        return None if value is None else str(value)

    def flag(self, name: str) -> bool:
        """Return a truth value. SQLite has none: Tryton sends 0 and 1 from there."""
        value = self.values.get(name)
        return value if isinstance(value, bool) else bool(self._value(name, int))

    def quantity(self, name: str) -> Decimal | None:
        """Return a number of units, which Tryton sends as a plain JSON number."""
        value = self._value(name, int, float, Decimal)
        return None if value is None else Decimal(str(value))

    def amount(self, name: str) -> Decimal | None:
        """Return a numeric, which Tryton sends as exact text inside an object."""
        value = self._value(name, dict)
        try:
            return None if value is None else Decimal(value["decimal"])
        except (KeyError, TypeError, ArithmeticError) as error:
            raise ValueError(f"{name} is not an amount") from error

    def moment(self, name: str) -> datetime | None:
        """Return a time, which Tryton sends in UTC without a zone, or a day as its midnight UTC."""
        value = self._value(name, dict)
        if value is None:
            return None
        try:
            hour, minute, second = value.get("hour", 0), value.get("minute", 0), value.get("second", 0)
            day = datetime(value["year"], value["month"], value["day"], hour, minute, second, tzinfo=UTC)
            return day.replace(microsecond=value.get("microsecond", 0))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{name} is not a time") from error

    def row(self, name: str) -> "Row | None":
        """Return the row that a field refers to."""
        value = self._value(f"{name}.", dict)
        return None if value is None else Row(value)

    def required_row(self, name: str) -> "Row":
        """Return the row that a field refers to, which is never null."""
        return required(name, self.row(name))

    def rows(self, name: str) -> "list[Row]":
        """Return the rows that a field refers to; none if the field was not asked for."""
        values = self.values.get(f"{name}.", [])
        if not isinstance(values, list):
            raise ValueError(f"{name} is no list")
        return [Row(value) for value in values]

    def _value(self, name: str, *types: type) -> Any:
        value = self.values.get(name)
        if value is None or (isinstance(value, types) and not isinstance(value, bool)):
            return value
        raise ValueError(f"{name} has a value of another type: {str(value)[:60]}")


def dotted_names(fields: Mapping[str, str]) -> Iterator[str]:
    """Yield the full names of `fields`, which gives the names of fields by the path to their row."""
    for path, names in fields.items():
        yield from (f"{path}.{name}" if path else name for name in names.split())


def latest_change(*rows: Row) -> datetime:
    """Return the latest stamp of the rows that a record is made of (aware UTC)."""
    return max(row.changed_at for row in rows)


def encoded_moment(moment: datetime) -> dict[str, Any]:
    """Return an aware moment as Tryton's domains expect it."""
    utc = moment.astimezone(UTC)
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{name: getattr(utc, name) for name in names}}


def product_fields(line: Row) -> dict[str, Any]:
    """Return the product of a line or a move in the unified names."""
    product = line.row("product")
    return {
        "inventory_item_id": str(product.id) if product else None,
        "sku": product.text("code") if product else None,
    }


def product_quantity(move: Row) -> dict[str, Any]:
    """Return the product and the quantity of a move in the unified names."""
    return {**product_fields(move), "quantity": number(move.quantity("quantity"))}


def address_fields(address: Row | None) -> dict[str, str | None]:
    """Return an address in the unified names. `US-ME` becomes the state `ME`; all lines after the second are joined."""
    if address is None:
        return {}
    lines = [line.strip() for line in (address.text("street") or "").splitlines() if line.strip()]
    country, subdivision = address.row("country"), address.row("subdivision")
    state = subdivision.string("code") if subdivision else None
    return {
        "address1": lines[0] if lines else None,
        "address2": lines[1] if len(lines) > 1 else None,
        "address3": ", ".join(lines[2:]) or None,
        "city": address.text("city"),
        "state": state.partition("-")[2] or state if state else None,
        "postal_code": address.text("postal_code"),
        "country": country.text("code") if country else None,
    }


def parse_to_address(address: Row | None, party: Row | None) -> ToAddress:
    """Return where goods go and to whom. A name on the address takes precedence over the party's."""
    party = party or Row({})
    return ToAddress(
        **address_fields(address),
        full_name=(address.text("party_name") if address else None) or party.text("name"),
        phone_number=party.text("phone") or party.text("mobile"),
        email_address=party.text("email"),
    )
