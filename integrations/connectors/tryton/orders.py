"""Orders (`sale.sale`) and order shipments (`stock.shipment.out`). Facts: trytond_sale and _stock 8.2."""

from collections.abc import Sequence

from ...records import Order, OrderLine, OrderShipment, Package, PackageLine, ShipmentLine
from ..parsing import number
from .payloads import (
    ADDRESS,
    PARTY,
    PRODUCT,
    STAMP,
    Row,
    latest_change,
    parse_to_address,
    product_fields,
    product_quantity,
)
from .resources import TrytonTable

PICKED_STATES = ("picked", "packed", "shipped", "done")
UNSHIPPED_STATES = ("draft", "waiting", "assigned", "picked", "packed")
EARLY_STATUSES = {"draft": "open", "quotation": "open", "confirmed": "confirmed", "cancelled": "cancelled"}
SHIPPED_STATUSES = {"exception": "exception", "partially shipped": "partially_fulfilled", "sent": "fulfilled"}
SHIPMENT_STATUSES = {
    **dict.fromkeys(UNSHIPPED_STATES, "open"),
    **dict.fromkeys(("shipped", "done"), "shipped"),
    "cancelled": "cancelled",
}


def parse_order(sale: Row) -> Order:
    """Return an order. Its stamp is the latest of the sale, its lines, their moves and shipments.

    The number is null until the sale is quoted. Titles, subtotals and comments are no line items.
    """
    lines = sale.rows("lines")
    moves = [move for line in lines for move in line.rows("moves")]
    shipments = [shipment for move in moves if (shipment := move.row("shipment"))]
    state, shipment_state = sale.selection("state"), sale.selection("shipment_state")
    on_hold = is_held(sale, [shipment.selection("state") for shipment in shipments])
    status = order_status(state, shipment_state, [move.selection("state") for move in moves])
    carrier, currency = sale.row("carrier"), sale.row("currency")
    carrier_party = carrier.row("party") if carrier else None
    return Order(
        external_id=str(sale.id),
        created_at=sale.created_at,
        updated_at=latest_change(sale, *lines, *moves, *shipments),
        warehouse_customer_id=sale.id_of("company"),
        warehouse_id=sale.id_of("warehouse"),
        reference_id=sale.text("reference"),
        order_number=sale.text("number"),
        status="exception" if on_hold else status,
        raw_status=f"{state}/{shipment_state}{', on hold' if on_hold else ''}",
        shipping_method_id=str(carrier.id) if carrier else None,
        shipping_method_name=carrier_party.string("name") if carrier_party else None,
        invoice_currency_code=currency.string("code") if currency else None,
        total_price=number(sale.amount("total_amount")),
        total_tax=number(sale.amount("tax_amount")),
        ship_to_address=parse_to_address(sale.row("shipment_address"), sale.row("shipment_party") or sale.row("party")),
        required_ship_date=sale.moment("shipping_date"),
        line_items=[parse_order_line(line) for line in lines if line.selection("type") == "line"],
        extra={"comment": sale.text("comment"), "invoice_state": sale.string("invoice_state")},
    )


def parse_order_line(line: Row) -> OrderLine:
    """Return a line with quantity and price in the line's own unit."""
    product = product_fields(line)
    return OrderLine(
        product_id=product["inventory_item_id"],
        sku=product["sku"],
        quantity=number(line.quantity("quantity")),
        unit_price=number(line.amount("unit_price")),
        is_picked=is_picked(line.rows("moves")),
    )


def is_picked(moves: Sequence[Row]) -> bool:
    """Return whether all goods of a line are picked or have left. A pick changes only the shipment's state."""
    live = [move.row("shipment") or move for move in moves if move.selection("state") != "cancelled"]
    return bool(live) and all(row.selection("state") in PICKED_STATES for row in live)


def is_held(sale: Row, shipment_states: Sequence[str]) -> bool:
    """Return whether an order is on hold. Tryton has no holds, so a hold is a return to draft.

    Either the sale is a draft again, which shows in its number, or all unshipped shipments of a confirmed sale are.
    """
    if sale.selection("state") == "draft":
        return bool(sale.text("number"))
    unshipped = {state for state in shipment_states if state in UNSHIPPED_STATES}
    return sale.selection("state") == "processing" and unshipped == {"draft"}


