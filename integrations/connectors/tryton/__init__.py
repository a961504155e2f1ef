"""Tryton, an open-source ERP and warehouse server, 8.0 and later, over its JSON-RPC.

Facts: Tryton 8.2 as it installs from the package index (November 2026), its source, and docs.tryton.org. There are no
webhooks and no rate limit, except on wrong logins. A stamp is the start of its transaction and can become visible a
minute later or more, but every incremental run reads back much further. Deletions leave no trace: only a full pass
finds them.
"""

from ...entities import Entity
from ...http.client import Client
from ..base import ConnectionHealth, Connector, Credential
from . import actions, inbound, orders, reference_data, rpc, stock


class Tryton(Connector):
    slug, label = "tryton", "Tryton"
    credentials = (
        Credential("database", "Database", help="The name to choose in Tryton’s own client", secret=False),
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
        """Load the company of the login. When connecting, check the version first, and sign in with the password."""
        if connecting:
            rpc.check_version(client)
        answer = rpc.sign_in(client) if connecting else rpc.load_context(client)
        company = client.state["context"].get("company.rec_name")
        warning = "" if company else "This login works for no company in Tryton, so no stock can be counted."
        return ConnectionHealth(clock=answer.clock, account=company or "", warning=warning)
