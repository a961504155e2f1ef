"""Creating, picking and shipping orders: pure functions on records, used by the seed and the simulation."""

import base64
import string
from random import Random
from typing import Any

from .entities import ADDRESS11, blank
from .reference_data import CHANNELS, DAY, MERCHANTS, METHODS, WAREHOUSE_ADDRESSES, WAREHOUSES, Catalogue
from .store import Record, iso

# In life-cycle order: states before shipping.
STEPS = ("open", "confirmed", "processing", "picked", "packed")
UNFINISHED = (*STEPS, "partially_fulfilled", "backordered", "exception")
RAW = {
    "open": "pending",
    "confirmed": "Allocated",
    "processing": "Picking",
    "picked": "Picked",
    "packed": "Ready to ship",
    "partially_fulfilled": "Partially shipped",
    "fulfilled": "Shipped",
    "backordered": "Backorder",
    "exception": "Address check",
    "cancelled": "canceled",
}
FIRST = [
    "Ada",
    "Ben",
    "Chloe",
    "Dev",
    "Elif",
    "Finn",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Keiko",
    "Liam",
    "Mara",
    "Nils",
    "Omar",
    "Pia",
    "Quentin",
    "Rosa",
    "Sven",
    "Tess",
]
LAST = [
    "Quill",
    "Ortega",
    "Bauer",
    "Lindqvist",
    "Okafor",
    "Moreau",
    "Tanaka",
    "Novak",
    "Silva",
    "Byrne",
    "Haddad",
    "Costa",
    "Reyes",
    "Kaya",
    "Frost",
]
STREETS = ["Pier Rd", "Maple Ave", "Orchard Ln", "2nd St", "Hillcrest Dr", "Union Sq", "Harbor View", "Mill Rd"]
CITIES = (
    ("Portland", "ME", "04101"),
    ("Austin", "TX", "78701"),
    ("Denver", "CO", "80202"),
    ("Seattle", "WA", "98101"),
    ("Chicago", "IL", "60601"),
    ("Atlanta", "GA", "30303"),
    ("Boise", "ID", "83702"),
    ("Oakland", "CA", "94607"),
)
NO_ADDRESS = dict(ADDRESS11)
_MERCHANTS = [(key, prefix) for key, _, _, prefix in MERCHANTS]
_WAREHOUSES = [key for key, *_ in WAREHOUSES]
_CHANNELS = {key: [(c, name) for c, name, owner in CHANNELS if owner == key] for key, *_ in MERCHANTS}


def order_id(number: int) -> str:
    """Return an id like ShipHero's: base64 of Order:77011, with = signs that URLs must escape."""
    return base64.b64encode(f"Order:{number}".encode()).decode()


def draw(rng: Random, goods: Catalogue, number: int, created: float) -> Record:
    """Return a new open order as a shop sends it."""
    merchant, prefix = rng.choice(_MERCHANTS)
    channel, channel_name = rng.choice(_CHANNELS[merchant])
    lines = [_line(rng, product) for product in rng.sample(goods.sold[merchant], rng.choice((1, 1, 1, 2, 2, 3)))]
    subtotal = sum(line["quantity"] * (line["unit_price"] - line["discount_amount"]) for line in lines)
    shipping, tax = rng.choice((0, 4.95, 6, 12.5)), round(subtotal * 0.08, 2)
    order = blank("orders")
    order.update(
        id=order_id(number),
        warehouse_customer_id=merchant,
        warehouse_id=rng.choice(_WAREHOUSES),
        reference_id=str(5_550_000_000_000 + number),
        order_number=f"#{prefix}-{number}",
        raw_status=RAW["open"],
        channel=channel,
        channel_object={"channel_id": channel, "channel_name": channel_name},
        type="b2b" if channel.startswith("wholesale") else "d2c",
        service_level=rng.choice(("Standard", "Standard", "Expedited")),
        is_third_party_freight=False,
        total_price=round(subtotal + shipping + tax, 2),
        total_tax=tax,
        total_discount=round(sum(line["quantity"] * line["discount_amount"] for line in lines), 2),
        total_shipping=shipping,
        ship_to_address=_home(rng),
        line_items=lines,
        tags=rng.choice(([], [], [], ["vip"], ["gift:yes"], ["vip", "gift:yes"])),
        required_ship_date=iso(created + 3 * DAY) if rng.random() < 0.3 else None,
        saturday_delivery=False,
        signature_required=rng.random() < 0.05,
        additional_fields={"allocated": False},
    )
    return order


