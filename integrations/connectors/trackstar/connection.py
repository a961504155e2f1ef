"""What Trackstar knows of a connection: the WMS behind it, its errors, and when it was last crawled.

Facts: docs.trackstarhq.com "Connection Issues" and "Syncing Data", schemas of `/connections` in the OpenAPI document
(October 2025). The specification has a list of connections in the response, the guide a single one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ...entities import Entity
from ...errors import ConnectorError, Kind
from ...http.client import Answer, Client
from ..base import ConnectionHealth
from ..parsing import instant
from ..rest import ERROR_STATUSES
from .errors import accept, broken, quoted
from .resources import LISTS

# Names of what Packr learns of a connection.
INTEGRATION, INTEGRATION_LABEL, ACTIONS = "integration_name", "integration_label", "available_actions"
MAX_NAME_LENGTH, MAX_ACTIONS = 100, 200
# Trackstar's names of the crawls of a connection, and the entities that each brings.
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
# The lists that every WMS has. If none of them can be read, nothing can.
OPTIONAL = (Entity.RETURNS, Entity.BILLS, Entity.SUPPLIERS, Entity.ORDER_CHANNELS)
ESSENTIAL_PATHS = {listing.path for entity, listing in LISTS.items() if entity not in OPTIONAL}
MAX_QUOTED_ERRORS = 3


def connection_id(client: Client) -> str:
    return client.credentials.get("connection_id", "").strip()


def fetch_connection(client: Client) -> tuple[dict[str, Any], Answer]:
    """Return the connection as Trackstar describes it, and learn which WMS is behind it.

    Raises ConnectorError(credentials) if Trackstar has no such connection.
    """
    wanted = connection_id(client)
    answer = client.get(f"/connections/{quote(wanted, safe='')}", ok=ERROR_STATUSES)
    data = [] if answer.status == 404 else data_of(accept(client, answer))
    if not isinstance(data, list | dict):
        raise broken("no data in the connection's answer")
    for found in _dicts(data if isinstance(data, list) else [data]):
        if found.get("connection_id", wanted) == wanted:
            _learn(client, found)
            return found, answer
    raise ConnectorError(
        Kind.CREDENTIALS,
        "Trackstar has no connection with this connection ID.",
        "Copy the ID from the connection in Trackstar’s dashboard.",
    )


def data_of(answer: Answer) -> Any:
    """Return the value under `data`, if there is one. Raises ConnectorError(contract) if the answer is not JSON."""
    body = answer.json()
    return body.get("data") if isinstance(body, dict) else None


def _learn(client: Client, connection: dict[str, Any]) -> None:
    """Keep which WMS is behind Trackstar, since the actions it offers depend on it."""
    actions = connection.get("available_actions")
    client.learned[INTEGRATION] = str(connection.get("integration_name") or "")[:MAX_NAME_LENGTH]
    client.learned[INTEGRATION_LABEL] = _label(connection)
    client.learned[ACTIONS] = (
        [str(action)[:MAX_NAME_LENGTH] for action in actions[:MAX_ACTIONS]] if isinstance(actions, list) else []
    )


def _label(connection: dict[str, Any]) -> str:
    name = connection.get("integration_display_name") or connection.get("integration_name")
    return str(name or "")[:MAX_NAME_LENGTH]


def check_health(client: Client) -> ConnectionHealth:
    """Return the health of the connection. Raises ConnectorError(credentials) if nothing can be read at the WMS."""
    connection, answer = fetch_connection(client)
    errors = _dicts(connection.get("errors"))
    # Trackstar documents two forms of an error: one has the text under `message`, the other under `error_message`.
    texts = [quoted(client, error.get("message") or error.get("error_message")) for error in errors]
    quotes = " ".join([text for text in dict.fromkeys(texts) if text][:MAX_QUOTED_ERRORS])
    if any(error.get("error_type") == "invalid_credentials" for error in errors) or _is_nothing_readable(errors):
        raise ConnectorError(
            Kind.CREDENTIALS,
            "Trackstar can no longer read the WMS.",
            f"Reconnect the WMS in Trackstar first. {quotes and f'Trackstar says: {quotes}'}".rstrip(),
        )
    warning = f"Trackstar reports a problem with the WMS: {quotes or 'it gives no reason.'}" if errors else ""
    return ConnectionHealth(answer.clock, account=_label(connection), warning=warning)


def _is_nothing_readable(errors: list[dict[str, Any]]) -> bool:
    """Return whether errors stop the crawls of all lists that every WMS has."""
    affected = [endpoint for error in errors for endpoint in _dicts(error.get("affected_endpoints"))]
    stopped = {
        str(endpoint.get("endpoint", "")).rpartition(" ")[2]
        for endpoint in affected
        if endpoint.get("preventing_sync") is True
    }
    return stopped >= ESSENTIAL_PATHS


def crawl_starts(client: Client) -> Mapping[Entity, datetime]:
    """Return when Trackstar last began to read each entity at the WMS (aware UTC), as far as it says."""
    connection, _ = fetch_connection(client)
    return {
        entity: moment
        for schedule in _dicts(connection.get("sync_schedules"))
        for entity in CRAWLS.get(str(schedule.get("function_name")), ())
        if (moment := _moment(schedule.get("last_crawl_start")))
    }


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _moment(value: Any) -> datetime | None:
    try:
        return instant(value) if isinstance(value, str | int) else None
    except ValueError:
        return None  # people then see the watermark instead
