"""Connections as Trackstar describes them, and the passthrough that sets ShipHero's holds."""

import re
from typing import Any

from .account import SandboxAccount, connection_id
from .http_types import SandboxAnswer, SandboxRequest, body_object, invalid, refusal
from .orders import put_in_state
from .store import Record, iso
from .world import SandboxWorld

FUNCTIONS = {
    "get_orders": 3600,
    "get_inventory": 3600,
    "get_products": 3600,
    "get_inbound_shipments": 3600,
    "get_returns": 3600,
    "get_bills": 3600,
    "get_warehouses": 43_200,
    "get_shipping_methods": 43_200,
    "get_warehouse_customers": 43_200,
    "get_warehouse_locations": 43_200,
}
WRITES = [
    "create_order",
    "update_order",
    "cancel_order",
    "create_order_shipment",
    "create_inbound_shipment",
    "update_inbound_shipment",
    "receive_inbound_shipment",
    "adjust_inventory",
    "create_product",
    "update_product",
]
SYNCABLE = (*FUNCTIONS, "get_inventory_ledger", "get_shipments")
HOLDS = ("payment_hold", "operator_hold", "fraud_hold", "address_hold", "client_hold")
_HELD_STATES = ("fulfilled", "cancelled")


def describe(account: SandboxAccount, *, ready: bool = True, errors: list[Any] | None = None) -> Record:
    """Return the connection of an account; `ready` is False during its first sync at Trackstar."""
    now = account.clock()
    schedules = [
        {
            "function_name": name,
            "latest_sync": None,
            "last_crawl_start": iso(now - 3),
            "last_crawl_end": iso(now - 1),
            "latest_data": iso(now - 3),
            "sync_frequency": frequency,
            "in_progress": not ready,
            "sync_status": "enabled" if ready else "first_sync_in_progress",
        }
        for name, frequency in FUNCTIONS.items()
    ]
    actions = [*FUNCTIONS, *WRITES]
    return {
        "connection_id": account.connection_id,
        "integration_name": "shiphero",
        "integration_display_name": "ShipHero",
        "integration_type": "wms",
        "customer_id": account.settings["customer_id"],
        "created_at": iso(account.started - 90 * 86_400),
        "last_used": iso(now),
        "times_used": account.calls,
        "latest_sync": None,
        "available_actions": actions,
        "available_endpoints": actions,
        "webhooks_disabled": account.settings["webhooks_disabled"],
        "sync_schedules": schedules,
        "historical_sync_completed": dict.fromkeys(FUNCTIONS, ready),
        "errors": errors or [],
    }


def find(world: SandboxWorld, identity: str) -> SandboxAccount:
    """Return the account of a connection id, else 404. Of untouched accounts, the first hundred are known."""
    numbers = {account.number for account in world.touched()} | set(range(1, 101))
    for number in sorted(numbers):
        if connection_id(number) == identity:
            return world.account(number)
    raise refusal(404, "Connection not found", id=identity)


def change(account: SandboxAccount, request: SandboxRequest) -> SandboxAnswer:
    """Answer PATCH /connections."""
    body = body_object(request)
    unknown = {name: ["Unknown field."] for name in body if name not in account.settings}
    if unknown:
        raise invalid("json", unknown)
    account.settings.update(body)
    return SandboxAnswer(value={"id": account.connection_id, "object": "connection", "updated": True})


def sync(account: SandboxAccount, request: SandboxRequest) -> SandboxAnswer:
    """Answer POST /connections/sync: Trackstar promises a crawl immediately; the sandbox's copy is never behind."""
    wanted = body_object(request).get("functions_to_sync", [])
    if not isinstance(wanted, list) or any(name not in SYNCABLE for name in wanted):
        raise invalid("json", {"functions_to_sync": ["Must be a list of known functions."]})
    return SandboxAnswer(value={"id": account.connection_id, "syncing": True, "functions_to_sync": wanted})


def passthrough(account: SandboxAccount, request: SandboxRequest) -> SandboxAnswer:
    """Answer POST /wms/passthrough: 200 with the WMS's own answer inside, whatever that is."""
    body = body_object(request)
    missing = {name: ["Missing data for required field."] for name in ("method", "path") if not body.get(name)}
    if missing:
        raise invalid("json", missing)
    if body["method"] not in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        raise invalid("json", {"method": ["Must be one of: GET, POST, PUT, PATCH, DELETE."]})
    status, answer = _graphql(account, body)
    headers = {"content-type": "application/json"}
    return SandboxAnswer(value={"status_code": status, "headers": headers, "body": answer})


def _graphql(account: SandboxAccount, body: Record) -> tuple[int, Record]:
    data = body.get("data")
    query = data.get("query") if isinstance(data, dict) else None
    if body["method"] != "POST" or not str(body["path"]).rstrip("/").endswith("graphql") or not isinstance(query, str):
        return 404, {"message": "Not Found"}
    if "order_update_holds" not in query:
        return 200, {"errors": [{"message": "Only order_update_holds is known here.", "code": 3}], "data": None}
    wanted = _holds_wanted(query, data.get("variables") if isinstance(data, dict) else None)
    order = account.get("orders", str(wanted.get("order_id")))
    if order is None:
        return 200, {"errors": [{"message": "Order not found", "code": 5, "field": "order_id"}], "data": None}
    held = set_hold(account, order, {name: wanted[name] for name in HOLDS if isinstance(wanted.get(name), bool)})
    if held is None:
        return 200, {"errors": [{"message": f"Order is {order['status']}", "code": 10}], "data": None}
    holds = dict.fromkeys((*HOLDS, "shipping_method_hold"), False) | held
    answer = {"request_id": f"{account.calls:010x}", "complexity": 1, "order": {"id": order["id"], "holds": holds}}
    return 200, {"data": {"order_update_holds": answer}}


def _holds_wanted(query: str, variables: object) -> Record:
    """Return the mutation's input, from its variables or from the query itself."""
    candidates = variables.values() if isinstance(variables, dict) else ()
    for value in (variables, *candidates):
        if isinstance(value, dict) and "order_id" in value:
            return value
    written: Record = {name: value == "true" for name, value in re.findall(r"(\w+_hold)\s*:\s*(true|false)", query)}
    if found := re.search(r'order_id\s*:\s*"([^"]*)"', query):
        written["order_id"] = found[1]
    return written


def set_hold(account: SandboxAccount, order: Record, wanted: dict[str, bool]) -> dict[str, bool] | None:
    """Set and clear holds: a held order is an exception with the raw status On hold. Return None if it is too late."""
    if order["status"] in _HELD_STATES:
        return None
    holds = {**account.holds.get(order["id"], {}), **wanted}
    before = account.held.get(order["id"])
    if any(holds.values()) and before is None:
        account.held[order["id"]] = (order["status"], order["raw_status"])
        order["status"], order["raw_status"] = "exception", "On hold"
    elif not any(holds.values()) and before is not None:
        del account.held[order["id"]]
        put_in_state(order, before[0])
        order["raw_status"] = before[1]
    account.holds[order["id"]] = holds
    account.save("orders", order)
    return holds


def integration() -> Record:
    """Return Trackstar's description of the integration."""
    return {
        "integration_name": "shiphero",
        "display_name": "ShipHero",
        "install_method": "oauth",
        "description": "ShipHero warehouse management",
        "logo_url": None,
        "available_actions": [*FUNCTIONS, *WRITES],
    }
