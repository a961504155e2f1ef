"""A replacement for Trackstar in the browser tests: it accepts two keys and refuses some entities.

`python -m tests.e2e.wms PORT` serves Packr with it, for the screenshots.
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
    """Accept only the valid keys."""
    if client.credentials["api_key"] not in GOOD_KEYS:
        raise ConnectorError(Kind.CREDENTIALS, "Trackstar doesn’t recognize this API key. Copy it from its dashboard.")
    return ConnectionHealth(clock=None, account="Northbay at ShipHero")


def probe(client: Client, entity: Entity, clock: datetime) -> None:
    """Refuse customers as forbidden and shipping methods as not offered."""
    status = {Entity.CUSTOMERS: 403, Entity.SHIPPING_METHODS: 501}.get(entity)
    if status:
        raise explain(Answer(status, {}, b"", None))


ANSWERS = {"check": staticmethod(check), "probe": staticmethod(probe)}


def serve(port: str) -> None:
    """Serve Packr on this port in the current environment."""
    from django.core.management import execute_from_command_line

    for name, answer in ANSWERS.items():
        setattr(Trackstar, name, answer)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "packr.settings")
    execute_from_command_line(["manage.py", "runserver", "--noreload", port])


if __name__ == "__main__":
    serve(sys.argv[1])
