"""Compare Packr's export with the data in Tryton. Runs in Tryton's own environment.

    python compare.py PEER.json EXPORTS [--self-test]

Reads Tryton over the network by its own client library (proteus, XML-RPC), table by table, and Packr's export from
EXPORTS/<entity>.jsonl. Prints entity, rows and fields compared. Ends with 1, naming the first differences, when
anything differs, when an entity has no rows and when one is left out. With --self-test every compared field of one
record per entity is altered in turn, and each alteration must be noticed.

The expected records, defined independently of the connector:

orders            `sale.sale`. order_number = number (null until quoted), reference_id = reference, customer = company.
                  raw_status = `state/shipment_state`. status: draft, quotation: open; cancelled: cancelled; confirmed:
                  confirmed; then by shipment_state, exception: exception; sent: fulfilled; partially shipped:
                  partially_fulfilled; any other: fulfilled if the sale is done, else processing; but cancelled when
                  shipment_state is none and all its moves are cancelled. Held (a draft with a number; processing, and
                  what is left to ship all in draft): exception, with `, on hold` after the raw status. Lines are
                  those of type `line` in the order's own sequence, quantity and price as on the document. A line is
                  picked when it has moves that are not cancelled, all of them in shipments that are picked or further.
order-shipments   `stock.shipment.out`. order_id is the one sale its moves come from (several: the lowest id; the rest
                  in extra.order_ids). done, shipped: shipped; cancelled: cancelled; any other: open. Lines are its
                  outgoing moves: without the cancelled ones, unless the shipment itself is cancelled.
inventory         every variant of type goods or assets. onhand by warehouse = Tryton's quantity there (done moves, the
                  receiving and shipping zones included); onhand = their sum.
products          `product.product`. name and price of its template; active only if variant and template both are.
inbound-shipments `purchase.purchase,N` (purchase): lines of type `line`; expected = ordered, received = its done moves.
                  `stock.shipment.in,N` (other), an advance notice: lines that come from a purchase are that purchase's
                  lines, already counted there, so they stand in extra.purchase_lines and not in line_items; line_items
                  has only goods without a purchase. Once received it is a receipt of each of its purchases.
                  `stock.shipment.internal,N` (transfer): what arrives at the destination.
customers         `company.company`; warehouses: `stock.location` of type warehouse; shipping-methods: `carrier`.

`updated_at` is the latest stamp of the rows a record is made of: sale, lines, their moves and shipments; shipment,
moves and packages; variant, template and identifiers; purchase, lines and their moves. Names and addresses that belong
to others (party, carrier) don't count; inventory has none, since its quantities carry no stamp.
"""

import datetime as dt
import json
import sys
from collections import defaultdict
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from proteus import config

BATCH = 500


class Tables:
    """Tryton's rows, read in bulk, including inactive ones."""

    def __init__(self, connection):
        self.connection = connection
        self.context = {**connection.context, "active_test": False}

    def read(self, model, fields, domain=(), **context):
        """Return {id: row} of a model. `updated` is exact to the millisecond, `created` to the second."""
        proxy = self.connection.get_proxy(model)
        context = {**self.context, **context}
        ids = proxy.search(list(domain), 0, None, [("id", "ASC")], context)
        wanted = [*fields.split(), "create_date", "_timestamp"]
        rows = [row for at in range(0, len(ids), BATCH) for row in proxy.read(ids[at : at + BATCH], wanted, context)]
        for row in rows:
            row["created"] = moment(row["create_date"])
            row["updated"] = dt.datetime.fromtimestamp(float(row["_timestamp"]), dt.UTC)
        return {row["id"]: row for row in sorted(rows, key=lambda row: row["id"])}

    @cached_property
    def moves(self):
        return self.read(
            "stock.move",
            "product quantity state origin shipment unit_price effective_date from_location to_location unit",
        )

    @cached_property
    def moves_of(self):
        """Moves by their origin, such as `sale.line,7`."""
        found = defaultdict(list)
        for move in self.moves.values():
            found[move["origin"]].append(move)
        return found

    @cached_property
    def moves_in(self):
        """Moves by their shipment, such as `stock.shipment.out,7`."""
        found = defaultdict(list)
        for move in self.moves.values():
            found[move["shipment"]].append(move)
        return found

    @cached_property
    def variants(self):
        return self.read("product.product", "code template active type cost_price list_price_used identifiers")

    @cached_property
    def templates(self):
        return self.read("product.template", "name active")

    @cached_property
    def parties(self):
        return self.read("party.party", "name email phone mobile")

    @cached_property
    def carriers(self):
        return self.read("carrier", "party")

    @cached_property
    def locations(self):
        return self.read("stock.location", "name code type address parent")

    @cached_property
    def sale_lines(self):
        return self.read("sale.line", "sale type sequence product quantity unit_price")

    @cached_property
    def purchase_lines(self):
        return self.read("purchase.line", "purchase type sequence product quantity unit_price delivery_date")

    @cached_property
    def packages(self):
        return self.read("stock.package", "number shipment shipping_reference moves")

    @cached_property
    def shipments(self):
        return self.read(
            "stock.shipment.out", "number state warehouse customer delivery_address effective_date outgoing_moves"
        )

    @cached_property
    def codes(self):
        """Addresses with the codes of their countries and subdivisions."""
        countries = self.read("country.country", "code")
        parts = self.read("country.subdivision", "code")
        rows = self.read("party.address", "party party_name street city postal_code country subdivision")
        return {
            at: {
                **dict(zip(("address1", "address2", "address3"), streets(row["street"]), strict=True)),
                "city": row["city"] or None,
                "postal_code": row["postal_code"] or None,
                "country": countries[row["country"]]["code"] if row["country"] else None,
                "state": parts[row["subdivision"]]["code"].split("-", 1)[1] if row["subdivision"] else None,
                "party": row["party"],
                "name": row["party_name"] or None,
            }
            for at, row in rows.items()
        }

    def warehouse(self, location):
        """Return the warehouse of a location, None if it is in none."""
        while location and self.locations[location]["type"] != "warehouse":
            location = self.locations[location]["parent"]
        return location

    def sku(self, product):
        return (self.variants[product]["code"] or None) if product else None


