"""Idle WMS clients kept for the next slice: a new sign-in and TLS handshake would cost more than the slice."""

import threading
from collections import OrderedDict

from integrations.clients import open_client
from integrations.http.client import Client
from integrations.models import Connection

MAX_IDLE_CLIENTS = 200
_idle_clients: "OrderedDict[tuple[int, str, str], Client]" = OrderedDict()
_lock = threading.Lock()


def _key(connection: Connection) -> tuple[int, str, str]:
    return connection.pk, connection.sealed_credentials, connection.base_url


def take(connection: Connection) -> Client:
    """Return a client with the connection's current credentials, an idle one if possible."""
    with _lock:
        client = _idle_clients.pop(_key(connection), None)
    return client or open_client(connection)


def give_back(connection: Connection, client: Client) -> None:
    """Keep a working client for a later slice."""
    with _lock:
        _idle_clients[_key(connection)] = client
        oldest = _idle_clients.popitem(last=False)[1] if len(_idle_clients) > MAX_IDLE_CLIENTS else None
    if oldest:
        oldest.close()