def order_status(state: str, shipment_state: str, move_states: Sequence[str] = ()) -> str:
    """Return the unified status, which depends on what was shipped.

    A shipped sale stays `processing` until its invoice is paid. So does a sale whose shipments were all cancelled: it
    can't be cancelled itself any more.
    """
    if state in EARLY_STATUSES:
        return EARLY_STATUSES[state]
    if state not in ("processing", "done"):
        return "other"
    if shipment_state == "none" and set(move_states) == {"cancelled"}:
        return "cancelled"
    return SHIPPED_STATUSES.get(shipment_state) or ("fulfilled" if state == "done" else "processing")


def parse_order_shipment(shipment: Row) -> OrderShipment:
    """Return a shipment to a customer. One that serves several orders names the first; all of them are in `extra`."""
    state = shipment.selection("state")
    status = SHIPMENT_STATUSES.get(state, "other")
    moves = sorted(shipment.rows("outgoing_moves"), key=lambda move: move.id)
    packages = sorted(shipment.rows("packages"), key=lambda package: package.id)
    sales = {int(sale) for move in moves if (sale := move.id_of("sale"))}
    orders = [str(sale) for sale in sorted(sales)]
    return OrderShipment(
        external_id=str(shipment.id),
        created_at=shipment.created_at,
        updated_at=latest_change(shipment, *shipment.rows("moves"), *packages),
        order_id=orders[0] if orders else None,
        shipment_id=str(shipment.id),
        warehouse_id=shipment.id_of("warehouse"),
        status=status,
        raw_status=state,
        shipped_date=shipment.moment("effective_date") if status == "shipped" else None,
        line_items=[
            ShipmentLine(**product_quantity(move))
            for move in moves
            if state == "cancelled" or move.selection("state") != "cancelled"
        ],
        ship_to_address=parse_to_address(shipment.row("delivery_address"), shipment.row("customer")),
        packages=[parse_package(package) for package in packages],
        extra={"number": shipment.text("number"), "reference": shipment.text("reference"), "order_ids": orders},
    )


def parse_package(package: Row) -> Package:
    moves = sorted(package.rows("moves"), key=lambda move: move.id)
    return Package(
        package_id=str(package.id),
        package_name=package.text("number"),
        tracking_number=package.text("shipping_reference"),
        tracking_url=package.text("shipping_tracking_url"),
        line_items=[PackageLine(**product_quantity(move)) for move in moves],
    )


ORDERS = TrytonTable(
    "sale.sale",
    parse_order,
    fields={
        "": "number reference comment state shipment_state invoice_state company warehouse shipping_date total_amount "
        "tax_amount currency.code",
        "party": PARTY,
        "shipment_party": PARTY,
        "shipment_address": ADDRESS,
        "carrier": "id party.id party.name",
        "lines": f"{STAMP} type quantity unit_price {PRODUCT}",
        "lines.moves": f"{STAMP} state",
        "lines.moves.shipment": f"{STAMP} state",
    },
    parts="lines lines.moves lines.moves.shipment,stock.shipment.out party party.contact_mechanisms shipment_party "
    "shipment_party.contact_mechanisms shipment_address carrier.party",
    optional={"carrier": "sale.sale"},
)
ORDER_SHIPMENTS = TrytonTable(
    "stock.shipment.out",
    parse_order_shipment,
    fields={
        "": "number reference state warehouse effective_date",
        "customer": PARTY,
        "delivery_address": ADDRESS,
        "outgoing_moves": f"id state quantity sale {PRODUCT}",
        "moves": STAMP,
        "packages": f"{STAMP} number shipping_reference shipping_tracking_url",
        "packages.moves": f"id quantity {PRODUCT}",
    },
    parts="moves packages customer customer.contact_mechanisms delivery_address",
    optional={
        "packages": "stock.shipment.out",
        "packages.shipping_reference": "stock.package",
        "packages.shipping_tracking_url": "stock.package",
    },
)
