"""What stands in for Trackstar in the browser: it knows two keys, and closes some of what it has.

`python -m tests.e2e.wms PORT` serves Packr with it, for the pictures.
"""

import os
import sys
from datetime import datetime

from integrations.connectors.base import ConnectionHealth
from integrations.connectors.trackstar import Trackstar
from integrations.entities import Entity
from integrations.errors import ConnectorError, Kind
from integrations.http.client import Answer, Client, explain

GOOD_KEYS = ("key", "good-key")


def check(client: Client, *, connecting: bool = False) -> ConnectionHealth:
    """Accepts the good keys alone."""
    if client.credentials["api_key"] not in GOOD_KEYS:
        raise ConnectorError(Kind.CREDENTIALS, "Trackstar does not know this API key. Copy it from its dashboard.")
    return ConnectionHealth(clock=None, account="Northbay at ShipHero")


def probe(client: Client, entity: Entity, clock: datetime) -> None:
    """Customers are forbidden, shipping methods not offered."""
    status = {Entity.CUSTOMERS: 403, Entity.SHIPPING_METHODS: 501}.get(entity)
    if status:
        raise explain(Answer(status, {}, b"", None))


ANSWERS = {"check": staticmethod(check), "probe": staticmethod(probe)}


def serve(port: str) -> None:
    """Packr on this port, in the environment there is."""
    from django.core.management import execute_from_command_line

    for name, answer in ANSWERS.items():
        setattr(Trackstar, name, answer)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "packr.settings")
    execute_from_command_line(["manage.py", "runserver", "--noreload", port])


if __name__ == "__main__":
    serve(sys.argv[1])