def moment(value):
    return value.replace(tzinfo=dt.UTC)


def day(value):
    return f"{value.isoformat()}T00:00:00Z" if value else None


def text(value):
    return None if value is None else str(value)


def number(value):
    """Return a quantity or an amount as exact text: 12.5000 and 12.5 are `12.5`, 100.0 is `100`."""
    if value is None:
        return None
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    whole = exact.to_integral_value()
    return str(int(whole)) if exact == whole else format(exact.normalize(), "f")


def streets(street):
    """Return a street as three lines: the first, the second, all others joined."""
    lines = [line.strip() for line in (street or "").splitlines() if line.strip()]
    return [*lines[:2], *[None] * (2 - len(lines[:2])), ", ".join(lines[2:]) or None]


def stamp(*rows):
    return max(row["updated"] for row in rows)


def in_sequence(lines):
    """Return an order's lines as Tryton lists them: those without a sequence first, then by sequence, then by id."""
    return sorted(lines, key=lambda line: (line["sequence"] is not None, line["sequence"] or 0, line["id"]))


def address(place, *, full=None):
    names = ("address1", "address2", "address3", "city", "state", "postal_code", "country")
    return {name: place[name] if place else None for name in names} | (full or {})


def ship_to(tables, where, party):
    place = tables.codes.get(where)
    who = tables.parties[party]
    return address(
        place,
        full={
            "full_name": (place and place["name"]) or who["name"],
            "company": None,
            "phone_number": who["phone"] or who["mobile"] or None,
            "email_address": who["email"] or None,
        },
    )


def orders(tables):
    sales = tables.read(
        "sale.sale",
        "number reference state shipment_state company warehouse currency total_amount "
        "tax_amount party shipment_party shipment_address carrier shipping_date",
    )
    currencies = tables.read("currency.currency", "code")
    lines = defaultdict(list)
    for line in tables.sale_lines.values():
        lines[line["sale"]].append(line)
    for at, sale in sales.items():
        mine = in_sequence(lines[at])
        moves = [move for line in mine for move in tables.moves_of[f"sale.line,{line['id']}"]]
        held = on_hold(tables, sale, moves)
        party = sale["shipment_party"] or sale["party"]
        carrier = tables.parties[tables.carriers[sale["carrier"]]["party"]] if sale["carrier"] else None
        yield {
            "external_id": str(at),
            "created_at": sale["created"],
            "updated_at": stamp(
                sale,
                *mine,
                *moves,
                *(tables.shipments[int(move["shipment"].split(",")[1])] for move in moves if move["shipment"]),
            ),
            "order_number": sale["number"],
            "reference_id": sale["reference"] or None,
            "status": "exception" if held else order_status(sale["state"], sale["shipment_state"], moves),
            "raw_status": f"{sale['state']}/{sale['shipment_state']}" + (", on hold" if held else ""),
            "warehouse_customer_id": text(sale["company"]),
            "warehouse_id": text(sale["warehouse"]),
            "invoice_currency_code": currencies[sale["currency"]]["code"],
            "total_price": number(sale["total_amount"]),
            "total_tax": number(sale["tax_amount"]),
            "shipping_method_id": text(sale["carrier"]),
            "shipping_method_name": carrier and carrier["name"],
            "required_ship_date": day(sale["shipping_date"]),
            "ship_to_address": ship_to(tables, sale["shipment_address"], party),
            "line_items": [
                {
                    "product_id": text(line["product"]),
                    "sku": tables.sku(line["product"]),
                    "quantity": number(line["quantity"]),
                    "unit_price": number(line["unit_price"]),
                    "is_picked": picked(tables, tables.moves_of[f"sale.line,{line['id']}"]),
                }
                for line in mine
                if line["type"] == "line"
            ],
        }


