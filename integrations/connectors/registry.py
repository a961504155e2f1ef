"""The connectors, one line each."""

from collections.abc import Mapping

from .base import Connector
from .trackstar import Trackstar
from .tryton import Tryton

CONNECTORS: Mapping[str, type[Connector]] = {
    connector.slug: connector
    for connector in (
        Trackstar,
        Tryton,
    )
}
