"""Make named changes in a running Tryton. Runs in Tryton's own environment, or in any other Python.

    python change.py PEER.json NAME...      python change.py --list

Speaks the server's JSON-RPC, so that its caches know. Every change is one that a scheduled incremental has to find,
except the last, DELETION: a deleted draft leaves nothing behind, and only a full pass can miss it.
"""

import base64
import json
import sys
import urllib.request
from pathlib import Path


class Server:
    """A signed-in session. `server("sale.sale.quote", [7])` sends a call with the session's context."""

    def __init__(self, facts):
        self.facts = facts
        self.url = f"{facts['base_url']}/{facts['database']}/rpc/"
        self.headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        login = facts["login"]
        user, token, _ = self.call("common.db.login", [login, {"password": facts["password"]}, "en"])
        session = base64.b64encode(f"{login}:{user}:{token}".encode()).decode()
        self.headers["Authorization"] = f"Session {session}"
        self.context = self.call("model.res.user.get_preferences", [True, {}])

    def call(self, method, params):
        """Return the result. Warnings of the server, such as for retiring a product with stock, are skipped."""
        said = self.post(method, params)
        while "error" in said and said["error"][0] == "UserWarning":
            self.post("model.res.user.warning.skip", [said["error"][1][0], False, self.context])
            said = self.post(method, params)
        if "error" in said:
            raise SystemExit(f"{method} refused: {said['error']}")
        return said["result"]

    def post(self, method, params):
        body = json.dumps({"id": 1, "method": method, "params": params}).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url, body, self.headers), timeout=60) as answer:
            return json.load(answer)

    def __call__(self, method, *params):
        return self.call(f"model.{method}", [*params, self.context])

    def read(self, model, ids, *fields):
        return self(f"{model}.search_read", [["id", "in", ids]], 0, None, [["id", "ASC"]], list(fields))

    def press(self, model, ids, *buttons):
        for button in buttons:
            self(f"{model}.{button}", ids)

    def shipments(self, sale):
        return self("stock.shipment.out.search", [["moves.origin.sale", "=", sale, "sale.line"]], 0, None, None)


def money(value):
    return {"__class__": "Decimal", "decimal": value}


def edit_line(server, facts):
    (line,) = server("sale.line.search", [["sale", "=", facts["sales"]["draft"][0]]], 0, 1, [["id", "ASC"]])
    server("sale.line.write", [line], {"quantity": 9.0, "unit_price": money("11.75")})


def new_order(server, facts):
    customer = facts["customers"][3]
    server(
        "sale.sale.create",
        [
            {
                "party": customer,
                "reference": "EXT-NEW",
                "warehouse": facts["warehouses"][1],
                "payment_term": facts["term"],
                "invoice_address": facts["address"][str(customer)],
                "shipment_address": facts["address"][str(customer)],
                "carrier": facts["carriers"][0],
                "shipment_cost_method": None,
                "invoice_method": "order",
                "lines": [
                    [
                        "create",
                        [
                            {
                                "product": facts["goods"][7],
                                "quantity": 3.0,
                                "unit": facts["unit"],
                                "unit_price": money("20.00"),
                            }
                        ],
                    ]
                ],
            }
        ],
    )


def quote(server, facts):
    server.press("sale.sale", [facts["sales"]["draft"][1]], "quote")


def confirm(server, facts):
    server.press("sale.sale", [facts["sales"]["quotation"][0]], "confirm")


def cancel(server, facts):
    server.press("sale.sale", [facts["sales"]["quotation"][1]], "cancel")


def pick(server, facts):
    server.press("stock.shipment.out", server.shipments(facts["sales"]["assigned"][0]), "pick")


def pack(server, facts):
    server.press("stock.shipment.out", server.shipments(facts["sales"]["picked"][0]), "pack")


def send(server, facts):
    server.press("stock.shipment.out", server.shipments(facts["sales"]["packed"][0]), "do")


def receive(server, facts):
    server.press("stock.shipment.in", [facts["notices"]["advised"]], "receive", "do")


def receive_part(server, facts):
    (purchase,) = server.read("purchase.purchase", [facts["purchases"]["waiting"]], "moves")
    into, shelf = facts["homes"][str(facts["warehouses"][0])]
    notices = server(
        "stock.shipment.in.create",
        [
            {
                "supplier": facts["supplier"],
                "warehouse": facts["warehouses"][0],
                "reference": "ASN-part",
                "warehouse_input": into,
                "warehouse_storage": shelf,
                "incoming_moves": [["add", purchase["moves"]]],
            }
        ],
    )
    server("stock.move.write", purchase["moves"][:1], {"quantity": 7.0})
    server.press("stock.shipment.in", notices, "receive", "do")


