"""Trackstar, a unified API over some fifty warehouse systems: its reads come from a copy that it crawls about hourly.

Facts: Trackstar OpenAPI document (October 2025), guides (April 2026) and agent skills (2026) at docs.trackstarhq.com
and github.com/trackstarhq/documentation. 10 reads per second and access token.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ...entities import Entity
from ...errors import ConnectorError, Kind
from ...http.client import Answer, Client
from ..base import ConnectionHealth, Connector, Credential, FetchRequest
from ..parsing import instant
from . import mapping
from .actions import ACTIONS, INTEGRATION, INTEGRATION_LABEL, OPERATIONS
from .locations import Locations
from .resources import REFUSED, Listing, accept, broken, quoted

LISTINGS = (
    Listing(Entity.ORDERS, "/wms/orders", mapping.ORDERS),
    Listing(Entity.INVENTORY, "/wms/inventory", mapping.INVENTORY),
    Listing(Entity.INBOUND_SHIPMENTS, "/wms/inbound-shipments", mapping.INBOUND_SHIPMENTS),
    Listing(Entity.PRODUCTS, "/wms/products", mapping.PRODUCTS),
    Listing(Entity.RETURNS, "/wms/returns", mapping.RETURNS),
    # Off until Trackstar's support enables them: empty or refused until then.
    Listing(Entity.BILLS, "/wms/billing", mapping.BILLS),
    # Small: always read whole.
    Listing(Entity.CUSTOMERS, "/wms/warehouse-customers", mapping.CUSTOMERS, incremental=False),
    Listing(Entity.WAREHOUSES, "/wms/warehouses", mapping.WAREHOUSES, incremental=False),
    Listing(Entity.SHIPPING_METHODS, "/wms/shipping-methods", mapping.SHIPPING_METHODS, incremental=False),
    Listing(
        Entity.SUPPLIERS, "/wms/inbound-shipments/suppliers", mapping.SUPPLIERS, incremental=False, has_single=False
    ),
    Listing(Entity.ORDER_CHANNELS, "/wms/orders/channels", mapping.CHANNELS, incremental=False, has_single=False),
)

# What Trackstar calls the crawls of a connection, and what each brings.
CRAWLS: Mapping[str, tuple[Entity, ...]] = {
    "get_orders": (Entity.ORDERS, Entity.ORDER_SHIPMENTS, Entity.ORDER_CHANNELS),
    "get_inventory": (Entity.INVENTORY,),
    "get_inbound_shipments": (Entity.INBOUND_SHIPMENTS, Entity.SUPPLIERS),
    "get_products": (Entity.PRODUCTS,),
    "get_returns": (Entity.RETURNS,),
    "get_bills": (Entity.BILLS,),
    "get_warehouse_locations": (Entity.WAREHOUSE_LOCATIONS,),
    "get_warehouse_customers": (Entity.CUSTOMERS,),
    "get_warehouses": (Entity.WAREHOUSES,),
    "get_shipping_methods": (Entity.SHIPPING_METHODS,),
}
# What every WMS has that is worth connecting: while all of it can't be read, nothing can.
ESSENTIAL = {
    listing.path
    for listing in LISTINGS
    if listing.entity not in (Entity.RETURNS, Entity.BILLS, Entity.SUPPLIERS, Entity.ORDER_CHANNELS)
}
MOST_WARNINGS = 3


class Trackstar(Connector):
    """Trackstar's WMS side."""

    slug, label = "trackstar", "Trackstar"
    base_url = "https://production.trackstarhq.com"
    credentials = (
        Credential("api_key", "API key", help="Trackstar's dashboard: Settings > API keys"),
        Credential("access_token", "Access token", help="Trackstar's dashboard: the connection's access token"),
        Credential(
            "connection_id",
            "Connection id",
            help="Trackstar's dashboard. Without it Packr can't tell when Trackstar last read the WMS.",
            secret=False,
            required=False,
        ),
    )
    identity = ("access_token",)
    reads_per_second = 8
    is_copy = True
    resources = {one.entity: one.resource() for one in (*LISTINGS, Locations())}
    read_with = {Entity.ORDER_SHIPMENTS: Entity.ORDERS}
    actions = OPERATIONS

    @classmethod
    def sign(cls, client: Client) -> None:
        """Put the two headers on every request; ConnectorError(credentials) when one has nothing to hold."""
        for name in ("api_key", "access_token"):
            value = client.credentials.get(name, "").strip()
            if not value:
                label = name.replace("_", " ")
                raise ConnectorError(Kind.CREDENTIALS, f"Trackstar needs the {label}.", "Enter it.")
            client.headers[f"x-trackstar-{name.replace('_', '-')}"] = value

    @classmethod
    def check(cls, client: Client, *, connecting: bool = False) -> ConnectionHealth:
        """One request: the connection as Trackstar describes it or, without its id, the shortest list.

        Only the list proves the access token, so connecting asks for both.
        """
        connection_id = _connection_id(client)
        if connecting or not connection_id:
            # A WMS without warehouses, or one that hides them, still proves the token.
            answer = client.get("/wms/warehouses", {"limit": "1"}, ok=REFUSED)
            if answer.status not in (403, 501) and not isinstance(_data(accept(client, answer)), list):
                raise broken("no list of warehouses")
            health = ConnectionHealth(answer.clock)
        if connection_id:
            health = _health(client, *_connection(client, connection_id))
        return health

    @classmethod
    def probe(cls, client: Client, entity: Entity, clock: datetime) -> None:
        """As little as can be asked for; of warehouse locations those of one warehouse."""
        resource, ask = cls.resources[entity], FetchRequest(since=clock, lazily=True)
        page = resource.fetch(client, ask, None)
        if entity == Entity.WAREHOUSE_LOCATIONS and page.cursor is not None:
            resource.fetch(client, ask, page.cursor)

    @classmethod
    def crawled(cls, client: Client) -> Mapping[Entity, datetime]:
        """When Trackstar last began to read each entity at the WMS (aware UTC); empty without a connection id."""
        connection_id = _connection_id(client)
        if not connection_id:
            return {}
        connection, _ = _connection(client, connection_id)
        began = {}
        for schedule in _dicts(connection.get("sync_schedules")):
            moment = _moment(schedule.get("last_crawl_start"))
            for entity in CRAWLS.get(str(schedule.get("function_name")), ()):
                if moment:
                    began[entity] = moment
        return began


