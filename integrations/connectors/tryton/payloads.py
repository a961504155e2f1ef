"""How Tryton writes values (trytond 8.2.1, `protocols/jsonrpc.py`), and rows that several tables share.

A wire struct is also the list of what to ask: `fields_of` reads the names off it. A name that ends with a dot is what
Tryton sends for a dotted question: ask `party.name`, and `party.` comes, an object or, for lists, a list of objects.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct, field, inspect

from ...records import FromAddress, ToAddress


class Moment(Struct, frozen=True):
    """A time: naive, and meant as UTC."""

    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0

    def utc(self) -> datetime:
        return datetime(
            self.year, self.month, self.day, self.hour, self.minute, self.second, self.microsecond, tzinfo=UTC
        )


class Amount(Struct, frozen=True):
    """A numeric: exact, in text."""

    decimal: Decimal


def day(value: Moment | None) -> datetime | None:
    """A date, as midnight UTC of that day."""
    return value.utc() if value else None


def exact(amount: Amount | None) -> Decimal | None:
    return amount.decimal if amount else None


def on_the_wire(moment: datetime) -> dict[str, Any]:
    """An aware moment as Tryton's domains want it."""
    utc = moment.astimezone(UTC)
    parts = {name: getattr(utc, name) for name in Moment.__struct_fields__}
    return {"__class__": "datetime", **parts}


class Row(Struct, kw_only=True):
    """What every row has. `last_modified_at` is its last change or, where it was never changed, its creation."""

    id: int
    last_modified_at: Moment


class Document(Row, kw_only=True):
    create_date: Moment


def latest(*rows: Row) -> datetime:
    """The latest stamp of the rows a record is made of."""
    return max(row.last_modified_at.utc() for row in rows)


def fields_of(wire: type[Struct]) -> tuple[str, ...]:
    """The names to ask for so that the answer fills a wire struct."""
    return tuple(_names(inspect.type_info(wire), ""))


def _names(info: inspect.Type, prefix: str) -> Iterator[str]:
    assert isinstance(info, inspect.StructType)
    for one in info.fields:
        if one.encode_name.endswith("."):
            yield from _names(_struct(one.type), prefix + one.encode_name)
        else:
            yield prefix + one.encode_name


def _struct(info: inspect.Type) -> inspect.Type:
    """The struct inside `X | None` or `list[X]`."""
    if isinstance(info, inspect.ListType):
        return info.item_type
    if isinstance(info, inspect.UnionType):
        return next(one for one in info.types if not isinstance(one, inspect.NoneType))
    return info


class Code(Struct):
    code: str | None = None


class Party(Struct, kw_only=True):
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    mobile: str | None = None


class Name(Struct):
    """A party that is only named."""

    id: int
    name: str | None = None


class Address(Struct):
    party_name: str | None = None
    street: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: Code | None = field(default=None, name="country.")
    subdivision: Code | None = field(default=None, name="subdivision.")


class Carrier(Struct):
    """`id` is the carrier's: the shipping method's."""

    id: int
    party: Name | None = field(default=None, name="party.")


class Item(Struct):
    """A product inside another document's line."""

    id: int
    code: str | None = None


def item_id(item: Item | None) -> str | None:
    return str(item.id) if item else None


def sku(item: Item | None) -> str | None:
    return (item.code or None) if item else None


def parts_of(address: Address | None) -> dict[str, str | None]:
    """An address in the unified names. `US-ME` becomes the state `ME`; a street's third line and on are one."""
    if address is None:
        return {}
    lines = [line.strip() for line in (address.street or "").splitlines() if line.strip()]
    state = address.subdivision.code if address.subdivision else None
    return {
        "address1": lines[0] if lines else None,
        "address2": lines[1] if len(lines) > 1 else None,
        "address3": ", ".join(lines[2:]) or None,
        "city": address.city or None,
        "state": state.partition("-")[2] or state if state else None,
        "postal_code": address.postal_code or None,
        "country": (address.country.code if address.country else None) or None,
    }


def from_address(address: Address | None) -> FromAddress | None:
    return FromAddress(**parts_of(address)) if address else None


def to_address(address: Address | None, party: Party | None) -> ToAddress:
    """Where goods go and to whom; the name on the address goes before the party's own."""
    party = party or Party()
    return ToAddress(
        **parts_of(address),
        full_name=(address.party_name if address else None) or party.name or None,
        phone_number=party.phone or party.mobile or None,
        email_address=party.email or None,
    )


def text(value: int | str | None) -> str | None:
    """An id as text; an empty text is nothing."""
    return None if value is None or value == "" else str(value)