def new_purchase(server, facts):
    supplier = facts["supplier"]
    purchases = server(
        "purchase.purchase.create",
        [
            {
                "party": supplier,
                "reference": "PO-NEW",
                "warehouse": facts["warehouses"][1],
                "payment_term": facts["term"],
                "invoice_address": facts["address"][str(supplier)],
                "invoice_method": "order",
                "lines": [
                    [
                        "create",
                        [
                            {
                                "product": facts["goods"][9],
                                "quantity": 40.0,
                                "unit": facts["unit"],
                                "unit_price": money("3.5"),
                            }
                        ],
                    ]
                ],
            }
        ],
    )
    server.press("purchase.purchase", purchases, "quote", "confirm")


def finish_transfer(server, facts):
    server.press("stock.shipment.internal", [facts["transfers"]["shipped"]], "do")


def retire_product(server, facts):
    server("product.product.write", [facts["goods"][10]], {"active": False})


def retire_template(server, facts):
    server("product.template.write", [facts["templates"][11]], {"active": False})


def rename_product(server, facts):
    server("product.template.write", [facts["templates"][12]], {"name": "Item renamed"})


def change_price(server, facts):
    server("product.template.write", [facts["templates"][13]], {"list_price": money("99.5")})


def new_product(server, facts):
    (like,) = server.read("product.template", [facts["templates"][0]], "account_category")
    server(
        "product.template.create",
        [
            {
                "name": "Item new",
                "code": "SKUNEW",
                "type": "goods",
                "default_uom": facts["unit"],
                "salable": True,
                "sale_uom": facts["unit"],
                "purchase_uom": facts["unit"],
                "purchasable": True,
                "list_price": money("7.25"),
                "cost_price_method": "fixed",
                "account_category": like["account_category"],
                "products": [["create", [{"cost_price": money("2")}]]],
            }
        ],
    )


def count_stock(server, facts):
    for warehouse, units in zip(facts["warehouses"], (55.0, 0.0), strict=True):
        sheets = server(
            "stock.inventory.create",
            [
                {
                    "location": facts["homes"][str(warehouse)][1],
                    "company": facts["company"],
                    "lines": [["create", [{"product": facts["goods"][20], "quantity": units}]]],
                }
            ],
        )
        server.press("stock.inventory", sheets, "confirm")


def add_carrier(server, facts):
    (party,) = server("party.party.create", [{"name": "Royal Post"}])
    server("carrier.create", [{"party": party, "carrier_product": facts["service"]}])


def rename_warehouse(server, facts):
    server("stock.location.write", [facts["warehouses"][1]], {"name": "East and beyond", "code": "EWB"})


def annotate(server, facts):
    server("sale.sale.write", [facts["sales"]["sent"][0]], {"reference": "EXT-CHANGED", "comment": "Call first"})


def move_customer(server, facts):
    server("party.address.write", [facts["address"][str(facts["customers"][5])]], {"street": "7 New Road"})


def delete_draft(server, facts):
    server("sale.sale.delete", [facts["sales"]["draft"][-1]])


DELETION = "delete a draft order"
CHANGES = {
    "edit a line without its order": edit_line,
    "write a new order": new_order,
    "quote an order": quote,
    "confirm an order": confirm,
    "cancel an order": cancel,
    "pick a shipment": pick,
    "pack a shipment": pack,
    "send a shipment": send,
    "receive a purchase": receive,
    "receive a part of a purchase": receive_part,
    "write a new purchase": new_purchase,
    "finish a transfer": finish_transfer,
    "retire a product": retire_product,
    "retire a template": retire_template,
    "rename a product": rename_product,
    "change a price on a template": change_price,
    "write a new product": new_product,
    "count stock in both warehouses": count_stock,
    "add a carrier": add_carrier,
    "rename a warehouse": rename_warehouse,
    "change an order's reference": annotate,
    "move a customer": move_customer,
    DELETION: delete_draft,
}


def main(arguments):
    if "--list" in arguments:
        print("\n".join(CHANGES))
        return
    facts = json.loads(Path(arguments[0]).read_text())
    server = Server(facts)
    for name in arguments[1:]:
        if name not in CHANGES:
            raise SystemExit(f"no such change: {name}; --list shows them all")
        CHANGES[name](server, facts)


if __name__ == "__main__":
    main(sys.argv[1:])
