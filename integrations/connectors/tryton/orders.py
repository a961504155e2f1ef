"""Orders (`sale.sale`) and order shipments (`stock.shipment.out`). Facts: trytond_sale and _stock 8.2."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct, field

from ...records import Order, OrderLine, OrderShipment, Package, PackageLine, ShipmentLine
from ..parsing import number
from .payloads import (
    Address,
    Amount,
    Carrier,
    Code,
    Document,
    Item,
    Moment,
    Party,
    Row,
    day,
    exact,
    item_id,
    latest,
    sku,
    text,
    to_address,
)
from .resources import Table

CARRIER = {"carrier": ("sale.sale", "carrier")}
PACKAGES = {
    "packages": ("stock.shipment.out", "packages"),
    "packages.shipping_reference": ("stock.package", "shipping_reference"),
    "packages.shipping_tracking_url": ("stock.package", "shipping_tracking_url"),
}


class MoveShipment(Row, kw_only=True):
    state: str


class LineMove(Row, kw_only=True):
    state: str
    shipment: MoveShipment | None = field(default=None, name="shipment.")


class SaleLine(Row, kw_only=True):
    type: str
    quantity: Decimal | None = None
    unit_price: Amount | None = None
    product: Item | None = field(default=None, name="product.")
    moves: list[LineMove] = field(default_factory=list, name="moves.")


class Sale(Document, kw_only=True):
    state: str
    shipment_state: str
    number: str | None = None
    reference: str | None = None
    comment: str | None = None
    invoice_state: str | None = None
    company: int | None = None
    warehouse: int | None = None
    shipping_date: Moment | None = None
    total_amount: Amount | None = None
    tax_amount: Amount | None = None
    currency: Code | None = field(default=None, name="currency.")
    party: Party | None = field(default=None, name="party.")
    shipment_party: Party | None = field(default=None, name="shipment_party.")
    shipment_address: Address | None = field(default=None, name="shipment_address.")
    carrier: Carrier | None = field(default=None, name="carrier.")
    lines: list[SaleLine] = field(default_factory=list, name="lines.")


def order(sale: Sale) -> Order:
    """An order. Its stamp is the latest of the sale, its lines, their moves and shipments, which tell what is picked.

    The number is null until the sale is quoted. Titles, subtotals and comments are no line items.
    """
    carrier = sale.carrier
    moves = [move for line in sale.lines for move in line.moves]
    shipments = [move.shipment for move in moves if move.shipment]
    on_hold = is_held(sale, shipments)
    return Order(
        external_id=str(sale.id),
        created_at=sale.create_date.utc(),
        updated_at=latest(sale, *sale.lines, *moves, *shipments),
        warehouse_customer_id=text(sale.company),
        warehouse_id=text(sale.warehouse),
        reference_id=text(sale.reference),
        order_number=text(sale.number),
        status="exception" if on_hold else order_status(sale.state, sale.shipment_state, moves),
        raw_status=f"{sale.state}/{sale.shipment_state}{', on hold' if on_hold else ''}",
        shipping_method_id=str(carrier.id) if carrier else None,
        shipping_method_name=carrier.party.name if carrier and carrier.party else None,
        invoice_currency_code=sale.currency.code if sale.currency else None,
        total_price=number(exact(sale.total_amount)),
        total_tax=number(exact(sale.tax_amount)),
        ship_to_address=to_address(sale.shipment_address, sale.shipment_party or sale.party),
        required_ship_date=day(sale.shipping_date),
        line_items=[order_line(line) for line in sale.lines if line.type == "line"],
        extra={"comment": text(sale.comment), "invoice_state": sale.invoice_state},
    )


def order_line(line: SaleLine) -> OrderLine:
    """A line as the order says it: quantity and price in the unit of the line."""
    return OrderLine(
        product_id=item_id(line.product),
        sku=sku(line.product),
        quantity=number(line.quantity),
        unit_price=number(exact(line.unit_price)),
        is_picked=is_picked(line.moves),
    )


PICKED = ("picked", "packed", "shipped", "done")


def is_picked(moves: list[LineMove]) -> bool:
    """Whether all of a line's goods lie ready or have left. A pick changes the shipment's state, not the moves'."""
    live = [move for move in moves if move.state != "cancelled"]
    return bool(live) and all((move.shipment or move).state in PICKED for move in live)


UNSHIPPED = ("draft", "waiting", "assigned", "picked", "packed")


def is_held(sale: Sale, shipments: Sequence[MoveShipment]) -> bool:
    """Whether it was put back: Tryton has no holds. One that was quoted once, and has its number, is a draft again;
    or all that is left to ship of a confirmed one is.
    """
    if sale.state == "draft":
        return bool(sale.number)
    left = [shipment for shipment in shipments if shipment.state in UNSHIPPED]
    return sale.state == "processing" and bool(left) and all(shipment.state == "draft" for shipment in left)