def on_hold(tables, sale, moves):
    if sale["state"] == "draft":
        return sale["number"] is not None
    states = {tables.shipments[int(move["shipment"].split(",")[1])]["state"] for move in moves if move["shipment"]}
    return sale["state"] == "processing" and states - {"shipped", "done", "cancelled"} == {"draft"}


def order_status(state, shipment, moves):
    if state in ("draft", "quotation"):
        return "open"
    if state in ("confirmed", "cancelled"):
        return state
    if shipment == "none" and moves and {move["state"] for move in moves} == {"cancelled"}:
        return "cancelled"
    if shipment == "exception":
        return "exception"
    if shipment == "partially shipped":
        return "partially_fulfilled"
    return "fulfilled" if shipment == "sent" or state == "done" else "processing"


def picked(tables, moves):
    live = {move["shipment"] for move in moves if move["state"] != "cancelled"}
    return bool(live) and all(
        tables.shipments[int(key.split(",")[1])]["state"] not in ("draft", "waiting", "assigned") for key in live
    )


def order_shipments(tables):
    for at, shipment in tables.shipments.items():
        key = f"stock.shipment.out,{at}"
        packages = [package for package in tables.packages.values() if package["shipment"] == key]
        moves = [tables.moves[move] for move in sorted(shipment["outgoing_moves"])]
        kept = [move for move in moves if move["state"] != "cancelled" or shipment["state"] == "cancelled"]
        sales = {
            tables.sale_lines[int(move["origin"].split(",")[1])]["sale"]
            for move in moves
            if (move["origin"] or "").startswith("sale.line,")
        }
        yield {
            "external_id": str(at),
            "created_at": shipment["created"],
            "updated_at": stamp(shipment, *tables.moves_in[key], *packages),
            "order_id": str(min(sales)) if sales else None,
            "shipment_id": str(at),
            "warehouse_id": text(shipment["warehouse"]),
            "status": {"done": "shipped", "shipped": "shipped", "cancelled": "cancelled"}.get(
                shipment["state"], "open"
            ),
            "raw_status": shipment["state"],
            "shipped_date": day(shipment["effective_date"]) if shipment["state"] in ("done", "shipped") else None,
            "ship_to_address": ship_to(tables, shipment["delivery_address"], shipment["customer"]),
            "line_items": [
                {
                    "inventory_item_id": text(move["product"]),
                    "sku": tables.sku(move["product"]),
                    "quantity": number(move["quantity"]),
                    "parent_product_id": None,
                }
                for move in kept
            ],
            "packages": [
                {
                    "package_id": str(package["id"]),
                    "package_name": package["number"],
                    "tracking_number": package["shipping_reference"] or None,
                    "line_items": [
                        {
                            "inventory_item_id": text(tables.moves[move]["product"]),
                            "quantity": number(tables.moves[move]["quantity"]),
                        }
                        for move in sorted(package["moves"])
                    ],
                }
                for package in packages
            ],
        }


