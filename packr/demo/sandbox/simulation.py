"""The simulation: orders arrive, are picked and ship; stock moves; inbound shipments and returns arrive."""

from random import Random

from . import stock
from .account import SandboxAccount
from .orders import STEPS, draw, needs, put_in_state, ship
from .reference_data import DAY, MERCHANTS
from .seed import WAREHOUSE_IDS, charge, new_inbound, new_return, outstanding, receive, receive_return
from .store import Record


def tick(account: SandboxAccount) -> None:
    """Make one change to one account, stamped now. The caller holds the account's lock."""
    events = (_arrive, _advance, _cancel, _purchase, _return, _recount)
    # An order needs about six steps to ship, so steps must outnumber arrivals.
    event = account.rng.choices(events, (12, 66, 1, 12, 4, 5))[0]
    account.living = True
    try:
        event(account, account.rng)
    finally:
        account.living = False


def _chosen(account: SandboxAccount, rng: Random, entity: str) -> Record | None:
    moving = account.moving[entity]
    return account.get(entity, rng.choice(list(moving))) if moving else None


def _arrive(account: SandboxAccount, rng: Random) -> None:
    order = draw(rng, account.goods, account.number_for("orders"), account.clock())
    if not stock.reserve(account, order):
        put_in_state(order, "backordered")
    account.save("orders", order)


def _advance(account: SandboxAccount, rng: Random) -> None:
    """Advance one order: five times in six one of the newest, so that old problems stay old."""
    moving = list(account.moving["orders"])
    if not moving:
        return
    order = account.get("orders", rng.choice(moving if rng.random() < 0.17 else moving[-60:]))
    if order is None or order["id"] in account.held:
        return
    _step(account, rng, order)
    account.save("orders", order)


def _step(account: SandboxAccount, rng: Random, order: Record) -> None:
    status = order["status"]
    if status in ("backordered", "exception"):
        allocated = order["additional_fields"].get("allocated") is True
        if allocated or stock.reserve(account, order):
            put_in_state(order, "confirmed")
    elif status in STEPS[:-1]:
        put_in_state(order, STEPS[STEPS.index(status) + 1])
    else:
        lines = needs(order, account.parts)
        split = status == "packed" and len(lines) > 1 and rng.random() < 0.1
        hand_over(account, rng, order, lines[:1] if split else lines)


def hand_over(account: SandboxAccount, rng: Random, order: Record, lines: list[Record]) -> Record:
    """Ship lines of an order: add a shipment with tracking, reduce stock, and return the shipment."""
    stock.take(account, order, lines)
    shipment = ship(rng, order, lines, account.clock())
    if needs(order, account.parts):
        put_in_state(order, "partially_fulfilled")
    else:
        put_in_state(order, "fulfilled")
        order["additional_fields"]["allocated"] = False
        if rng.random() < 0.2:
            account.save("billing", charge(account, rng, order))
    return shipment


def _cancel(account: SandboxAccount, rng: Random) -> None:
    order = _chosen(account, rng, "orders")
    if order is not None and order["status"] in ("open", "confirmed", "backordered"):
        stock.release(account, order)
        put_in_state(order, "cancelled")
        account.save("orders", order)


def _purchase(account: SandboxAccount, rng: Random) -> None:
    """Advance an inbound shipment, or create one if few are on their way."""
    if len(account.moving["inbound-shipments"]) < 12:
        announce(account, new_inbound(account, rng, rng.choice(MERCHANTS)[0], account.clock() + 9 * DAY))
        return
    shipment = _chosen(account, rng, "inbound-shipments")
    if shipment is None:
        return
    if shipment["status"] == "open":
        shipment["status"], shipment["raw_status"] = "in-transit", "Shipped"
        account.save("inbound-shipments", shipment)
        return
    missing = outstanding(shipment)
    part = [amount // 2 if shipment["status"] == "in-transit" else amount for amount in missing]
    take_in(account, shipment, part)


def announce(account: SandboxAccount, shipment: Record) -> Record:
    """Store a new inbound shipment; its warehouse expects the goods."""
    for line in shipment["line_items"]:
        expected = line["expected_quantity"]
        stock.move(account, line["inventory_item_id"], shipment["warehouse_id"], awaiting=expected)
    return account.save("inbound-shipments", shipment)


def take_in(account: SandboxAccount, shipment: Record, amounts: list[int]) -> Record:
    """Receive quantities of a shipment's lines: on-hand rises, expected falls. Return the shipment."""
    before = outstanding(shipment)
    receipt = receive(account, shipment, amounts, account.clock())
    came = [after - then for after, then in zip(before, outstanding(shipment), strict=True)]
    for line, amount, less in zip(shipment["line_items"], amounts, came, strict=True):
        if amount and receipt["line_items"]:
            stock.move(account, line["inventory_item_id"], shipment["warehouse_id"], awaiting=-less, fulfillable=amount)
    return account.save("inbound-shipments", shipment)


def _return(account: SandboxAccount, rng: Random) -> None:
    """Announce a customer's return, or let one arrive."""
    record = _chosen(account, rng, "returns")
    if record is not None and rng.random() < 0.6:
        warehouse = rng.choice(WAREHOUSE_IDS)
        restocked = receive_return(record, warehouse, account.clock(), f"9400{rng.randint(10**9, 10**10)}")
        if restocked:
            stock.move(account, record["line_items"][0]["inventory_item_id"], warehouse, fulfillable=restocked)
        account.save("returns", record)
        return
    rows = account.tables["orders"].rows[-400:]
    row = rng.choice(rows) if rows else None
    order = account.get("orders", row.id) if row and ("orders", row.id) not in account.pinned else None
    if order is not None and order["status"] == "fulfilled" and order["shipments"]:
        account.save("returns", new_return(account, rng, order))


def _recount(account: SandboxAccount, rng: Random) -> None:
    """Change stock by a cycle count: a few more, or some damaged."""
    rows = account.tables["inventory"].rows
    if not rows:
        return
    row, warehouse = rng.choice(rows), rng.choice(WAREHOUSE_IDS)
    if ("inventory", row.id) in account.pinned:
        return
    if stock.has(account, row.id, warehouse) > 5 and rng.random() < 0.6:
        stock.move(account, row.id, warehouse, fulfillable=-1, unfulfillable=1)
    else:
        stock.move(account, row.id, warehouse, fulfillable=rng.randint(1, 4))
