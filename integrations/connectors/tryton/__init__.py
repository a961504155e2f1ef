"""Tryton, an open-source ERP and warehouse server, 8.0 and later, over its JSON-RPC.

Facts: Tryton 8.2 as it installs from the package index (November 2026), its source, and docs.tryton.org. No rate limit
but on wrong logins, no webhooks. A stamp is its transaction's start and can become visible a minute later or more;
every incremental reaches far further back than that. Deletions leave nothing behind: only a full pass finds them.
"""

from ...entities import Entity
from ...http.client import Client
from ..base import ConnectionHealth, Connector, Credential
from . import actions, inbound, orders, reference_data, rpc, stock


class Tryton(Connector):
    slug, label = "tryton", "Tryton"
    credentials = (
        Credential("database", "Database", help="The name that Tryton's own client asks for", secret=False),
        Credential("login", "Login", help="A user with the groups for sales, purchases and stock", secret=False),
        Credential("password", "Password"),
    )
    identity = ("database", "login")
    resources = {
        Entity.ORDERS: orders.ORDERS.resource,
        Entity.ORDER_SHIPMENTS: orders.ORDER_SHIPMENTS.resource,
        Entity.INVENTORY: stock.INVENTORY,
        Entity.INBOUND_SHIPMENTS: inbound.INBOUND_SHIPMENTS.resource,
        Entity.PRODUCTS: stock.PRODUCTS.resource,
        Entity.CUSTOMERS: reference_data.CUSTOMERS.resource,
        Entity.WAREHOUSES: reference_data.WAREHOUSES.resource,
        Entity.SHIPPING_METHODS: reference_data.SHIPPING_METHODS.resource,
    }

    actions = actions.OPERATIONS

    @classmethod
    def check(cls, client: Client, *, connecting: bool = False) -> ConnectionHealth:
        """Ask what the login works with; when connecting, first the server's version, and with the password anew."""
        if connecting:
            rpc.check_version(client)
        answer = rpc.sign_in(client) if connecting else rpc.load_context(client)
        company = client.state["context"].get("company.rec_name")
        warning = "" if company else "This login works for no company in Tryton, so no stock can be counted."
        return ConnectionHealth(clock=answer.clock, account=company or "", warning=warning)
