"""Fill an activated Tryton database with a small trading company. Runs in Tryton's own environment.

    TRYTOND_CONFIG=tryton.conf python seed.py DATABASE [PRODUCTS [ORDERS]]

Prints one JSON object on standard output: what a client needs to sign in, and the ids that change.py changes.

It drives the server's own code in process, as user `admin`, by Tryton's client library. Nearly everything is made in
batches: setting fields one by one is ten times slower, and more than 25 rows in one `create` overflow SQLite's parser.
"""

import datetime as dt
import json
import os
import sys
from decimal import Decimal
from itertools import count

from proteus import Model, Wizard, config

BATCH = 25
LOGIN, PASSWORD = "packr", "packr-secret-1"

# How many orders reach each state. The rest of the requested number are drafts. A confirmation takes about a second, so
# only a few orders are confirmed.
ORDERS = {
    "quotation": 30,
    "cancelled": 25,
    "confirmed": 4,  # confirmed, the server has not processed them yet
    "waiting": 4,
    "assigned": 3,
    "picked": 3,
    "packed": 3,
    "shipped": 2,  # the shipment has left but is not settled
    "short": 4,  # one part was sent, the rest waits in a second shipment
    "sent": 8,
    "done": 2,  # sent, invoiced and paid
    "exception": 2,  # the shipment was cancelled
    "ignored": 1,  # the shipment was cancelled and that was accepted
}


