"""Settings → Integrations: connecting a WMS, how its connection is, and ending it."""

from .connecting import catalogue, confirm, connect
from .disconnecting import disconnect
from .overview import integrations, refresh
from .reconnecting import confirm_other, reconnect

__all__ = [
    "catalogue",
    "confirm",
    "confirm_other",
    "connect",
    "disconnect",
    "integrations",
    "reconnect",
    "refresh",
]
