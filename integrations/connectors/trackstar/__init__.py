"""Trackstar, a unified API over some fifty warehouse systems. Its reads come from a copy that it crawls about hourly.

Facts: Trackstar OpenAPI document (October 2025), guides (April 2026) and agent skills (2026) at docs.trackstarhq.com
and github.com/trackstarhq/documentation. Limit: 10 reads per second and access token.
"""

from collections.abc import Mapping
from datetime import datetime

from ...entities import Entity
from ...errors import ConnectorError, Kind
from ...http.client import Client
from ..base import ConnectionHealth, Connector, Credential, FetchRequest
from ..rest import ERROR_STATUSES
from . import actions, connection, resources
from .errors import accept, broken


class Trackstar(Connector):
    """Trackstar's WMS side."""

    slug, label = "trackstar", "Trackstar"
    base_url = "https://production.trackstarhq.com"
    credentials = (
        Credential("api_key", "API key", help="Trackstar’s dashboard: Settings > API keys"),
        Credential("access_token", "Access token", help="Trackstar’s dashboard: the connection’s access token"),
        Credential(
            "connection_id",
            "Connection ID",
            help="Trackstar’s dashboard. Without it Packr can’t tell when Trackstar last read the WMS.",
            secret=False,
            required=False,
        ),
    )
    identity = ("access_token",)
    reads_per_second = 8
    is_copy = True
    resources = resources.RESOURCES
    read_with = {Entity.ORDER_SHIPMENTS: Entity.ORDERS}
    actions = actions.OPERATIONS

    @classmethod
    def sign(cls, client: Client) -> None:
        """Set the two headers of every request. Raises ConnectorError(credentials) if a credential is missing."""
        for name in ("api_key", "access_token"):
            value = client.credentials.get(name, "").strip()
            if not value:
                raise ConnectorError(Kind.CREDENTIALS, f"Trackstar needs the {name.replace('_', ' ')}.", "Enter it.")
            client.headers[f"x-trackstar-{name.replace('_', '-')}"] = value

    @classmethod
    def check(cls, client: Client, *, connecting: bool = False) -> ConnectionHealth:
        """Request the connection as Trackstar describes it or, without its id, the shortest list.

        Only the list proves the access token, so connecting requests both.
        """
        has_id = bool(connection.connection_id(client))
        if connecting or not has_id:
            # A WMS without warehouses, or one that hides them, still proves the token.
            answer = client.get(resources.WAREHOUSES.path, {"limit": "1"}, ok=ERROR_STATUSES)
            is_hidden = answer.status in (403, 501)
            if not is_hidden and not isinstance(connection.data_of(accept(client, answer)), list):
                raise broken("no list of warehouses")
            health = ConnectionHealth(answer.clock)
        return connection.check_health(client) if has_id else health

    @classmethod
    def probe(cls, client: Client, entity: Entity, clock: datetime) -> None:
        """Request as little as possible; of warehouse locations those of one warehouse."""
        resource, request = cls.resources[entity], FetchRequest(since=clock, lazily=True)
        page = resource.fetch(client, request, None)
        if entity == Entity.WAREHOUSE_LOCATIONS and page.cursor is not None:
            resource.fetch(client, request, page.cursor)

    @classmethod
    def crawled(cls, client: Client) -> Mapping[Entity, datetime]:
        """Return when Trackstar last began to read each entity at the WMS. Empty without a connection id."""
        return connection.crawl_starts(client) if connection.connection_id(client) else {}