class Seed:
    """The database being filled. Each method adds one kind of data and keeps the ids on the object."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.config = config.set_trytond(f"sqlite:///{database}", config_file=os.environ["TRYTOND_CONFIG"])
        self.config.skip_warning = True
        self.numbers = count()

    # Tools

    def model(self, name):
        return Model.get(name)

    def one(self, name, *domain):
        return self.model(name).find(list(domain), limit=1)[0]

    def create(self, name, values, batch=BATCH):
        """Create rows and return their ids."""
        proxy = self.config.get_proxy(name)
        return [
            row for at in range(0, len(values), batch) for row in proxy.create(values[at : at + batch], self.context)
        ]

    def press(self, name, ids, *buttons):
        for button in buttons:
            if ids:
                getattr(self.config.get_proxy(name), button)(list(ids), self.context)

    def search(self, name, *domain):
        return self.config.get_proxy(name).search(list(domain), 0, None, [("id", "ASC")], self.context)

    def read(self, name, ids, *fields):
        rows = self.config.get_proxy(name).read(list(ids), list(fields), self.context)
        return sorted(rows, key=lambda row: row["id"])

    def write(self, name, ids, values):
        self.config.get_proxy(name).write(list(ids), values, self.context)

    @property
    def context(self):
        return self.config.context

    # The company and its books

    def company(self):
        from trytond.modules.account.tests.tools import create_chart, create_fiscalyear, create_tax, get_accounts
        from trytond.modules.account_invoice.tests.tools import (
            create_payment_term,
            set_fiscalyear_invoice_sequences,
        )
        from trytond.modules.company.tests.tools import create_company

        (country,) = self.create("country.country", [{"name": "United States", "code": "US"}])
        (state,) = self.create(
            "country.subdivision", [{"name": "Maine", "code": "US-ME", "type": "state", "country": country}]
        )
        self.country, self.state = country, state
        brand = self.one(
            "party.party",
            (
                "id",
                "=",
                self.create(
                    "party.party",
                    [
                        {
                            "name": "Northbay Goods",
                            "contact_mechanisms": [("create", [{"type": "email", "value": "ops@northbay.example"}])],
                        }
                    ],
                )[0],
            ),
        )
        create_company(party=brand)
        create_chart()
        set_fiscalyear_invoice_sequences(create_fiscalyear()).click("create_period")
        self.accounts = get_accounts()
        self.company_id = self.one("company.company").id
        tax = create_tax(Decimal(".10"))
        tax.save()
        self.tax = tax.id
        term = create_payment_term()
        term.save()
        self.term = term.id

    def user(self):
        """Create the login of Packr: an employee with all rights except administration."""
        (party,) = self.create("party.party", [{"name": "Integration"}])
        (employee,) = self.create("company.employee", [{"party": party, "company": self.company_id}])
        self.create(
            "res.user",
            [
                {
                    "login": LOGIN,
                    "name": "Packr",
                    "password": PASSWORD,
                    "companies": [("add", [self.company_id])],
                    "company": self.company_id,
                    "employees": [("add", [employee])],
                    "employee": employee,
                    "groups": [("add", self.search("res.group"))],
                }
            ],
        )

    # Master data

    def products(self, number):
        """Create goods (the third template has two variants, the fourth no code), a service and an inactive product."""
        category = self.model("product.category")(name="Goods", accounting=True)
        category.account_expense, category.account_revenue = self.accounts["expense"], self.accounts["revenue"]
        category.customer_taxes.append(self.model("account.tax")(self.tax))
        category.save()
        self.unit = self.one("product.uom", ("name", "=", "Unit")).id
        common = {
            "default_uom": self.unit,
            "sale_uom": self.unit,
            "purchase_uom": self.unit,
            "salable": True,
            "purchasable": True,
            "account_category": category.id,
            "cost_price_method": "fixed",
        }

        def goods(at):
            variants = [{"cost_price": Decimal("4"), "suffix_code": suffix} for suffix in self.suffixes(at)]
            if at % 5 == 0:
                variants[0]["identifiers"] = [("create", [{"type": "ean", "code": ean(at)}])]
            return dict(
                common,
                name=f"Item {at:04d}",
                code=None if at == 3 else f"SKU{at:05d}",
                type="goods",
                list_price=Decimal(10 + at % 90) + Decimal("0.95"),
                products=[("create", variants)],
            )

        # The second variant of one template counts as a product.
        self.templates = self.create("product.template", [goods(at) for at in range(number - 1)])
        self.goods = self.search("product.product", ("type", "=", "goods"))
        self.create(
            "product.template",
            [
                dict(
                    common,
                    name="Carriage",
                    code="CARRIAGE",
                    type="service",
                    list_price=Decimal(5),
                    products=[("create", [{"cost_price": Decimal("3")}])],
                )
            ],
        )
        self.service = self.one("product.product", ("type", "=", "service")).id

    def suffixes(self, at):
        return ("-RED", "-BLUE") if at == 2 else (None,)

    def retire(self):
        """Retire one variant and one whole template. Both have stock."""
        self.write("product.product", [self.goods[-1]], {"active": False})
        self.write("product.template", [self.templates[-2]], {"active": False})

    def parties(self):
        def party(name, street="1 Elm Street"):
            return {
                "name": name,
                "customer_payment_term": self.term,
                "addresses": [
                    (
                        "create",
                        [
                            {
                                "street": street,
                                "city": "Portland",
                                "postal_code": "04101",
                                "country": self.country,
                                "subdivision": self.state,
                            }
                        ],
                    )
                ],
                "contact_mechanisms": [
                    ("create", [{"type": "email", "value": f"{name.replace(' ', '.').lower()}@example.com"}])
                ],
            }

        self.customers = self.create(
            "party.party", [party(f"Customer {at:03d}", f"{at + 1} Elm Street\nFloor {at}") for at in range(20)]
        )
        (self.supplier,) = self.create("party.party", [party("Acme Supply")])
        rows = self.read("party.address", self.search("party.address"), "party")
        self.address = {row["party"]: row["id"] for row in rows}

    def carriers(self):
        parties = self.create("party.party", [{"name": name} for name in ("DHL", "UPS")])
        self.carrier_ids = self.create(
            "carrier", [{"party": party, "carrier_product": self.service} for party in parties]
        )
        self.create("carrier.selection", [{"carrier": carrier} for carrier in self.carrier_ids])

    def warehouses(self):
        """Create a second warehouse, with an address, next to the one of every database."""
        first = self.one("stock.location", ("type", "=", "warehouse"))
        lost = self.one("stock.location", ("type", "=", "lost_found")).id
        into, out, shelf = self.create(
            "stock.location",
            [{"name": f"East {zone}", "code": f"E{zone.upper()}", "type": "storage"} for zone in ("In", "Out", "Sto")],
        )
        (party,) = self.create(
            "party.party",
            [
                {
                    "name": "East Depot",
                    "addresses": [
                        (
                            "create",
                            [
                                {
                                    "street": "400 Dock St",
                                    "city": "Bangor",
                                    "postal_code": "04401",
                                    "country": self.country,
                                    "subdivision": self.state,
                                }
                            ],
                        )
                    ],
                }
            ],
        )
        (address,) = self.search("party.address", ("party", "=", party))
        (east,) = self.create(
            "stock.location",
            [
                {
                    "name": "East",
                    "code": "EWH",
                    "type": "warehouse",
                    "input_location": into,
                    "output_location": out,
                    "storage_location": shelf,
                    "lost_found_location": lost,
                    "address": address,
                }
            ],
        )
        self.homes = {  # warehouse: (the receiving location, the storage location)
            first.id: (first.input_location.id, first.storage_location.id),
            east: (into, shelf),
        }
        self.first, self.east = first.id, east

    def stock(self):
        """Count every item: 100 and more in the first warehouse, 30 in the second."""
        for warehouse, units in ((self.first, 100), (self.east, 30)):
            for at in range(0, len(self.goods), 100):
                lines = [
                    {"product": product, "quantity": float(units + (at + number) % 7)}
                    for number, product in enumerate(self.goods[at : at + 100])
                ]
                (sheet,) = self.create(
                    "stock.inventory", [{"location": self.homes[warehouse][1], "company": self.company_id, "lines": []}]
                )
                for start in range(0, len(lines), BATCH):
                    self.write("stock.inventory", [sheet], {"lines": [("create", lines[start : start + BATCH])]})
                self.press("stock.inventory", [sheet], "confirm")

    # Orders

    def order(self, at):
        customer = self.customers[at % len(self.customers)]
        return {
            "party": customer,
            "reference": f"EXT-{at:05d}",
            "warehouse": self.east if at % 3 == 0 else self.first,
            "payment_term": self.term,
            "invoice_address": self.address[customer],
            "shipment_address": self.address[customer],
            "carrier": self.carrier_ids[at % 2],
            "shipment_cost_method": None,
            "invoice_method": "order",
            "comment": f"Gift {at}" if at % 10 == 0 else None,
            "lines": [("create", [self.order_line(at, place) for place in range(1 + at % 3)])],
        }

    def order_line(self, at, place):
        return {
            "product": self.goods[(at + place) % 100],
            "quantity": float(2 + place),
            "unit": self.unit,
            "unit_price": Decimal("12.5") + Decimal(at % 8) / 8,
            "sequence": 10 - place,
            "taxes": [("add", [self.tax])] if at % 2 else [],
        }

    def sales(self, number):
        orders = [self.order(at) for at in range(number)]
        # An order that is shipped in two parts needs two lines.
        self.sale_ids = self.create("sale.sale", orders)
        rest = iter(self.sale_ids)
        self.in_state = {state: [next(rest) for _ in range(many)] for state, many in ORDERS.items()}
        self.in_state["draft"] = list(rest)
        self.create(
            "sale.line",
            [
                {"sale": self.in_state["waiting"][0], "type": "title", "description": "For the shop window"},
                {"sale": self.in_state["waiting"][0], "type": "comment", "description": "Wrap each one"},
            ],
        )
        self.press("sale.sale", self.in_state["quotation"], "quote")
        self.press("sale.sale", self.in_state["cancelled"], "cancel")
        far = [sale for state in ORDERS if state not in ("quotation", "cancelled") for sale in self.in_state[state]]
        self.press("sale.sale", far, "quote")
        self.hold_back("sale.sale", self.in_state["confirmed"])
        self.press("sale.sale", [sale for sale in far if sale not in self.in_state["confirmed"]], "confirm")
        self.ship()

    def hold_back(self, name, ids):
        """Confirm documents without processing them."""
        from trytond import config as server

        server.set("queue", "worker", "True")
        self.press(name, ids, "confirm")
        server.set("queue", "worker", "False")

    def shipments(self, *states):
        sales = [sale for state in states for sale in self.in_state[state]]
        return self.search("stock.shipment.out", ("moves.origin.sale", "in", sales, "sale.line"))

    def ship(self):
        model = "stock.shipment.out"
        gone = ("sent", "done")
        self.halve(self.shipments("short"))
        self.press(model, self.shipments("assigned", "picked", "packed", "shipped", "short", *gone), "assign_try")
        self.press(model, self.shipments("picked", "packed", "shipped", "short", *gone), "pick")
        self.box(self.shipments("sent")[:3])
        self.press(model, self.shipments("packed", "shipped", *gone), "pack")
        self.press(model, self.pickable("short", "picked"), "pack")
        self.press(model, self.shipments("shipped"), "ship")
        self.press(model, [*self.shipments(*gone), *self.pickable("short", "packed")], "do")
        self.press(model, self.shipments("exception", "ignored"), "cancel")
        for sale in self.in_state["ignored"]:
            self.ignore("sale", sale)
        self.pay(self.in_state["done"])

    def pickable(self, group, state):
        return [
            row["id"]
            for row in self.read("stock.shipment.out", self.shipments(group), "state")
            if row["state"] == state
        ]

    def halve(self, shipments):
        """Ship one unit of each line. The server creates a second shipment for the rest."""
        moves = [
            move
            for row in self.read("stock.shipment.out", shipments, "inventory_moves")
            for move in row["inventory_moves"]
        ]
        self.write("stock.move", moves, {"quantity": 1.0})

    def box(self, shipments):
        """Put the goods of a shipment into a package with a tracking number."""
        (kind,) = self.create("stock.package.type", [{"name": "Box"}])
        for row in self.read("stock.shipment.out", shipments, "outgoing_moves"):
            self.create(
                "stock.package",
                [
                    {
                        "type": kind,
                        "shipment": f"stock.shipment.out,{row['id']}",
                        "shipping_reference": f"1Z{row['id']:06d}",
                        "moves": [("add", row["outgoing_moves"])],
                    }
                ],
            )

    def ignore(self, kind, order):
        """Ignore the cancelled moves of a document."""
        wizard = Wizard(f"{kind}.handle.shipment.exception", [self.model(f"{kind}.{kind}")(order)])
        wizard.form.ignore_moves.extend(wizard.form.ignore_moves.find())
        wizard.execute("handle")

    def pay(self, sales):
        method = self.model("account.invoice.payment.method")(name="Cash")
        method.journal = self.one("account.journal", ("type", "=", "cash"))
        method.credit_account = method.debit_account = self.accounts["cash"]
        method.save()
        for sale in sales:
            for invoice in self.model("sale.sale")(sale).invoices:
                invoice.click("post")
                wizard = invoice.click("pay")
                wizard.form.payment_method = method
                wizard.execute("choice")

    # Inbound shipments

    def purchase(self, name, *products):
        return {
            "party": self.supplier,
            "reference": f"PO-{name}",
            "warehouse": self.first,
            "payment_term": self.term,
            "invoice_address": self.address[self.supplier],
            "invoice_method": "order",
            "lines": [
                (
                    "create",
                    [
                        {
                            "product": product,
                            "quantity": 20.0,
                            "unit": self.unit,
                            "unit_price": Decimal("4.25"),
                            "delivery_date_store": TODAY + dt.timedelta(days=9),
                        }
                        for product in products
                    ],
                )
            ],
        }

    def purchases(self):
        """Create purchases in every state, three of them with advance notices."""
        names = [
            "draft",
            "quotation",
            "cancelled",
            "confirmed",
            "waiting",
            "advised",
            "short",
            "received",
            "together-1",
            "together-2",
            "exception",
            "ignored",
        ]
        goods = self.goods[100:]
        rows = self.create(
            "purchase.purchase",
            [self.purchase(name, *goods[at * 2 : at * 2 + 1 + at % 2]) for at, name in enumerate(names)],
        )
        self.bought = dict(zip(names, rows, strict=True))
        self.press("purchase.purchase", [self.bought["cancelled"]], "cancel")
        self.press(
            "purchase.purchase",
            [row for name, row in self.bought.items() if name not in ("draft", "cancelled")],
            "quote",
        )
        self.hold_back("purchase.purchase", [self.bought["confirmed"]])
        self.press(
            "purchase.purchase",
            [row for name, row in self.bought.items() if name not in ("draft", "cancelled", "quotation", "confirmed")],
            "confirm",
        )
        self.notices = {
            name: self.notice(name, *of)
            for name, of in {
                "advised": ["advised"],
                "short": ["short"],
                "received": ["received"],
                "together": ["together-1", "together-2"],
                "exception": ["exception"],
                "ignored": ["ignored"],
            }.items()
        }
        self.receive()

    def notice(self, name, *purchases):
        """Create an advance notice of the goods of purchases that have not arrived."""
        moves = [
            move
            for row in self.read("purchase.purchase", [self.bought[one] for one in purchases], "moves")
            for move in row["moves"]
        ]
        into, shelf = self.homes[self.first]
        (notice,) = self.create(
            "stock.shipment.in",
            [
                {
                    "supplier": self.supplier,
                    "warehouse": self.first,
                    "reference": f"ASN-{name}",
                    "planned_date": TODAY + dt.timedelta(days=5),
                    "warehouse_input": into,
                    "warehouse_storage": shelf,
                    "incoming_moves": [("add", moves)],
                }
            ],
        )
        return notice

    def receive(self):
        (short,) = self.read("stock.shipment.in", [self.notices["short"]], "incoming_moves")
        self.write("stock.move", short["incoming_moves"][:1], {"quantity": 12.0})
        model = "stock.shipment.in"
        self.press(model, [self.notices[name] for name in ("short", "received", "together")], "receive")
        self.press(model, [self.notices[name] for name in ("short", "received")], "do")
        self.press(model, [self.notices[name] for name in ("exception", "ignored")], "cancel")
        self.ignore("purchase", self.bought["ignored"])

    def unannounced(self):
        """Create advance notices without a purchase: one open, one put away."""
        into, shelf = self.homes[self.east]
        (party,) = self.read("party.party", [self.supplier], "supplier_location")
        (company,) = self.read("company.company", [self.company_id], "currency")
        rows = self.create(
            "stock.shipment.in",
            [
                {
                    "supplier": self.supplier,
                    "warehouse": self.east,
                    "reference": f"ASN-{name}",
                    "warehouse_input": into,
                    "warehouse_storage": shelf,
                    "incoming_moves": [
                        (
                            "create",
                            [
                                {
                                    "product": product,
                                    "quantity": 6.0,
                                    "unit": self.unit,
                                    "unit_price": Decimal("4"),
                                    "currency": company["currency"],
                                    "from_location": party["supplier_location"],
                                    "to_location": into,
                                    "company": self.company_id,
                                }
                            ],
                        )
                    ],
                }
                for name, product in (("found", self.goods[150]), ("gift", self.goods[151]))
            ],
        )
        self.press("stock.shipment.in", rows[1:], "receive", "do")
        self.notices["found"], self.notices["gift"] = rows

    def transfers(self):
        """Create internal shipments between and within warehouses, in every state without transit."""
        source, target = self.homes[self.first][1], self.homes[self.east][1]
        names = ("draft", "waiting", "assigned", "shipped", "done", "cancelled")
        rows = self.create(
            "stock.shipment.internal",
            [
                {
                    "from_location": source,
                    "to_location": target,
                    "reference": f"TR-{name}",
                    "planned_date": TODAY,
                    "planned_start_date": TODAY,
                    "moves": [
                        (
                            "create",
                            [
                                {
                                    "product": self.goods[160 + at],
                                    "quantity": 5.0,
                                    "unit": self.unit,
                                    "from_location": source,
                                    "to_location": target,
                                }
                            ],
                        )
                    ],
                }
                for at, name in enumerate(names)
            ],
        )
        self.transfer_ids = dict(zip(names, rows, strict=True))
        model = "stock.shipment.internal"
        self.press(model, rows[1:5], "wait")
        self.press(model, rows[2:5], "assign_try")
        self.press(model, rows[3:5], "pack", "ship")
        self.press(model, rows[4:5], "do")
        self.press(model, rows[5:], "cancel")

    def facts(self):
        return {
            "database": self.database,
            "login": LOGIN,
            "password": PASSWORD,
            "company": self.company_id,
            "supplier": self.supplier,
            "unit": self.unit,
            "term": self.term,
            "service": self.service,
            "warehouses": [self.first, self.east],
            "homes": {str(key): value for key, value in self.homes.items()},
            "goods": self.goods,
            "templates": self.templates,
            "customers": self.customers,
            "carriers": self.carrier_ids,
            "address": {str(key): value for key, value in self.address.items()},
            "sales": self.in_state,
            "purchases": self.bought,
            "notices": self.notices,
            "transfers": self.transfer_ids,
        }


def ean(at):
    """Return a valid EAN-13."""
    body = f"400000{at:06d}"
    odd, even = sum(map(int, body[::2])), sum(map(int, body[1::2]))
    return f"{body}{-(odd + 3 * even) % 10}"


TODAY = dt.date.today()


def main(database, products=200, orders=120):
    seed = Seed(database)
    seed.company()
    seed.user()
    seed.products(int(products))
    seed.carriers()
    seed.parties()
    seed.warehouses()
    seed.stock()
    seed.retire()
    seed.sales(int(orders))
    seed.purchases()
    seed.unannounced()
    seed.transfers()
    json.dump(seed.facts(), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
