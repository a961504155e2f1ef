"""Announcing goods, counting stock and renaming products. Facts: trytond_stock and _product 8.2 and their answers."""

from datetime import timedelta
from typing import Any

from ...http.client import Client
from ..actions import ActionRejected, ActionRequest, ActionResult
from ..base import Page
from . import lookups
from .inbound import INBOUND_SHIPMENTS, NOTICE, PURCHASE, TRANSFER
from .lookups import encode_amount, encode_day, encode_quantity, search, target_id
from .payloads import encoded_moment
from .rpc import change
from .stock import PRODUCTS, VARIANTS

# Under which name each model keeps the day that goods are expected on.
EXPECTED = {PURCHASE: "delivery_date", NOTICE: "planned_date", TRANSFER: "planned_date"}
CLOCKS_DIFFER = timedelta(minutes=2)
ARRIVING = "model.stock.shipment.in"


def _done(external_id: str, page: Page) -> ActionResult:
    return ActionResult(external_id, next(iter(page.records), None), clock=page.clock)


def _inbound(client: Client, external_id: str) -> ActionResult:
    return _done(external_id, INBOUND_SHIPMENTS.lookup(client, [external_id]))


# --- Inbound shipments ------------------------------------------------------------------------------------------------


def create_inbound(client: Client, wish: ActionRequest) -> ActionResult:
    """Announce goods of a supplier: an incoming shipment that no purchase stands behind."""
    found = find_inbound(client, wish)
    if found:
        return found
    values = wish.values
    supplier = lookups.find_party(client, values["supplier"], "supplier", "supplier_location")
    items = lookups.find_products(client, values["line_items"])
    place = lookups.find_warehouse(client, values["warehouse_id"], "input_location", "storage_location")
    currency = lookups.find_by_id(client, "company.company", client.state["context"].get("company"), "currency") or {}
    moves = [
        {
            "product": product["id"],
            "quantity": encode_quantity(line["expected_quantity"]),
            "unit": product["default_uom"],
            "unit_price": encode_amount(line["unit_cost"]),
            "currency": currency.get("currency"),
            "from_location": supplier["supplier_location"],
            "to_location": place["input_location"],
        }
        for line, product in zip(values["line_items"], items, strict=True)
    ]
    shipment: dict[str, Any] = {
        "supplier": supplier["id"],
        "warehouse": place["id"],
        "warehouse_input": place["input_location"],
        "warehouse_storage": place["storage_location"],
        "reference": " ".join(filter(None, [values.get("purchase_order_number"), wish.reference])),
        "incoming_moves": [["create", moves]],
    }
    if "expected_arrival_date" in values:
        shipment["planned_date"] = encode_day(values["expected_arrival_date"])
    made = change(client, f"{ARRIVING}.create", [shipment])
    return _inbound(client, f"{NOTICE}{made[0]}")


def find_inbound(client: Client, wish: ActionRequest) -> ActionResult | None:
    """The incoming shipment that bears our reference."""
    found = search(client, "stock.shipment.in", [["reference", "like", f"%{wish.reference}%"]], limit=1)
    return _inbound(client, f"{NOTICE}{found[0]['id']}") if found else None


def update_inbound(client: Client, wish: ActionRequest) -> ActionResult:
    """Change the day that goods are expected on, or the reference."""
    prefix = _prefix(wish)
    change(client, f"model.{prefix.rstrip(',')}.write", [target_id(wish)], _changes(wish, prefix))
    return _inbound(client, str(wish.target))


def find_updated(client: Client, wish: ActionRequest) -> ActionResult | None:
    """Whether it has the values by now."""
    prefix = _prefix(wish)
    wanted = _changes(wish, prefix)
    found = lookups.find_by_id(client, prefix.rstrip(","), target_id(wish), *wanted)
    return _inbound(client, str(wish.target)) if found and all(found[key] == wanted[key] for key in wanted) else None


def _prefix(wish: ActionRequest) -> str:
    for prefix in EXPECTED:
        if str(wish.target).startswith(prefix):
            return prefix
    raise ActionRejected("Tryton knows nothing of this id.")


def _changes(wish: ActionRequest, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "expected_arrival_date" in wish.values:
        found[EXPECTED[prefix]] = encode_day(wish.values["expected_arrival_date"])
    if "reference" in wish.values:
        found["reference"] = wish.values["reference"]
    return found


# --- Counting ---------------------------------------------------------------------------------------------------------


def adjust(client: Client, wish: ActionRequest) -> ActionResult:
    """Set what the storage of a warehouse holds of an item to what was counted."""
    item = target_id(wish)
    place = lookups.find_warehouse(client, wish.values["warehouse_id"], "storage_location")
    line = {"product": item, "quantity": encode_quantity(wish.values["quantity"])}
    counted = {
        "location": place["storage_location"],
        "company": client.state["context"].get("company"),
        "lines": [["create", [line]]],
    }
    made = change(client, "model.stock.inventory.create", [counted])
    try:
        change(client, "model.stock.inventory.confirm", made)
    except ActionRejected:
        change(client, "model.stock.inventory.cancel", made)
        raise
    return _done(str(item), VARIANTS.lookup(client, [str(item)]))


def find_adjusted(client: Client, wish: ActionRequest) -> ActionResult | None:
    """The count that was made of this item at this time; one that was not confirmed yet is confirmed."""
    item = target_id(wish)
    place = lookups.find_warehouse(client, wish.values["warehouse_id"], "storage_location")
    domain = [
        ["location", "=", place["storage_location"]],
        ["state", "in", ["draft", "done"]],
        ["create_date", ">=", encoded_moment(wish.asked_at - CLOCKS_DIFFER)],
        ["lines", "where", [["product", "=", item], ["quantity", "=", encode_quantity(wish.values["quantity"])]]],
    ]
    found = search(client, "stock.inventory", domain, "state", limit=1)
    if not found:
        return None
    if found[0]["state"] == "draft":
        change(client, "model.stock.inventory.confirm", [found[0]["id"]])
    return _done(str(item), VARIANTS.lookup(client, [str(item)]))


# --- Products ---------------------------------------------------------------------------------------------------------


def rename(client: Client, wish: ActionRequest) -> ActionResult:
    """Rename a product: its template, which its variants share."""
    number = target_id(wish)
    found = lookups.find_by_id(client, "product.product", number, "template")
    if found is None:
        raise ActionRejected("Tryton no longer has this product.")
    change(client, "model.product.template.write", [found["template"]], {"name": wish.values["name"]})
    return _done(str(number), PRODUCTS.lookup(client, [str(number)]))


def find_renamed(client: Client, wish: ActionRequest) -> ActionResult | None:
    """Whether the product has the name by now."""
    page = PRODUCTS.lookup(client, [str(target_id(wish))])
    has = any(getattr(record, "name", None) == wish.values["name"] for record in page.records)
    return _done(str(wish.target), page) if has else None
