"""Announcing goods, counting stock and renaming products. Facts: trytond_stock and _product 8.2 and their answers."""

from datetime import timedelta
from typing import Any

from ...http.client import Client
from ..actions import ActionRejected, ActionRequest, ActionResult
from . import lookups
from .inbound import INBOUND_SHIPMENTS, NOTICE, PURCHASE, TRANSFER
from .lookups import Values, current_record, encode_amount, encode_day, encode_quantity, search, target_id
from .payloads import encoded_moment
from .rpc import change
from .stock import PRODUCTS, VARIANTS

# Each model's field for the day on which goods are expected.
EXPECTED_DAY_FIELDS = {PURCHASE: "delivery_date", NOTICE: "planned_date", TRANSFER: "planned_date"}
MAX_CLOCK_DIFFERENCE = timedelta(minutes=2)


# --- Inbound shipments ------------------------------------------------------------------------------------------------


def create_inbound(client: Client, request: ActionRequest) -> ActionResult:
    """Announce goods from a supplier with an incoming shipment that belongs to no purchase."""
    if found := find_inbound(client, request):
        return found
    values = request.values
    supplier = lookups.find_party(client, values["supplier"], "supplier", "supplier_location")
    products = lookups.find_products(client, values["line_items"])
    warehouse = lookups.find_warehouse(client, values["warehouse_id"], "input_location", "storage_location")
    company = lookups.find_by_id(client, "company.company", client.state["context"].get("company"), "currency")
    moves = [
        {
            "product": product["id"],
            "quantity": encode_quantity(line["expected_quantity"]),
            "unit": product["default_uom"],
            "unit_price": encode_amount(line["unit_cost"]),
            "currency": company["currency"] if company else None,
            "from_location": supplier["supplier_location"],
            "to_location": warehouse["input_location"],
        }
        for line, product in zip(values["line_items"], products, strict=True)
    ]
    shipment: Values = {
        "supplier": supplier["id"],
        "warehouse": warehouse["id"],
        "warehouse_input": warehouse["input_location"],
        "warehouse_storage": warehouse["storage_location"],
        "reference": " ".join(filter(None, [values.get("purchase_order_number"), request.reference])),
        "incoming_moves": [["create", moves]],
    }
    if "expected_arrival_date" in values:
        shipment["planned_date"] = encode_day(values["expected_arrival_date"])
    created = change(client, "model.stock.shipment.in.create", [shipment])
    return current_record(client, INBOUND_SHIPMENTS, f"{NOTICE}{created[0]}")


def find_inbound(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the incoming shipment with our reference."""
    found = search(client, "stock.shipment.in", [["reference", "like", f"%{request.reference}%"]], limit=1)
    return current_record(client, INBOUND_SHIPMENTS, f"{NOTICE}{found[0]['id']}") if found else None


def update_inbound(client: Client, request: ActionRequest) -> ActionResult:
    """Change the day on which goods are expected, or the reference."""
    prefix = _model_prefix(request)
    change(client, f"model.{prefix.rstrip(',')}.write", [target_id(request)], _changed_values(request, prefix))
    return current_record(client, INBOUND_SHIPMENTS, str(request.target))


def find_updated(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the inbound shipment if it has the new values."""
    prefix = _model_prefix(request)
    wanted = _changed_values(request, prefix)
    found = lookups.find_by_id(client, prefix.rstrip(","), target_id(request), *wanted)
    is_updated = found is not None and all(found[name] == value for name, value in wanted.items())
    return current_record(client, INBOUND_SHIPMENTS, str(request.target)) if is_updated else None


def _model_prefix(request: ActionRequest) -> str:
    for prefix in EXPECTED_DAY_FIELDS:
        if str(request.target).startswith(prefix):
            return prefix
    raise ActionRejected("Tryton has no record with this ID.")


def _changed_values(request: ActionRequest, prefix: str) -> Values:
    values: dict[str, Any] = {}
    if "expected_arrival_date" in request.values:
        values[EXPECTED_DAY_FIELDS[prefix]] = encode_day(request.values["expected_arrival_date"])
    if "reference" in request.values:
        values["reference"] = request.values["reference"]
    return values


# --- Counting ---------------------------------------------------------------------------------------------------------


def adjust(client: Client, request: ActionRequest) -> ActionResult:
    """Set the quantity of an item in a warehouse's storage to what was counted."""
    variant_id = target_id(request)
    warehouse = lookups.find_warehouse(client, request.values["warehouse_id"], "storage_location")
    line = {"product": variant_id, "quantity": encode_quantity(request.values["quantity"])}
    count = {
        "location": warehouse["storage_location"],
        "company": client.state["context"].get("company"),
        "lines": [["create", [line]]],
    }
    created = change(client, "model.stock.inventory.create", [count])
    try:
        change(client, "model.stock.inventory.confirm", created)
    except ActionRejected:
        change(client, "model.stock.inventory.cancel", created)
        raise
    return current_record(client, VARIANTS, str(variant_id))


def find_adjusted(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the item if it was counted since the request. A count that is not confirmed yet is confirmed now."""
    variant_id = target_id(request)
    warehouse = lookups.find_warehouse(client, request.values["warehouse_id"], "storage_location")
    quantity = encode_quantity(request.values["quantity"])
    domain = [
        ["location", "=", warehouse["storage_location"]],
        ["state", "in", ["draft", "done"]],
        ["create_date", ">=", encoded_moment(request.asked_at - MAX_CLOCK_DIFFERENCE)],
        ["lines", "where", [["product", "=", variant_id], ["quantity", "=", quantity]]],
    ]
    found = search(client, "stock.inventory", domain, "state", limit=1)
    if not found:
        return None
    if found[0]["state"] == "draft":
        change(client, "model.stock.inventory.confirm", [found[0]["id"]])
    return current_record(client, VARIANTS, str(variant_id))


# --- Products ---------------------------------------------------------------------------------------------------------


def rename(client: Client, request: ActionRequest) -> ActionResult:
    """Rename a product's template, which gives all its variants their name."""
    variant_id = target_id(request)
    variant = lookups.find_by_id(client, "product.product", variant_id, "template")
    if variant is None:
        raise ActionRejected("Tryton no longer has this product.")
    change(client, "model.product.template.write", [variant["template"]], {"name": request.values["name"]})
    return current_record(client, PRODUCTS, str(variant_id))


def find_renamed(client: Client, request: ActionRequest) -> ActionResult | None:
    """Return the product if it has the new name."""
    product = current_record(client, PRODUCTS, str(target_id(request)))
    return product if getattr(product.record, "name", None) == request.values["name"] else None
