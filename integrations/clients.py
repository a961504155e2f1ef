"""WMS clients for connections."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings

from .connectors.base import Connector
from .encryption import Unreadable
from .errors import ConnectorError, Kind
from .http.client import Client
from .models import Connection

MAX_REQUEST_SECONDS = 30


def client_for(
    connector: type[Connector], base_url: str, credentials: Mapping[str, str], learned: Mapping[str, Any] | None = None
) -> Client:
    """Return a client for an account. Raises ConnectorError(contract) for an address that Packr must not call."""
    client = Client(
        base_url or connector.base_url,
        wms=connector.label,
        credentials=credentials,
        learned=learned,
        timeout=timedelta(seconds=min(settings.LEASE_SECONDS / 2, MAX_REQUEST_SECONDS)),
        reads_per_second=connector.reads_per_second,
        private_hosts=settings.PRIVATE_WMS_HOSTS,
    )
    connector.sign(client)
    return client


def open_client(connection: Connection) -> Client:
    """Return a client for a connection. Raises ConnectorError(credentials) if they can't be decrypted."""
    try:
        credentials = connection.credentials()
    except Unreadable as error:
        raise ConnectorError(Kind.CREDENTIALS, str(error)) from None
    return client_for(connection.connector, connection.base_url, credentials, connection.learned)
