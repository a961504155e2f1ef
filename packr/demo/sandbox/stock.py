"""Stock movements. In each warehouse onhand = committed + unfulfillable + fulfillable, and totals are sums."""

from .account import SandboxAccount
from .entities import COUNTERS
from .orders import needs
from .store import Record


def settle(item: Record) -> Record:
    """Recompute an item's on-hand, totals, lots and locations from its counters by warehouse."""
    by_warehouse = item["inventory_by_warehouse_id"]
    for counters in by_warehouse.values():
        for name in COUNTERS:
            # Only stock held back from channels has no counter here; records created through /_control may lack others.
            counters[name] = counters.get(name) or (None if name == "unsellable" else 0)
        counters["onhand"] = counters["committed"] + counters["unfulfillable"] + counters["fulfillable"]
        counters["sellable"] = counters["fulfillable"]
    for name in COUNTERS:
        item[name] = sum(counters[name] or 0 for counters in by_warehouse.values())
    for place, amount in (("lots", "onhand"), ("locations", "quantity")):
        for entry in item[place]:
            if entry["warehouse_id"] in by_warehouse:
                entry[amount] = by_warehouse[entry["warehouse_id"]]["onhand"]
    return item


def has(account: SandboxAccount, item_id: str, warehouse_id: str) -> int:
    """Return how many units of an item can ship from a warehouse."""
    item = account.get("inventory", item_id)
    counters = item["inventory_by_warehouse_id"].get(warehouse_id) if item else None
    return (counters.get("fulfillable") or 0) if counters else 0


def move(account: SandboxAccount, item_id: str, warehouse_id: str, **changes: int) -> None:
    """Add to an item's counters in one warehouse. Unknown and pinned items stay unchanged."""
    item = account.get("inventory", item_id)
    if item is None or (account.living and ("inventory", item_id) in account.pinned):
        return
    counters = item["inventory_by_warehouse_id"].setdefault(warehouse_id, {})
    for name, amount in changes.items():
        counters[name] = (counters.get(name) or 0) + amount
    account.save("inventory", settle(item))


def reserve(account: SandboxAccount, order: Record) -> bool:
    """Reserve stock for all of an order. Return False, and reserve nothing, if any of it is short."""
    lines = needs(order, account.parts)
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line["inventory_item_id"]] = wanted.get(line["inventory_item_id"], 0) + line["quantity"]
    warehouse = order["warehouse_id"]
    if any(has(account, item_id, warehouse) < quantity for item_id, quantity in wanted.items()):
        return False
    for item_id, quantity in wanted.items():
        move(account, item_id, warehouse, committed=quantity, fulfillable=-quantity)
    order["additional_fields"]["allocated"] = True
    return True


def release(account: SandboxAccount, order: Record) -> None:
    """Release what is still reserved for an order."""
    if order["additional_fields"].get("allocated") is not True:
        return
    for line in needs(order, account.parts):
        quantity = line["quantity"]
        move(account, line["inventory_item_id"], order["warehouse_id"], committed=-quantity, fulfillable=quantity)
    order["additional_fields"]["allocated"] = False


def take(account: SandboxAccount, order: Record, lines: list[Record]) -> None:
    """Remove shipped lines from stock, out of the order's reservation."""
    counter = "committed" if order["additional_fields"].get("allocated") is True else "fulfillable"
    for line in lines:
        move(account, line["inventory_item_id"], order["warehouse_id"], **{counter: -line["quantity"]})
