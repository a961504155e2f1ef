"""The static data: merchants, warehouses, methods, suppliers, channels, products. Depends only on the seed."""

from dataclasses import dataclass, field
from random import Random

from .entities import ADDRESS7, blank
from .store import Record, iso

DAY = 86_400
MERCHANTS = (
    ("wc_204", "Northbay Goods", "ops@northbay.example", "NB"),
    ("wc_311", "Harbor & Pine", "fulfillment@harborpine.example", "HP"),
)
WAREHOUSES = (
    ("wh_east", "Allentown", "ABE-2", ("400 Dock St", "Allentown", "PA", "18101")),
    ("wh_mid", "Columbus", "CMH-1", ("2210 Rickenbacker Pkwy", "Columbus", "OH", "43217")),
    ("wh_west", "Reno", "RNO-4", ("95 Lockheed Way", "Reno", "NV", "89506")),
)
METHODS = (
    ("ups_ground", "UPS Ground", "ups", "UPS", "UPSN"),
    ("ups_2day", "UPS 2nd Day Air", "ups", "UPS", "UPSN"),
    ("usps_ground", "USPS Ground Advantage", "usps", "USPS", "USPS"),
    ("usps_priority", "USPS Priority Mail", "usps", "USPS", "USPS"),
    ("fedex_home", "FedEx Home Delivery", "fedex", "FedEx", "FDEG"),
    ("fedex_overnight", "FedEx Standard Overnight", "fedex", "FedEx", "FDEN"),
    ("ltl_freight", "LTL Freight", "odfl", "Old Dominion", "ODFL"),
)
CHANNELS = (
    ("shopify-nb", "Northbay Shopify", "wc_204"),
    ("amazon-nb", "Northbay Amazon", "wc_204"),
    ("wholesale-nb", "Northbay Wholesale", "wc_204"),
    ("shopify-hp", "Harbor & Pine Shopify", "wc_311"),
    ("etsy-hp", "Harbor & Pine Etsy", "wc_311"),
)
SUPPLIERS = (
    ("sup_1", "Clayworks", "wc_204", "Aveiro", "PT"),
    ("sup_2", "Tidewater Textiles", "wc_204", "Porto", "PT"),
    ("sup_3", "Lumen & Sons", "wc_204", "Leeds", "GB"),
    ("sup_4", "Cedar Mill", "wc_311", "Tacoma", "US"),
    ("sup_5", "Fjordline", "wc_311", "Bergen", "NO"),
    ("sup_6", "Kiln Street", "wc_311", "Stoke", "GB"),
)
COLOURS = ["Blue", "Slate", "Moss", "Sand", "Ember", "Ivory", "Coal", "Rust", "Fern", "Plum"]
THINGS = {
    "wc_204": [
        "Mug",
        "Plate",
        "Bowl",
        "Apron",
        "Tea Towel",
        "Pitcher",
        "Tray",
        "Candle",
        "Vase",
        "Coaster Set",
        "Napkin Set",
        "Lamp",
    ],
    "wc_311": [
        "Blanket",
        "Cutting Board",
        "Beanie",
        "Soap Bar",
        "Wool Sock",
        "Throw Pillow",
        "Basket",
        "Stool",
        "Frame",
        "Hook Rack",
        "Rug",
        "Jar",
    ],
}
RACKS = tuple(f"{aisle}-{bay:02}-{level:02}" for aisle in "ABCD" for bay in range(1, 6) for level in range(1, 4))


@dataclass
class Catalogue:
    """Records by entity, and the short lists that orders choose from."""

    records: dict[str, list[Record]] = field(default_factory=dict)
    sold: dict[str, list[Record]] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)


def address(street: str | None, city: str, state: str | None, postal_code: str | None, country: str) -> Record:
    """Return a Trackstar address with its seven keys."""
    return ADDRESS7 | {
        "address1": street,
        "city": city,
        "state": state,
        "postal_code": postal_code,
        "country": country,
    }


WAREHOUSE_ADDRESSES = {key: address(*place, "US") for key, _, _, place in WAREHOUSES}


def stamped(record: Record, created: float, updated: float, now: float, lag: int = 0) -> Record:
    """Return the record with its four dates: Trackstar learns of a change `lag` seconds after the WMS made it."""
    record["created_date"] = iso(created)
    record["updated_date"] = iso(updated)
    record["trackstar_created_date"] = iso(min(created + lag, now))
    record["trackstar_updated_date"] = iso(min(updated + lag, now))
    return record


def make(entity: str, identity: str, values: Record) -> Record:
    """Return a complete record from its non-empty values."""
    return blank(entity) | {"id": identity} | values


