"""Writes, by the rules of ShipHero as Trackstar passes them on."""

from collections.abc import Callable

from . import stock
from .account import SandboxAccount
from .entities import ADDRESS11, MEASUREMENTS, blank
from .http_types import RequestRejected, SandboxAnswer, SandboxRequest, body_object, invalid, refusal
from .idempotency import once
from .orders import needs, order_id, put_in_state
from .schemas import (
    ADJUST,
    CREATE_INBOUND,
    CREATE_ORDER,
    CREATE_PRODUCT,
    RECEIVE,
    SHIP,
    UPDATE_INBOUND,
    UPDATE_ORDER,
    UPDATE_PRODUCT,
)
from .seed import outstanding
from .simulation import announce, hand_over, take_in
from .store import Record
from .validation import Schema, checked


def _refused_by_wms(error: str) -> RequestRejected:
    # The status of a refusal by the WMS isn't documented; 400 distinguishes it from Trackstar's own 422.
    return refusal(400, error, "integration")


def existing(account: SandboxAccount, entity: str, identity: str) -> Record:
    """Return the record. Raises a 404 with the id if there is none."""
    record = account.get(entity, identity)
    if record is None:
        raise refusal(404, f"{entity} not found", id=identity)
    return record


def _by_sku(account: SandboxAccount, entity: str, sku: str) -> Record:
    table = account.tables[entity]
    place = list(table.fields).index("sku")
    row = next((row for row in table.rows if row.keys[place] == sku), None)
    record = account.get(entity, row.id) if row else None
    if record is None:
        raise _refused_by_wms(f"SKU {sku} does not exist")
    return record


def _taken(account: SandboxAccount, entity: str, field: str, value: str, but: str = "") -> bool:
    table = account.tables[entity]
    place = list(table.fields).index(field)
    return any(row.keys[place] == value and row.id != but for row in table.rows)


def _order_lines(account: SandboxAccount, lines: list[Record]) -> list[Record]:
    made = []
    for line in lines:
        if line["quantity"] < 1:
            raise _refused_by_wms(f"Quantity of {line['sku']} must be at least 1")
        product = _by_sku(account, "products", line["sku"])
        made.append(
            {
                "product_id": product["id"],
                "sku": line["sku"],
                "quantity": line["quantity"],
                "unit_price": line["unit_price"],
                "is_picked": False,
                "discount_amount": line.get("discount_amount", 0),
            }
        )
    return made


def _fill_order(account: SandboxAccount, order: Record, body: Record) -> None:
    same = "order_number reference_id shipping_method_id shipping_method_name carrier_id service_level trading_partner "
    same += "invoice_currency_code total_price total_tax total_discount total_shipping tags trackstar_tags "
    for name in (*same.split(), "warehouse_customer_id"):
        if name in body:
            order[name] = body[name]
    if "ship_to_address" in body:
        order["ship_to_address"] = dict(ADDRESS11) | body["ship_to_address"]
    if "shipping_price" in body:
        order["total_shipping"] = body["shipping_price"]
    if "packing_note" in body:
        order["additional_fields"]["packing_note"] = body["packing_note"]
    if channel := body.get("channel_object"):
        if len(channel) != 1:
            raise invalid("json", {"channel_object": ["Give exactly one of channel_id and channel_name."]})
        name = next(iter(channel.values()))
        order["channel"] = name
        order["channel_object"] = {"channel_id": name, "channel_name": None} | channel


def create_order(account: SandboxAccount, body: Record) -> Record:
    """Create an order, allocated immediately or backordered."""
    if _taken(account, "orders", "order_number", body["order_number"]):
        raise _refused_by_wms(f"Order number {body['order_number']} already exists")
    order = blank("orders")
    order["line_items"] = lines = _order_lines(account, body["line_items"])
    order["id"] = order_id(account.number_for("orders"))
    order["warehouse_customer_id"] = _by_sku(account, "products", lines[0]["sku"])["warehouse_customer_id"]
    order["warehouse_id"] = next((line["warehouse_id"] for line in body["line_items"] if "warehouse_id" in line), None)
    order["warehouse_id"] = order["warehouse_id"] or account.tables["warehouses"].rows[0].id
    order["type"], order["raw_status"] = "d2c", "pending"
    order["total_price"] = round(sum(line["quantity"] * line["unit_price"] for line in lines), 2)
    order["reference_id"] = body.get("reference_id", body["order_number"])
    _fill_order(account, order, body)
    if not stock.reserve(account, order):
        put_in_state(order, "backordered")
    return account.save("orders", order)


