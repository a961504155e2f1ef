"""The history of a new account: sixty days of orders and related records. Depends on the seed and the time."""

from random import Random

from .account import SandboxAccount
from .entities import COUNTERS
from .orders import UNFINISHED, draw, needs, put_in_state, ship
from .reference_data import DAY, MERCHANTS, RACKS, SUPPLIERS, WAREHOUSES, address, catalogue, make, stamped
from .stock import settle
from .store import Record, iso, seconds

HOUR = 3600
SPAN = 60 * DAY
WAREHOUSE_IDS = [key for key, *_ in WAREHOUSES]
# Up to this age: the probability of each state.
_BY_AGE: tuple[tuple[float, dict[str, int]], ...] = (
    (3 * HOUR, {"open": 60, "confirmed": 30, "processing": 9, "cancelled": 1}),
    (
        14 * HOUR,
        {"open": 12, "confirmed": 28, "processing": 25, "picked": 14, "packed": 10, "fulfilled": 8, "exception": 3},
    ),
    (
        2 * DAY,
        {
            "confirmed": 8,
            "processing": 9,
            "packed": 8,
            "fulfilled": 66,
            "partially_fulfilled": 2,
            "backordered": 4,
            "cancelled": 3,
        },
    ),
    (
        7 * DAY,
        {"processing": 1, "fulfilled": 92, "partially_fulfilled": 1, "backordered": 2, "exception": 1, "cancelled": 3},
    ),
    (SPAN + DAY, {"open": 1, "fulfilled": 190, "backordered": 1, "exception": 1, "cancelled": 7}),
)
_DRAWS = tuple((age, list(states), list(states.values())) for age, states in _BY_AGE)