def inventory(tables):
    goods = [("type", "in", ["goods", "assets"])]
    company = tables.connection.context["company"]
    today = dt.date.today()
    counted = {
        at: tables.read("product.product", "quantity", goods, locations=[at], stock_date_end=today)
        for at, place in tables.locations.items()
        if place["type"] == "warehouse"
    }
    for at, variant in tables.variants.items():
        if variant["type"] not in ("goods", "assets"):
            continue
        template = tables.templates[variant["template"]]
        by_warehouse = {str(warehouse): rows[at]["quantity"] for warehouse, rows in counted.items()}
        yield {
            "external_id": str(at),
            "warehouse_customer_id": str(company),
            "name": template["name"],
            "sku": variant["code"] or None,
            "created_at": variant["created"],
            "updated_at": None,
            "active": bool(variant["active"] and template["active"]),
            "unit_cost": number(variant["cost_price"]),
            "onhand": number(sum(by_warehouse.values())),
            "inventory_by_warehouse_id": {key: {"onhand": number(value)} for key, value in by_warehouse.items()},
        }


def products(tables):
    identifiers = tables.read("product.identifier", "type code")
    for at, variant in tables.variants.items():
        template = tables.templates[variant["template"]]
        mine = [identifiers[one] for one in variant["identifiers"]]
        stocked = variant["type"] in ("goods", "assets")
        yield {
            "external_id": str(at),
            "created_at": variant["created"],
            "updated_at": stamp(variant, template, *mine),
            "name": template["name"],
            "sku": variant["code"] or None,
            "gtin": next((one["code"] for one in mine if one["type"] == "ean"), None),
            "unit_price": number(variant["list_price_used"]),
            "active": bool(variant["active"] and template["active"]),
            "inventory_items": [{"inventory_item_id": str(at), "sku": variant["code"] or None, "unit_quantity": "1"}]
            if stocked
            else [],
        }


def inbound_shipments(tables):
    notices = tables.read(
        "stock.shipment.in",
        "number reference state warehouse supplier company planned_date effective_date incoming_moves",
    )
    yield from purchases(tables)
    yield from advance_notices(tables, notices)
    yield from transfers(tables)


def purchases(tables):
    lines = defaultdict(list)
    for line in tables.purchase_lines.values():
        lines[line["purchase"]].append(line)
    for at, purchase in tables.read(
        "purchase.purchase", "number reference state shipment_state warehouse party company delivery_date"
    ).items():
        mine = in_sequence(lines[at])
        moves = [move for line in mine for move in tables.moves_of[f"purchase.line,{line['id']}"]]
        arrived = defaultdict(list)
        for move in sorted(moves, key=lambda move: move["id"]):
            if move["state"] == "done" and (move["shipment"] or "").startswith("stock.shipment.in,"):
                arrived[move["shipment"]].append(move)
        yield {
            "external_id": f"purchase.purchase,{at}",
            "kind": "purchase",
            "created_at": purchase["created"],
            "updated_at": stamp(purchase, *mine, *moves),
            "purchase_order_number": purchase["number"],
            "status": purchase_status(purchase["state"], purchase["shipment_state"]),
            "raw_status": f"{purchase['state']}/{purchase['shipment_state']}",
            "warehouse_customer_id": text(purchase["company"]),
            "warehouse_id": text(purchase["warehouse"]),
            "supplier_object": {
                "supplier_id": str(purchase["party"]),
                "supplier_name": tables.parties[purchase["party"]]["name"],
            },
            "line_items": [
                {
                    "inventory_item_id": text(line["product"]),
                    "sku": tables.sku(line["product"]),
                    "expected_quantity": number(line["quantity"]),
                    "received_quantity": done(tables.moves_of[f"purchase.line,{line['id']}"]),
                    "unit_cost": number(line["unit_price"]),
                    "external_id": f"purchase.line,{line['id']}",
                }
                for line in mine
                if line["type"] == "line"
            ],
            "receipts": [
                {
                    "id": key,
                    "arrived_date": day(arrived[key][0]["effective_date"]),
                    "line_items": [
                        {
                            "inventory_item_id": text(move["product"]),
                            "sku": tables.sku(move["product"]),
                            "quantity": number(move["quantity"]),
                        }
                        for move in arrived[key]
                    ],
                }
                for key in sorted(arrived, key=lambda key: int(key.split(",")[1]))
            ],
            "expected_arrival_date": day(
                purchase["delivery_date"]
                or min((line["delivery_date"] for line in mine if line["delivery_date"]), default=None)
            ),
            "extra.reference": purchase["reference"] or None,
        }


def done(moves):
    return number(sum((Decimal(repr(move["quantity"])) for move in moves if move["state"] == "done"), Decimal(0)))


def purchase_status(state, shipment):
    if state == "cancelled":
        return "cancelled"
    if state == "done" or shipment == "received":
        return "received"
    return {"partially shipped": "receiving", "exception": "other"}.get(shipment, "open")