def update_order(account: SandboxAccount, body: Record, identity: str) -> Record:
    """Change an order that has not left; new lines replace the old ones."""
    order = existing(account, "orders", identity)
    if order["status"] in ("fulfilled", "cancelled"):
        raise _refused_by_wms(f"Order is already {order['status']}")
    if "order_number" in body and _taken(account, "orders", "order_number", body["order_number"], but=identity):
        raise _refused_by_wms(f"Order number {body['order_number']} already exists")
    lines = _order_lines(account, body["line_items"]) if "line_items" in body else None
    if lines is not None and order["shipments"]:
        raise _refused_by_wms("Lines of a partly shipped order can't be changed")
    _fill_order(account, order, body)
    if lines is not None:
        stock.release(account, order)
        order["line_items"] = lines
        if not stock.reserve(account, order) and identity not in account.held:
            put_in_state(order, "backordered")
    if body.get("status") == "fulfilled":
        hand_over(account, account.rng, order, needs(order, account.parts))
    return account.save("orders", order)


def cancel_order(account: SandboxAccount, body: Record, identity: str) -> Record:
    """Cancel what has not shipped. Cancelling again changes nothing."""
    order = existing(account, "orders", identity)
    if order["status"] == "cancelled":
        return order
    if order["shipments"] or order["status"] == "fulfilled":
        raise _refused_by_wms("Order has already shipped and can't be cancelled")
    stock.release(account, order)
    account.held.pop(identity, None)
    put_in_state(order, "cancelled")
    return account.save("orders", order)


def ship_order(account: SandboxAccount, body: Record, identity: str) -> Record:
    """Mark everything outstanding as shipped."""
    order = existing(account, "orders", identity)
    if order["status"] in ("fulfilled", "cancelled") or identity in account.held:
        raise _refused_by_wms(f"Order can't ship: {order['raw_status']}")
    shipment = hand_over(account, account.rng, order, needs(order, account.parts))
    package = shipment["packages"][0]
    for name in ("tracking_number", "tracking_url", "carrier_id", "shipping_method_id", "shipping_cost"):
        if name in body:
            package[name] = body[name]
    if body.get("packages"):
        package.update(body["packages"][0])
    shipment["shipped_date"] = body.get("shipped_date", shipment["shipped_date"])
    shipment["warehouse_id"] = body.get("warehouse_id", shipment["warehouse_id"])
    return account.save("orders", order)


def create_inbound(account: SandboxAccount, body: Record) -> Record:
    """Create an inbound shipment."""
    existing(account, "warehouses", body["warehouse_id"])
    if _taken(account, "inbound-shipments", "purchase_order_number", body["purchase_order_number"]):
        raise _refused_by_wms(f"Purchase order {body['purchase_order_number']} already exists")
    record = blank("inbound-shipments")
    items = [_by_sku(account, "inventory", line["sku"]) for line in body["line_items"]]
    record["line_items"] = [
        {
            "inventory_item_id": item["id"],
            "sku": line["sku"],
            "expected_quantity": line["expected_quantity"],
            "received_quantity": 0,
            "unit_cost": line["unit_cost"],
            "external_id": line.get("external_id"),
        }
        for item, line in zip(items, body["line_items"], strict=True)
    ]
    record["id"] = f"inb_{500 + account.number_for('inbound-shipments')}"
    record["raw_status"] = "Pending"
    for name in ("purchase_order_number", "expected_arrival_date", "warehouse_id"):
        record[name] = body[name]
    record["warehouse_customer_id"] = body.get("warehouse_customer_id", items[0]["warehouse_customer_id"])
    if supplier := body.get("supplier_object"):
        record["supplier_object"] = {"supplier_id": supplier.get("supplier_name"), "supplier_name": None} | supplier
    record["tracking_numbers"] = [body["tracking_number"]] if "tracking_number" in body else []
    return announce(account, record)


def _open_inbound(account: SandboxAccount, identity: str) -> Record:
    record = existing(account, "inbound-shipments", identity)
    if record["status"] in ("received", "cancelled"):
        raise _refused_by_wms(f"Purchase order is already {record['status']}")
    return record


def update_inbound(account: SandboxAccount, body: Record, identity: str) -> Record:
    """Change an inbound shipment: date, tracking, quantities of existing lines, or close it."""
    record = _open_inbound(account, identity)
    lines = {line["sku"]: line for line in record["line_items"]}
    for change in body.get("line_items", ()):
        if change["sku"] not in lines:
            raise _refused_by_wms(f"SKU {change['sku']} is not on this purchase order")
    _await(account, record, -1)
    for change in body.get("line_items", ()):
        lines[change["sku"]]["expected_quantity"] = change["expected_quantity"]
    record["expected_arrival_date"] = body.get("expected_arrival_date", record["expected_arrival_date"])
    if "tracking_number" in body:
        record["tracking_numbers"] = [body["tracking_number"]]
    if body.get("status") == "cancelled":
        record["status"], record["raw_status"] = "cancelled", "Canceled"
        return account.save("inbound-shipments", record)
    _await(account, record, 1)
    if body.get("status") == "received":
        return take_in(account, record, outstanding(record))
    return account.save("inbound-shipments", record)


