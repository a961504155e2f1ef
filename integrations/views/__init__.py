"""The pages of Settings → Integrations: connecting a WMS, its status, reconnecting and disconnecting."""

from .connect import catalogue, confirm, connect
from .disconnect import disconnect
from .overview import integrations, refresh
from .reconnect import confirm_other, reconnect

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