def advance_notices(tables, notices):
    for at, notice in notices.items():
        key = f"stock.shipment.in,{at}"
        moves = [tables.moves[move] for move in sorted(notice["incoming_moves"])]
        moves = [move for move in moves if move["state"] != "cancelled" or notice["state"] == "cancelled"]
        bought = [move for move in moves if (move["origin"] or "").startswith("purchase.line,")]
        yield {
            "external_id": key,
            "kind": "other",
            "created_at": notice["created"],
            "updated_at": stamp(notice, *tables.moves_in[key]),
            "purchase_order_number": None,
            "status": {"draft": "open", "received": "receiving", "done": "received"}.get(
                notice["state"], notice["state"]
            ),
            "raw_status": notice["state"],
            "warehouse_customer_id": text(notice["company"]),
            "warehouse_id": text(notice["warehouse"]),
            "expected_arrival_date": day(notice["planned_date"]),
            "supplier_object": {
                "supplier_id": str(notice["supplier"]),
                "supplier_name": tables.parties[notice["supplier"]]["name"],
            },
            "line_items": [arriving(tables, move) for move in moves if move not in bought],
            "extra.number": notice["number"],
            "extra.reference": notice["reference"] or None,
            "extra.purchase_lines": [
                {
                    "purchase": f"purchase.purchase,{tables.purchase_lines[int(move['origin'][14:])]['purchase']}",
                    "line": move["origin"],
                    "inventory_item_id": text(move["product"]),
                    "sku": tables.sku(move["product"]),
                    "expected_quantity": number(move["quantity"]),
                    "received_quantity": done([move]),
                }
                for move in bought
            ],
        }


def arriving(tables, move):
    return {
        "inventory_item_id": text(move["product"]),
        "sku": tables.sku(move["product"]),
        "expected_quantity": number(move["quantity"]),
        "received_quantity": done([move]),
        "unit_cost": number(move["unit_price"]),
        "external_id": f"stock.move,{move['id']}",
    }


def transfers(tables):
    for at, shipment in tables.read(
        "stock.shipment.internal", "number reference state to_location company planned_date incoming_moves moves"
    ).items():
        key = f"stock.shipment.internal,{at}"
        # Over a transit location everything moves twice; only the moves at the destination count.
        moves = [tables.moves[move] for move in sorted(shipment["incoming_moves"] or shipment["moves"])]
        moves = [move for move in moves if move["state"] != "cancelled" or shipment["state"] == "cancelled"]
        yield {
            "external_id": key,
            "kind": "transfer",
            "created_at": shipment["created"],
            "updated_at": stamp(shipment, *tables.moves_in[key]),
            "purchase_order_number": None,
            "status": {"shipped": "in-transit", "done": "received", "cancelled": "cancelled"}.get(
                shipment["state"], "open"
            ),
            "raw_status": shipment["state"],
            "warehouse_customer_id": text(shipment["company"]),
            "warehouse_id": text(tables.warehouse(shipment["to_location"])),
            "expected_arrival_date": day(shipment["planned_date"]),
            "supplier_object": None,
            "line_items": [arriving(tables, move) for move in moves],
            "extra.number": shipment["number"],
            "extra.reference": shipment["reference"] or None,
        }


def customers(tables):
    for at, company in tables.read("company.company", "party").items():
        party = tables.parties[company["party"]]
        yield {
            "external_id": str(at),
            "created_at": company["created"],
            "updated_at": stamp(company, party),
            "name": party["name"],
            "email": party["email"] or None,
        }


def warehouses(tables):
    for at, place in tables.locations.items():
        if place["type"] == "warehouse":
            yield {
                "external_id": str(at),
                "created_at": place["created"],
                "updated_at": stamp(place),
                "name": place["name"],
                "code": place["code"] or None,
                "address": address(tables.codes[place["address"]]) if place["address"] else None,
            }


def shipping_methods(tables):
    for at, carrier in tables.carriers.items():
        party = tables.parties[carrier["party"]]
        yield {
            "external_id": str(at),
            "created_at": carrier["created"],
            "updated_at": stamp(carrier, party),
            "name": party["name"],
            "carrier_name": party["name"],
            "carrier_id": str(carrier["party"]),
        }


ENTITIES = {
    "orders": orders, "order-shipments": order_shipments, "inventory": inventory, "products": products,
    "inbound-shipments": inbound_shipments, "customers": customers, "warehouses": warehouses,
    "shipping-methods": shipping_methods,
}  # fmt: skip