def _await(account: SandboxAccount, record: Record, sign: int) -> None:
    for line, amount in zip(record["line_items"], outstanding(record), strict=True):
        if amount:
            stock.move(account, line["inventory_item_id"], record["warehouse_id"], awaiting=sign * amount)


def receive_inbound(account: SandboxAccount, body: Record, identity: str) -> Record:
    """Receive quantities by SKU."""
    record = _open_inbound(account, identity)
    amounts = [0] * len(record["line_items"])
    places = {line["sku"]: place for place, line in enumerate(record["line_items"])}
    for line in body["line_items"]:
        if line["sku"] not in places or line["quantity"] < 0:
            raise _refused_by_wms(f"SKU {line['sku']} can't be received on this purchase order")
        amounts[places[line["sku"]]] += line["quantity"]
    return take_in(account, record, amounts)


def adjust(account: SandboxAccount, body: Record, identity: str) -> Record:
    """Change the shippable quantity in one warehouse."""
    existing(account, "inventory", identity)
    existing(account, "warehouses", body["warehouse_id"])
    amount = body["quantity"] if body["adjustment_type"] == "increase" else -body["quantity"]
    if body["quantity"] < 0 or stock.has(account, identity, body["warehouse_id"]) + amount < 0:
        raise _refused_by_wms("Not enough stock to decrease")
    stock.move(account, identity, body["warehouse_id"], fulfillable=amount)
    return existing(account, "inventory", identity)


def create_product(account: SandboxAccount, body: Record) -> Record:
    """Create a product with its own inventory item."""
    if _taken(account, "products", "sku", body["sku"]):
        raise _refused_by_wms(f"SKU {body['sku']} already exists")
    number = 10_000 + account.number_for("products")
    item, product = blank("inventory"), blank("products")
    same: Record = {name: body[name] for name in ("sku", "name", "warehouse_customer_id") if name in body}
    item.update(same, id=f"inv_{number}", measurements=dict(MEASUREMENTS) | body.get("measurements", {}))
    product.update(same, id=f"prod_{number}", gtin=body.get("gtin"))
    product["inventory_items"] = [{"inventory_item_id": item["id"], "sku": body["sku"], "unit_quantity": 1}]
    account.save("inventory", item)
    return account.save("products", product)


def update_product(account: SandboxAccount, body: Record, identity: str) -> Record:
    """Change a product's name or code."""
    product = existing(account, "products", identity)
    product.update({name: body[name] for name in ("name", "gtin") if name in body})
    return account.save("products", product)


def written(record: Record, unused: list[str]) -> SandboxAnswer:
    """Return the answer to a write."""
    return SandboxAnswer(value={"data": record, "id": record["id"], "unused_fields": unused})


Write = Callable[..., Record]
ROUTES: dict[tuple[str, ...], tuple[Write, Schema]] = {
    ("POST", "orders"): (create_order, CREATE_ORDER),
    ("PUT", "orders", "*"): (update_order, UPDATE_ORDER),
    ("PUT", "orders", "*", "cancel"): (cancel_order, {}),
    ("POST", "orders", "*", "shipments"): (ship_order, SHIP),
    ("POST", "inbound-shipments"): (create_inbound, CREATE_INBOUND),
    ("PUT", "inbound-shipments", "*"): (update_inbound, UPDATE_INBOUND),
    ("PUT", "inbound-shipments", "*", "receive"): (receive_inbound, RECEIVE),
    ("PUT", "inventory", "*", "adjust"): (adjust, ADJUST),
    ("POST", "products"): (create_product, CREATE_PRODUCT),
    ("PUT", "products", "*"): (update_product, UPDATE_PRODUCT),
}


def perform(
    account: SandboxAccount, request: SandboxRequest, route: tuple[str, ...], identity: list[str]
) -> SandboxAnswer:
    """Validate the body and carry out a write. A refused write changes nothing."""
    write, schema = ROUTES[route]

    def carry_out() -> SandboxAnswer:
        body = body_object(request)
        if identity:
            existing(account, route[1], identity[0])
        unused = checked(body, schema)
        with account.lock:
            return written(write(account, body, *identity), unused)

    return once(account, request, carry_out)