def _line(rng: Random, product: Record) -> Record:
    return {
        "product_id": product["id"],
        "sku": product["sku"],
        "quantity": rng.choice((1, 1, 1, 2, 3)),
        "unit_price": product["unit_price"],
        "is_picked": False,
        "discount_amount": rng.choice((0, 0, 0, 1.5)),
    }


def _home(rng: Random) -> Record:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    city, state, postal_code = rng.choice(CITIES)
    return NO_ADDRESS | {
        "full_name": f"{first} {last}",
        "address1": f"{rng.randint(1, 999)} {rng.choice(STREETS)}",
        "city": city,
        "state": state,
        "postal_code": postal_code,
        "country": "US",
        "email_address": f"{first}.{last}@shopper.example".lower(),
    }


def put_in_state(order: Record, status: str) -> None:
    """Set the status with the WMS's own word for it; lines count as picked from `picked` on."""
    order["status"], order["raw_status"] = status, RAW.get(status, status)
    if status in ("picked", "packed", "fulfilled"):
        for line in order["line_items"]:
            line["is_picked"] = True


def needs(order: Record, parts: dict[str, list[Record]]) -> list[Record]:
    """Return what still has to ship for an order: kit lines as their components, minus what its shipments took."""
    taken: dict[tuple[Any, Any], int] = {}
    for shipment in order["shipments"]:
        for line in shipment["line_items"]:
            key = (line["inventory_item_id"], line["parent_product_id"])
            taken[key] = taken.get(key, 0) + line["quantity"]
    wanted = []
    for line in order["line_items"]:
        for part in parts.get(line["product_id"], ()):
            parent = line["product_id"] if len(parts[line["product_id"]]) > 1 else None
            key = (part["inventory_item_id"], parent)
            quantity = line["quantity"] * part["unit_quantity"]
            gone = min(quantity, taken.get(key, 0))
            taken[key] = taken.get(key, 0) - gone
            if quantity > gone:
                wanted.append(
                    {
                        "inventory_item_id": key[0],
                        "sku": part["sku"],
                        "quantity": quantity - gone,
                        "parent_product_id": parent,
                    }
                )
    return wanted


def ship(rng: Random, order: Record, lines: list[Record], when: float) -> Record:
    """Add a shipment with one tracked package for the lines, and return it."""
    method, method_name, carrier, carrier_name, scac = rng.choice(METHODS[:6])
    chosen = {
        "shipping_method_id": method,
        "shipping_method_name": method_name,
        "carrier_id": carrier,
        "carrier_name": carrier_name,
        "scac": scac,
    }
    tracking = f"{'1Z' if carrier == 'ups' else '94'}{''.join(rng.choices(string.digits, k=14))}"
    number = len(order["shipments"]) + 1
    package = {
        "package_id": f"pk_{order['reference_id'][-7:]}_{number}",
        "package_name": "10x8x6",
        "tracking_number": tracking,
        "tracking_url": f"https://track.example/{tracking}",
        "shipping_method": None,
        "carrier": None,
        **chosen,
        "shipping_cost": round(rng.uniform(4, 19), 2),
        "measurements": {"length": 10, "width": 8, "height": 6, "unit": "in", "weight": 2.1, "weight_unit": "lb"},
        "line_items": [line | {"lot_id": None, "expiration_date": None} for line in lines],
    }
    shipment = {
        "shipment_id": f"shp_{order['reference_id'][-7:]}_{number}",
        "warehouse_id": order["warehouse_id"],
        "raw_status": "complete",
        "status": "shipped",
        "shipped_date": iso(when),
        "shipping_method": None,
        "line_items": lines,
        "ship_to_address": order["ship_to_address"],
        "ship_from_address": WAREHOUSE_ADDRESSES.get(order["warehouse_id"]) or dict(WAREHOUSE_ADDRESSES["wh_east"]),
        "packages": [package],
    }
    order.update(chosen)
    order["shipments"].append(shipment)
    return shipment