def order_status(state: str, shipment_state: str, moves: Sequence[LineMove] = ()) -> str:
    """The unified status. A shipped sale stays `processing` until its invoice is paid: what was shipped counts.

    So does one whose shipments were all cancelled, which can't be cancelled itself any more.
    """
    before = {"draft": "open", "quotation": "open", "confirmed": "confirmed", "cancelled": "cancelled"}
    if state in before:
        return before[state]
    if state not in ("processing", "done"):
        return "other"
    if shipment_state == "none" and moves and all(move.state == "cancelled" for move in moves):
        return "cancelled"
    shipped = {"exception": "exception", "partially shipped": "partially_fulfilled", "sent": "fulfilled"}
    return shipped.get(shipment_state) or ("fulfilled" if state == "done" else "processing")


class OutMove(Struct):
    id: int
    state: str
    quantity: Decimal | None = None
    sale: int | None = None
    product: Item | None = field(default=None, name="product.")


class PackedMove(Struct):
    id: int
    quantity: Decimal | None = None
    product: Item | None = field(default=None, name="product.")


class Parcel(Row, kw_only=True):
    number: str | None = None
    shipping_reference: str | None = None
    shipping_tracking_url: str | None = None
    moves: list[PackedMove] = field(default_factory=list, name="moves.")


class OutShipment(Document, kw_only=True):
    state: str
    number: str | None = None
    reference: str | None = None
    warehouse: int | None = None
    planned_date: Moment | None = None
    effective_date: Moment | None = None
    customer: Party | None = field(default=None, name="customer.")
    delivery_address: Address | None = field(default=None, name="delivery_address.")
    outgoing_moves: list[OutMove] = field(default_factory=list, name="outgoing_moves.")
    moves: list[Row] = field(default_factory=list, name="moves.")
    packages: list[Parcel] = field(default_factory=list, name="packages.")


SHIPMENT_STATUS = {
    **dict.fromkeys(("draft", "waiting", "assigned", "picked", "packed"), "open"),
    **dict.fromkeys(("shipped", "done"), "shipped"),
    "cancelled": "cancelled",
}


def order_shipment(shipment: OutShipment) -> OrderShipment:
    """A shipment to a customer. One that serves several orders names the first; the others are in `extra`."""
    moves = sorted(shipment.outgoing_moves, key=lambda move: move.id)
    orders = [str(sale) for sale in sorted({move.sale for move in moves if move.sale is not None})]
    status = SHIPMENT_STATUS.get(shipment.state, "other")
    return OrderShipment(
        external_id=str(shipment.id),
        created_at=shipment.create_date.utc(),
        updated_at=latest(shipment, *shipment.moves, *shipment.packages),
        order_id=orders[0] if orders else None,
        shipment_id=str(shipment.id),
        warehouse_id=text(shipment.warehouse),
        status=status,
        raw_status=shipment.state,
        shipped_date=day(shipment.effective_date) if status == "shipped" else None,
        line_items=[
            ShipmentLine(inventory_item_id=item_id(move.product), sku=sku(move.product), quantity=number(move.quantity))
            for move in moves
            if move.state != "cancelled" or shipment.state == "cancelled"
        ],
        ship_to_address=to_address(shipment.delivery_address, shipment.customer),
        packages=[package(parcel) for parcel in sorted(shipment.packages, key=lambda parcel: parcel.id)],
        extra={
            "number": text(shipment.number),
            "reference": text(shipment.reference),
            "order_ids": orders,
        },
    )


def package(parcel: Parcel) -> Package:
    return Package(
        package_id=str(parcel.id),
        package_name=text(parcel.number),
        tracking_number=text(parcel.shipping_reference),
        tracking_url=text(parcel.shipping_tracking_url),
        line_items=[
            PackageLine(inventory_item_id=item_id(move.product), sku=sku(move.product), quantity=number(move.quantity))
            for move in sorted(parcel.moves, key=lambda move: move.id)
        ],
    )


ORDERS = Table(
    "sale.sale",
    Sale,
    order,
    parts=(
        "lines",
        "lines.moves",
        "lines.moves.shipment,stock.shipment.out",
        "party",
        "party.contact_mechanisms",
        "shipment_party",
        "shipment_party.contact_mechanisms",
        "shipment_address",
        "carrier.party",
    ),
    optional=CARRIER,
)
ORDER_SHIPMENTS = Table(
    "stock.shipment.out",
    OutShipment,
    order_shipment,
    parts=("moves", "packages", "customer", "customer.contact_mechanisms", "delivery_address"),
    optional=PACKAGES,
)
