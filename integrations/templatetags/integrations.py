"""Template tags that show a connection's status and what an account may read."""

from django import template

from integrations.connectors.base import Connector
from integrations.credential_check import Access, EntityAccess
from integrations.entities import Entity
from integrations.models import Connection, Status

register = template.Library()

STATUSES = {
    Status.CONNECTED: ("check-circle", "positive"),
    Status.NEEDS_ATTENTION: ("exclamation-triangle", "critical"),
    Status.UNREACHABLE: ("signal-slash", "warning"),
    Status.DISCONNECTED: ("minus-circle", "neutral"),
}
ACCESS_BADGES = {
    Access.READABLE: {"icon": "check-circle", "word": "Readable", "tone": "positive"},
    Access.FORBIDDEN: {"icon": "no-symbol", "word": "No access", "tone": "warning"},
    Access.NOT_OFFERED: {"icon": "minus-circle", "word": "Not offered", "tone": "neutral"},
    Access.UNKNOWN: {"icon": "question-mark-circle", "word": "Not checked", "tone": "neutral"},
}


@register.inclusion_tag("components/_badge.html")
def access_badge(found: EntityAccess) -> dict[str, str]:
    """Show whether an account may read an entity."""
    return ACCESS_BADGES[found.access]


@register.simple_tag
def carried(connector: type[Connector], entity: Entity) -> str:
    """Return what is read with an entity, such as ` (with order shipments)`; empty if nothing is."""
    names = [child.label.lower() for child, parent in connector.read_with.items() if parent == entity]
    return f" (with {' and '.join(names)})" if names else ""


@register.inclusion_tag("components/_badge.html")
def connection_status(connection: Connection) -> dict[str, str]:
    """Show a connection's status as an icon and a word."""
    icon, tone = STATUSES[Status(connection.status)]
    return {"icon": icon, "word": connection.get_status_display(), "tone": tone}