def compare(truth, export):
    """Return (fields compared, differences) of one entity. Only fields of `truth` are compared."""
    compared, wrong = 0, []
    known = {record["external_id"]: record for record in truth}
    found = {record["external_id"]: record for record in export}
    if len(found) != len(export):
        wrong.append("an id is exported twice")
    wrong += [f"{at} is missing from the export" for at in known if at not in found]
    wrong += [f"{at} is exported but not in Tryton" for at in found if at not in known]
    for at in known.keys() & found.keys():
        for path, value in leaves(known[at]):
            compared += 1
            given = dig(found[at], path)
            if not same(value, given):
                wrong.append(f"{at}: {'.'.join(map(str, path))} is {given!r}, in Tryton {value!r}")
    return compared, sorted(wrong)


class Nothing:
    """Stands for a field that the export lacks. It differs from null."""

    def __repr__(self):
        return "nothing"


def leaves(value, path=()):
    """Yield (path, value) of every plain value, and of every list's length."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, *key.split(".")) if not path else (*path, key))
        if path and all(key.isdigit() for key in value):
            yield (*path, "#"), len(value)
    elif isinstance(value, list):
        yield (*path, "#"), len(value)
        for at, inner in enumerate(value):
            yield from leaves(inner, (*path, at))
    else:
        yield path, value


def dig(value, path):
    for key in path:
        if key == "#":
            return len(value) if isinstance(value, list | dict) else Nothing()
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return Nothing()
    return value


def same(value, given):
    if not isinstance(value, dt.datetime):
        return type(value) is type(given) and value == given
    try:
        said = dt.datetime.fromisoformat(given)
    except (TypeError, ValueError):
        return False
    # XML-RPC sends creation times in seconds, and the latest change in milliseconds.
    margin = dt.timedelta(milliseconds=1) if value.microsecond else dt.timedelta(seconds=1)
    return given.endswith("Z") and abs(said - value) <= margin


def altered(record):
    """Yield copies of an exported record, each with one compared field changed."""
    for path, _ in leaves(record):
        if path[-1] == "#":
            continue
        copy = json.loads(json.dumps(record))
        place = copy
        for key in path[:-1]:
            place = place[key]
        value = place[path[-1]]
        place[path[-1]] = (not value) if isinstance(value, bool) else f"{value}0" if value is not None else "0"
        yield path, copy


def self_test(truth, export):
    """Return how many fields of one record were altered, and those whose alteration went unnoticed."""
    richest = max(truth, key=lambda record: len(list(leaves(record))))
    mine = next(record for record in export if record["external_id"] == richest["external_id"])
    rest = [record for record in export if record is not mine]
    named = {path for path, _ in leaves(richest)}
    tried, missed = 0, []
    for path, copy in altered(mine):
        if path in named:
            tried += 1
            if not compare(truth, [*rest, copy])[1]:
                missed.append(".".join(map(str, path)))
    if not compare(truth, rest)[1]:
        missed.append("a record left out")
    return tried, missed


def load(folder, entity):
    path = folder / f"{entity}.jsonl"
    if not path.exists():
        return None
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def main(facts, folder, testing=False):
    """Print the table. Return the number of differences."""
    tables = Tables(config.get_config())
    bad = 0
    print(f"{'entity':20}{'rows':>8}{'fields':>10}{'different':>11}" + ("    altered, noticed" if testing else ""))
    for entity, tell in ENTITIES.items():
        export = load(folder, entity)
        truth = list(tell(tables))
        compared, wrong = compare(truth, export or [])
        if export is None:
            wrong = ["no export: the entity was left out"]
        elif not truth or not export:
            wrong.append("0 rows")
        tail = ""
        if testing and not wrong:
            tried, missed = self_test(truth, export)
            tail = f"    {tried}, {tried - len(missed)}"
            wrong += [f"an altered value goes unnoticed: {path}" for path in missed]
        print(f"{entity:20}{len(export or []):8}{compared:10}{len(wrong):11}{tail}")
        for line in wrong[:10]:
            print(f"{entity}: {line}", file=sys.stderr)
        bad += len(wrong)
    return bad


if __name__ == "__main__":
    arguments = [one for one in sys.argv[1:] if one != "--self-test"]
    peer = json.loads(Path(arguments[0]).read_text())
    url = f"{peer['base_url']}/{peer['database']}/rpc/"
    with config.set_xmlrpc_session(url, peer["login"], peer["password"]):
        sys.exit(1 if main(peer, Path(arguments[1]), "--self-test" in sys.argv) else 0)