def _connection_id(client: Client) -> str:
    return client.credentials.get("connection_id", "").strip()


def _connection(client: Client, connection_id: str) -> tuple[dict[str, Any], Answer]:
    """The connection as Trackstar describes it; ConnectorError(credentials) when Trackstar does not know it."""
    answer = client.get(f"/connections/{quote(connection_id, safe='')}", ok=REFUSED)
    if answer.status == 404:
        raise _unknown_connection()
    data = _data(accept(client, answer))
    if not isinstance(data, list | dict):
        raise broken("no data in the connection's answer")
    # The specification has a list here, the guide one object.
    for found in _dicts(data if isinstance(data, list) else [data]):
        if found.get("connection_id", connection_id) == connection_id:
            _learn(client, found)
            return found, answer
    raise _unknown_connection()


def _learn(client: Client, connection: dict[str, Any]) -> None:
    """Note what is behind Trackstar: which actions there are follows from it."""
    label = connection.get("integration_display_name") or connection.get("integration_name")
    client.learned[INTEGRATION] = str(connection.get("integration_name") or "")[:100]
    client.learned[INTEGRATION_LABEL] = str(label or "")[:100]
    known = connection.get("available_actions")
    client.learned[ACTIONS] = [str(one)[:100] for one in known[:200]] if isinstance(known, list) else []


def _data(answer: Answer) -> Any:
    """What stands under `data` in an answer; ConnectorError(contract) when it is not JSON at all."""
    body = answer.json()
    return body.get("data") if isinstance(body, dict) else None


def _unknown_connection() -> ConnectorError:
    return ConnectorError(
        Kind.CREDENTIALS,
        "Trackstar has no connection with this connection id.",
        "Copy the id from the connection in Trackstar's dashboard.",
    )


def _health(client: Client, connection: dict[str, Any], answer: Answer) -> ConnectionHealth:
    """What Trackstar says of a connection; ConnectorError(credentials) when it can read nothing at the WMS any more."""
    errors = _dicts(connection.get("errors"))
    # Trackstar documents two shapes of an error; one calls its text `message`, the other `error_message`.
    words = [quoted(client, error.get("message") or error.get("error_message")) for error in errors]
    said = " ".join([one for one in dict.fromkeys(words) if one][:MOST_WARNINGS])
    if any(error.get("error_type") == "invalid_credentials" for error in errors) or _nothing_readable(errors):
        raise ConnectorError(
            Kind.CREDENTIALS,
            "Trackstar can no longer read the WMS.",
            f"Reconnect the WMS in Trackstar first. {said and f'Trackstar says: {said}'}".rstrip(),
        )
    warning = f"Trackstar reports a problem with the WMS: {said or 'it gives no reason.'}" if errors else ""
    name = connection.get("integration_display_name") or connection.get("integration_name") or ""
    return ConnectionHealth(answer.clock, account=str(name)[:100], warning=warning)


def _nothing_readable(errors: Iterable[dict[str, Any]]) -> bool:
    """True when errors stop the crawl of everything that Packr reads."""
    stopped = set()
    for error in errors:
        for affected in _dicts(error.get("affected_endpoints")):
            path = str(affected.get("endpoint", "")).rpartition(" ")[2]
            if affected.get("preventing_sync") is True and path in ESSENTIAL:
                stopped.add(path)
    return stopped == ESSENTIAL


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _moment(value: Any) -> datetime | None:
    try:
        return instant(value) if isinstance(value, str | int) else None
    except ValueError:
        return None  # an unreadable crawl time is none: people then see the watermark instead
