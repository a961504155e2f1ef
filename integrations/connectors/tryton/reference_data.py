"""Customers, warehouses and shipping methods. Facts: trytond_company, _stock and _carrier 8.2."""

from msgspec import field

from ...records import Customer, ShippingMethod, Warehouse
from .payloads import Address, Document, Row, from_address, latest, text
from .resources import Table


class Party(Row, kw_only=True):
    """The party that a company or a carrier is, its stamp included: it is a part of the record."""

    name: str | None = None
    email: str | None = None


class Company(Document, kw_only=True):
    party: Party = field(name="party.")


def customer(row: Company) -> Customer:
    """A company whose books Tryton keeps. Its own customers, the parties, appear only inside orders."""
    return Customer(
        external_id=str(row.id),
        created_at=row.create_date.utc(),
        updated_at=latest(row, row.party),
        name=row.party.name or "",
        email=text(row.party.email),
    )


class Place(Document, kw_only=True):
    name: str | None = None
    code: str | None = None
    address: Address | None = field(default=None, name="address.")


def warehouse(row: Place) -> Warehouse:
    return Warehouse(
        external_id=str(row.id),
        created_at=row.create_date.utc(),
        updated_at=latest(row),
        name=row.name or "",
        code=text(row.code),
        address=from_address(row.address),
    )


class CarrierRow(Document, kw_only=True):
    party: Party = field(name="party.")


def shipping_method(row: CarrierRow) -> ShippingMethod:
    return ShippingMethod(
        external_id=str(row.id),
        created_at=row.create_date.utc(),
        updated_at=latest(row, row.party),
        name=row.party.name or "",
        carrier_id=str(row.party.id),
        carrier_name=row.party.name,
    )


CUSTOMERS = Table("company.company", Company, customer, parts=("party", "party.contact_mechanisms"))
WAREHOUSES = Table("stock.location", Place, warehouse, parts=("address",), where=(["type", "=", "warehouse"],))
SHIPPING_METHODS = Table("carrier", CarrierRow, shipping_method, parts=("party",))