def fill(account: SandboxAccount, *, seed: int, orders: int, now: int) -> None:
    """Give an account its history, ending at `now` (seconds since 1970, UTC)."""
    rng = Random(f"packr/{seed}/{account.number}/history")
    goods = account.goods = catalogue(rng, now)
    for entity, records in goods.records.items():
        for record in records:
            account.put(entity, record)
    committed: dict[tuple[str, str], int] = {}
    for place in range(orders):
        order = _order(account, rng, now - SPAN * (orders - place) // orders + rng.randint(0, SPAN // orders), now)
        if order["additional_fields"]["allocated"]:
            for line in needs(order, account.parts):
                key = (line["inventory_item_id"], order["warehouse_id"])
                committed[key] = committed.get(key, 0) + line["quantity"]
        account.put("orders", order)
        _follow_ups(account, rng, order, now)
    awaiting = _inbound_shipments(account, rng, now)
    for product in goods.records["products"]:
        if not product["is_kit"]:
            account.put("inventory", _item(account, rng, product, committed, awaiting, now))


def _order(account: SandboxAccount, rng: Random, created: int, now: int) -> Record:
    created = min(created, now - 1)
    order = draw(rng, account.goods, account.number_for("orders"), created)
    age = now - created
    states, weights = next((states, weights) for limit, states, weights in _DRAWS if age < limit)
    status = rng.choices(states, weights)[0]
    put_in_state(order, status)
    updated = min(now, created + int(rng.triangular(60, min(age, 3 * DAY) + 61, min(age, DAY) + 60)))
    if status == "fulfilled":
        ship(rng, order, needs(order, account.parts), updated - 30)
    elif status == "partially_fulfilled":
        _ship_some(account, rng, order, updated - 30)
    order["additional_fields"]["allocated"] = order["status"] in UNFINISHED and status != "backordered"
    return stamped(order, created, updated, now, lag=rng.randint(30, HOUR))


def _ship_some(account: SandboxAccount, rng: Random, order: Record, when: int) -> None:
    """Ship the first line only; an order with one line ships completely."""
    lines = needs(order, account.parts)
    ship(rng, order, lines[:1], when)
    if len(lines) == 1:
        put_in_state(order, "fulfilled")


def _follow_ups(account: SandboxAccount, rng: Random, order: Record, now: int) -> None:
    """Add charges to some shipped orders, and returns to a few."""
    if order["status"] != "fulfilled":
        return
    shipped = _seconds_ago(order, now)
    if rng.random() < 0.2:
        account.put("billing", stamped(charge(account, rng, order), now - shipped, now - shipped, now, lag=600))
    if rng.random() < 0.03 and shipped > 4 * DAY:
        account.put("returns", _old_return(account, rng, order, now - shipped + 3 * DAY, now))


def _seconds_ago(order: Record, now: int) -> int:
    return int(now - (seconds(order["updated_date"]) or now))


def charge(account: SandboxAccount, rng: Random, order: Record) -> Record:
    """Return one charge for a shipped order."""
    values = {
        "warehouse_customer_id": order["warehouse_customer_id"],
        "object_id": order["id"],
        "object_type": "order",
        "charge_type": rng.choice(("pick_and_pack", "shipping", "packaging")),
        "amount": round(rng.uniform(1.5, 14), 2),
    }
    return make("billing", f"bill_{9000 + account.number_for('billing')}", values)


def new_return(account: SandboxAccount, rng: Random, order: Record) -> Record:
    """Return a newly announced return of an order's first shipped item."""
    line = order["shipments"][0]["line_items"][0]
    values = {
        "warehouse_customer_id": order["warehouse_customer_id"],
        "raw_status": "Pending",
        "order_id": order["id"],
        "line_items": [
            {
                "inventory_item_id": line["inventory_item_id"],
                "sku": line["sku"],
                "expected_quantity": line["quantity"],
                "received_quantity": 0,
                "restocked_quantity": 0,
                "return_reason": rng.choice(("Damaged", "Changed mind", "Wrong item")),
                "quantity": line["quantity"],
                "warehouse_id": None,
                "returned_date": None,
            }
        ],
    }
    return make("returns", f"ret_{account.number_for('returns')}", values)


def receive_return(record: Record, warehouse_id: str, when: float, tracking: str) -> int:
    """Mark a return as arrived. Return how many units go back to stock; damaged goods don't."""
    line = record["line_items"][0]
    good = line["return_reason"] != "Damaged"
    line["received_quantity"] = line["expected_quantity"]
    line["restocked_quantity"] = line["expected_quantity"] if good else 0
    condition, disposition = ("new", "restocked") if good else ("damaged", "discarded")
    details = [{"quantity": line["expected_quantity"], "condition": condition, "disposition": disposition}]
    moved = {"inventory_item_id": line["inventory_item_id"], "sku": line["sku"], "quantity": line["expected_quantity"]}
    record["shipments"] = [
        {
            "tracking_number": tracking,
            "shipped_date": iso(when - 2 * DAY),
            "arrived_date": iso(when),
            "warehouse_id": warehouse_id,
            "carrier": None,
            "carrier_id": "usps",
            "carrier_name": "USPS",
            "scac": None,
            "shipping_cost": 5.2,
            "measurements": dict.fromkeys(("length", "width", "height", "unit", "weight", "weight_unit")),
            "line_items": [moved | {"receiving_details": details}],
        }
    ]
    record["status"], record["raw_status"] = "received", "Complete"
    return int(line["restocked_quantity"])


def _old_return(account: SandboxAccount, rng: Random, order: Record, created: int, now: int) -> Record:
    record = new_return(account, rng, order)
    arrived = created + rng.randint(1, 6) * DAY
    if arrived < now:
        receive_return(record, order["warehouse_id"], arrived, f"9400{rng.randint(10**9, 10**10)}")
    return stamped(record, created, min(arrived, now), now, lag=900)


def new_inbound(account: SandboxAccount, rng: Random, merchant: str, expected: float) -> Record:
    """Return an inbound shipment to a warehouse: two to six items of one supplier."""
    supplier, name, _, city, country = rng.choice([s for s in SUPPLIERS if s[2] == merchant])
    number = account.number_for("inbound-shipments")
    offered = [p for p in account.goods.sold[merchant] if p["supplier_object"]["supplier_id"] == supplier]
    singles = [product for product in offered if not product["is_kit"]]
    lines = [
        {
            "inventory_item_id": product["inventory_items"][0]["inventory_item_id"],
            "sku": product["sku"],
            "expected_quantity": rng.choice((24, 48, 60, 100, 144)),
            "received_quantity": 0,
            "unit_cost": account.goods.costs[product["inventory_items"][0]["inventory_item_id"]],
            "external_id": product["supplier_products"][0]["external_id"],
        }
        for product in rng.sample(singles, rng.randint(2, 6))
    ]
    values = {
        "warehouse_customer_id": merchant,
        "purchase_order_number": f"PO-{2200 + number}",
        "raw_status": "Pending",
        "supplier_object": {"supplier_id": supplier, "supplier_name": name},
        "expected_arrival_date": iso(expected - expected % DAY),
        "warehouse_id": rng.choice(WAREHOUSE_IDS),
        "line_items": lines,
        "ship_from_address": address(None, city, None, None, country),
        "tracking_numbers": [f"MSKU{rng.randint(10**6, 10**7 - 1)}"],
    }
    return make("inbound-shipments", f"inb_{500 + number}", values)


def receive(account: SandboxAccount, shipment: Record, amounts: list[int], when: float) -> Record:
    """Add a receipt with a quantity per line and return it; close the shipment when everything has arrived."""
    lines = []
    for line, amount in zip(shipment["line_items"], amounts, strict=True):
        if amount:
            line["received_quantity"] += amount
            lines.append({"inventory_item_id": line["inventory_item_id"], "sku": line["sku"], "quantity": amount})
    receipt = {"id": f"rcp_{account.number_for('receipts')}", "arrived_date": iso(when), "line_items": lines}
    shipment["receipts"].append(receipt)
    whole = all(line["received_quantity"] >= line["expected_quantity"] for line in shipment["line_items"])
    shipment["status"] = "received" if whole else "receiving"
    shipment["raw_status"] = "Closed" if whole else "Partially received"
    return receipt


def outstanding(shipment: Record) -> list[int]:
    """Return the outstanding quantity of each line."""
    return [max(0, line["expected_quantity"] - line["received_quantity"]) for line in shipment["line_items"]]


def _inbound_shipments(account: SandboxAccount, rng: Random, now: int) -> dict[tuple[str, str], int]:
    """Add eighty inbound shipments of the last sixty days. Return what is still expected by item and warehouse."""
    awaiting: dict[tuple[str, str], int] = {}
    for place in range(80):
        created = now - SPAN + place * SPAN // 80
        record = new_inbound(account, rng, rng.choice(MERCHANTS)[0], created + 12 * DAY)
        updated = _age_inbound(account, rng, record, created, now)
        stamped(record, created, updated, now, lag=rng.randint(60, HOUR))
        account.put("inbound-shipments", record)
        if record["status"] in ("open", "in-transit", "receiving"):
            for line, amount in zip(record["line_items"], outstanding(record), strict=True):
                key = (line["inventory_item_id"], record["warehouse_id"])
                awaiting[key] = awaiting.get(key, 0) + amount
    return awaiting


def _age_inbound(account: SandboxAccount, rng: Random, record: Record, created: int, now: int) -> int:
    """Advance an inbound shipment as far as its age allows. Return when it last changed."""
    age = now - created
    if age > 16 * DAY:
        if rng.random() < 0.05:
            record["status"], record["raw_status"] = "cancelled", "Canceled"
            return created + 2 * DAY
        receive(account, record, outstanding(record), created + 13 * DAY)
        return created + 13 * DAY
    if age > 12 * DAY:
        receive(account, record, [amount // 2 for amount in outstanding(record)], created + 12 * DAY)
        return created + 12 * DAY
    if age > 5 * DAY:
        record["status"], record["raw_status"] = "in-transit", "Shipped"
        return created + 5 * DAY
    return created


def _item(
    account: SandboxAccount,
    rng: Random,
    product: Record,
    committed: dict[tuple[str, str], int],
    awaiting: dict[tuple[str, str], int],
    now: int,
) -> Record:
    item_id, sku = product["inventory_items"][0]["inventory_item_id"], product["sku"]
    blank: Record = dict.fromkeys(COUNTERS, 0)
    by_warehouse = {}
    for warehouse in WAREHOUSE_IDS:
        by_warehouse[warehouse] = blank | {
            "awaiting": awaiting.get((item_id, warehouse), 0),
            "committed": committed.get((item_id, warehouse), 0),
            "unfulfillable": rng.choice((0, 0, 0, 0, 1, 2)),
            "fulfillable": 0 if rng.random() < 0.04 else rng.randint(8, 160),
            "unsellable": None,
        }
    number = int(item_id.removeprefix("inv_"))
    codes = {key: code for key, _, code, _ in WAREHOUSES}
    # A third of the goods are kept by lot, one lot to a warehouse.
    lots = [
        {
            "lot_id": f"L-{number}-{warehouse[3:]}",
            "onhand": 0,
            "expiration_date": iso(now - now % DAY + rng.randint(60, 700) * DAY),
            "warehouse_id": warehouse,
        }
        for warehouse in WAREHOUSE_IDS
        if number % 3 == 0
    ]
    locations = [
        {"location_id": f"{codes[warehouse]}/{RACKS[number % len(RACKS)]}", "quantity": 0, "warehouse_id": warehouse}
        for warehouse in WAREHOUSE_IDS
    ]
    values = {
        "warehouse_customer_id": product["warehouse_customer_id"],
        "name": product["name"],
        "sku": sku,
        "unit_cost": account.goods.costs[item_id],
        "active": product["active"],
        "inventory_by_warehouse_id": by_warehouse,
        "lots": lots,
        "locations": locations,
        "measurements": {
            "length": rng.randint(3, 20),
            "width": rng.randint(3, 16),
            "height": rng.randint(1, 12),
            "unit": "in",
            "weight": round(rng.uniform(0.2, 9), 1),
            "weight_unit": "lb",
        },
    }
    created = now - rng.randint(150, 500) * DAY
    updated = now - rng.randint(60, 10 * DAY)
    return stamped(settle(make("inventory", item_id, values)), created, updated, now, lag=rng.randint(30, HOUR))
