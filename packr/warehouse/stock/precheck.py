"""Stock check of a new order before it is sent."""

from decimal import Decimal

from integrations.connectors.actions import ActionKind
from integrations.models import Action

from .check import StockCheck, Wanted, check


def check_new_order(prepared: Action) -> StockCheck | None:
    """Return the stock check of a prepared order, and keep it on the order.

    Returns None if there is nothing to check, or if the order was sent before under the same key.
    """
    known = Action.objects.filter(connection=prepared.connection_id, key=prepared.key)
    if prepared.kind != ActionKind.CREATE_ORDER or known.exists():
        return None
    values = prepared.values
    lines = [line for line in values.get("line_items", ()) if line.get("sku") and line.get("quantity")]
    if not lines:
        return None
    wanted = [Wanted(line["sku"], Decimal(str(line["quantity"])), line.get("product_id")) for line in lines]
    warehouses = {one.get("warehouse_id") for one in (values, *lines)} - {None}
    warehouse = warehouses.pop() if len(warehouses) == 1 else None
    customer = values.get("warehouse_customer_id")
    found = check(prepared.connection, wanted, warehouse=warehouse, customer=customer)
    prepared.before = {**prepared.before, "stock": found.as_json()}
    return found
