"""Steps shared by the tests with real processes: a first sync of the sandbox's orders and the check of its result."""

import signal
from decimal import Decimal
from typing import Any

from tests.kit.processes import SANDBOX_CREDENTIALS, Packr, Process, Sandbox, until

FIRST_RUN = """SELECT state, pages, seen, created, rejected FROM syncs_syncrun
               WHERE entity = 'orders' AND "trigger" = 'first'"""


def connect(packr: Packr, wms: Sandbox, *options: str, name: str = "WMS", token: str = "sandbox-1") -> str:
    """Connect to the sandbox with a lookback that covers its whole order list."""
    credentials = SANDBOX_CREDENTIALS | {"access_token": token}
    return packr.connect("trackstar", wms.url, credentials, "--lookback-days", "90", *options, name=name)


def pages(packr: Packr) -> int:
    ((_, pages, *_),) = packr.rows(FIRST_RUN)
    return int(pages)


def further(packr: Packr, than: int, seconds: float) -> int:
    """Wait until more pages are written, and return their number."""
    until(lambda: pages(packr) > than, f"the sync got further than page {than}", seconds)
    return pages(packr)


def orders_are_being_read(packr: Packr) -> bool:
    ((state, *_),) = packr.rows(FIRST_RUN)
    return bool(state == "running")


def stop(packr: Packr, cluster: Process, *, seconds: float = 10) -> None:
    """Stop the cluster. It must end without an error within `seconds` and leave no process behind."""
    cluster.signal(signal.SIGTERM)
    assert cluster.ends(seconds) == 0
    assert packr.pids() == []


# --- The sandbox's records in the form of Packr's export -------------------------------------------------------------


def as_listed(packr: Packr, wms: Sandbox, connection: str) -> str:
    """Check that every order and shipment is exported once and equals the listing. Return what was compared."""
    listed = wms.listing("/wms/orders")
    orders, sent = packr.exports(connection, "orders", "order-shipments")
    compared = same(orders, {order["id"]: as_exported(order) for order in listed})
    shipments = {
        f"{order['id']}/{one['shipment_id']}": as_shipment(order, one) for order in listed for one in order["shipments"]
    }
    compared += same(sent, shipments)
    return f"{len(listed)} orders and {len(shipments)} shipments as listed: {compared} values compared"


SAME = ("order_number", "reference_id", "status", "raw_status", "warehouse_id", "warehouse_customer_id", "tags")
AMOUNTS = ("total_price", "total_tax", "total_discount", "total_shipping")


def amount(value: Any) -> str | None:
    """Return a number as exact text."""
    if value is None:
        return None
    return format(Decimal(str(value)).normalize(), "f")


def as_exported(order: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: order[name] for name in SAME},
        **{name: amount(order[name]) for name in AMOUNTS},
        "created_at": order["created_date"],
        "updated_at": order["updated_date"],
        "invoice_currency_code": order["invoice_currency_code"],
        "line_items": [
            {
                **line,
                **{name: amount(line[name]) for name in ("quantity", "unit_price", "discount_amount")},
            }
            for line in order["line_items"]
        ],
    }


def as_shipment(order: dict[str, Any], shipment: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: shipment[name] for name in ("shipment_id", "warehouse_id", "status", "raw_status", "shipped_date")},
        "order_id": order["id"],
        "line_items": [{**line, "quantity": amount(line["quantity"])} for line in shipment["line_items"]],
    }


def same(exported: list[dict[str, Any]], expected: dict[str, dict[str, Any]]) -> int:
    """Check that every record is exported once with the expected values. Return how many values were compared."""
    assert len(exported) == len(expected)
    assert {record["external_id"] for record in exported} == expected.keys()
    for record in exported:
        wanted = expected[record["external_id"]]
        assert {name: record[name] for name in wanted} == wanted
    return sum(len(wanted) for wanted in expected.values())