def catalogue(rng: Random, now: float) -> Catalogue:
    """Return all static data, with dates long past."""
    made = Catalogue()
    made.records = {
        "warehouse-customers": [
            make("warehouse-customers", key, {"name": name, "email": mail}) for key, name, mail, _ in MERCHANTS
        ],
        "warehouses": [
            make("warehouses", key, {"name": name, "code": code, "address": dict(WAREHOUSE_ADDRESSES[key])})
            for key, name, code, _ in WAREHOUSES
        ],
        "locations": [_location(key, code, rack) for key, _, code, _ in WAREHOUSES for rack in RACKS],
        "shipping-methods": [
            make(
                "shipping-methods",
                key,
                {"name": name, "carrier": carrier, "carrier_id": carrier_id, "carrier_name": carrier, "scac": scac},
            )
            for key, name, carrier_id, carrier, scac in METHODS
        ],
        "suppliers": [
            make("suppliers", key, {"name": name, "warehouse_customer_id": merchant})
            for key, name, merchant, *_ in SUPPLIERS
        ],
        "channels": [
            make("channels", key, {"name": name, "warehouse_customer_id": merchant}) for key, name, merchant in CHANNELS
        ],
        "products": [],
    }
    for merchant, _, _, prefix in MERCHANTS:
        _add_products(made, rng, merchant, prefix)
    for records in made.records.values():
        for record in records:
            created = now - rng.randint(200, 700) * DAY - rng.randint(0, DAY)
            stamped(record, created, created + rng.randint(0, 150) * DAY, now, lag=rng.randint(60, 3600))
    return made


def _location(warehouse: str, code: str, rack: str) -> Record:
    return make(
        "locations",
        f"{code}/{rack}",
        {
            "name": rack,
            "warehouse_id": warehouse,
            "type": "bin" if rack[0] in "ABC" else "pallet",
            "measurements": {
                "length": 48,
                "width": 40,
                "height": 60,
                "unit": "in",
                "weight": None,
                "weight_unit": None,
            },
        },
    )


def _add_products(made: Catalogue, rng: Random, merchant: str, prefix: str) -> None:
    """Add a hundred and twenty products of one merchant and six kits made of them."""
    singles = []
    for thing in THINGS[merchant]:
        for colour in COLOURS:
            name = f"{colour} {thing}"
            sku = f"{prefix}-{''.join(word[:3] for word in thing.upper().split())}-{colour[:3].upper()}"
            number = len(made.records["products"]) + 1
            parts = [{"inventory_item_id": f"inv_{number}", "sku": sku, "unit_quantity": 1}]
            singles.append(_product(made, rng, merchant, sku, name, parts))
    for number in range(1, 7):
        chosen = rng.sample(singles, 3)
        parts = [
            {
                "inventory_item_id": part["inventory_items"][0]["inventory_item_id"],
                "sku": part["sku"],
                "unit_quantity": n,
            }
            for n, part in enumerate(chosen, start=1)
        ]
        kit = _product(made, rng, merchant, f"{prefix}-KIT-{number}", f"Gift Set No. {number}", parts)
        kit["is_kit"] = True
    made.sold[merchant] = [
        product
        for product in made.records["products"]
        if product["active"] and product["warehouse_customer_id"] == merchant
    ]


def _product(made: Catalogue, rng: Random, merchant: str, sku: str, name: str, parts: list[Record]) -> Record:
    number = len(made.records["products"]) + 1
    supplier, supplier_name, _, _, country = rng.choice([s for s in SUPPLIERS if s[2] == merchant])
    price = rng.randint(8, 90) - rng.choice((0.01, 0.05, 0.5, 0))
    cost = round(price * rng.uniform(0.2, 0.4), 2)
    made.costs[f"inv_{number}"] = cost
    offer = {
        "supplier_id": supplier,
        "supplier_name": supplier_name,
        "external_id": f"{supplier_name[:2].upper()}-{number}",
        # Trackstar sends this one price as a string.
        "unit_cost": f"{cost:.2f}",
    }
    values = {
        "warehouse_customer_id": merchant,
        "name": name,
        "sku": sku,
        "gtin": f"08500000{number:05}",
        "unit_price": round(price, 2),
        "inventory_items": parts,
        "active": rng.random() > 0.03,
        "supplier_object": {"supplier_id": supplier, "supplier_name": supplier_name},
        "country_of_origin": country,
        "harmonized_code": str(rng.randint(400_000, 970_000)),
        "supplier_products": [offer],
    }
    record = make("products", f"prod_{number}", values)
    made.records["products"].append(record)
    return record
