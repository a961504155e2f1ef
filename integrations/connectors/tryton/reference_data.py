"""Customers, warehouses and shipping methods. Facts: trytond_company, _stock and _carrier 8.2 (November 2026)."""

from ...records import Customer, FromAddress, ShippingMethod, Warehouse
from .payloads import ADDRESS, STAMP, Row, address_fields, latest_change
from .resources import TrytonTable


def parse_customer(company: Row) -> Customer:
    """Return a company whose books Tryton keeps. Its own customers, the parties, appear only inside orders."""
    party = company.required_row("party")
    return Customer(
        external_id=str(company.id),
        created_at=company.created_at,
        updated_at=latest_change(company, party),
        name=party.text("name") or "",
        email=party.text("email"),
    )


def parse_warehouse(location: Row) -> Warehouse:
    address = location.row("address")
    return Warehouse(
        external_id=str(location.id),
        created_at=location.created_at,
        updated_at=location.changed_at,
        name=location.text("name") or "",
        code=location.text("code"),
        address=FromAddress(**address_fields(address)) if address else None,
    )


def parse_shipping_method(carrier: Row) -> ShippingMethod:
    party = carrier.required_row("party")
    return ShippingMethod(
        external_id=str(carrier.id),
        created_at=carrier.created_at,
        updated_at=latest_change(carrier, party),
        name=party.text("name") or "",
        carrier_id=str(party.id),
        carrier_name=party.string("name"),
    )


CUSTOMERS = TrytonTable(
    "company.company",
    parse_customer,
    fields={"party": f"{STAMP} name email"},
    parts="party party.contact_mechanisms",
)
WAREHOUSES = TrytonTable(
    "stock.location",
    parse_warehouse,
    fields={"": "name code", "address": ADDRESS},
    parts="address",
    where=(["type", "=", "warehouse"],),
)
SHIPPING_METHODS = TrytonTable("carrier", parse_shipping_method, fields={"party": f"{STAMP} name"}, parts="party")
