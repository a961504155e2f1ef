"""Every WMS Packr speaks, one line each."""

from collections.abc import Mapping

from .connector import Connector
from .connectors.trackstar import Trackstar
from .connectors.tryton import Tryton

CONNECTORS: Mapping[str, type[Connector]] = {
    connector.slug: connector
    for connector in (
        Trackstar,
        Tryton,
    )
}
