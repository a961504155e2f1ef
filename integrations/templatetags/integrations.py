"""The looks of a connection."""

from django import template

from integrations.connectors.base import Connector
from integrations.credential_check import Access, Reading
from integrations.entities import Entity
from integrations.models import Connection, Status

register = template.Library()

STATUSES = {
    Status.CONNECTED: ("check-circle", "positive"),
    Status.NEEDS_ATTENTION: ("exclamation-triangle", "critical"),
    Status.UNREACHABLE: ("signal-slash", "warning"),
    Status.DISCONNECTED: ("minus-circle", "neutral"),
}
ACCESS = {
    Access.READABLE: ("check-circle", "May be read", "positive"),
    Access.FORBIDDEN: ("no-symbol", "No access", "warning"),
    Access.NOT_OFFERED: ("minus-circle", "Not offered", "neutral"),
    Access.UNKNOWN: ("question-mark-circle", "Not known yet", "neutral"),
}


@register.inclusion_tag("components/_badge.html")
def reading_access(reading: Reading) -> dict[str, str]:
    """Whether an account may read an entity."""
    icon, word, tone = ACCESS[reading.access]
    return {"icon": icon, "word": word, "tone": tone}


@register.simple_tag
def carried(connector: type[Connector], entity: Entity) -> str:
    """What arrives with an entity, in brackets after it; nothing when it comes alone."""
    names = [child.label.lower() for child, parent in connector.read_with.items() if parent == entity]
    return f" (with {' and '.join(names)})" if names else ""


@register.inclusion_tag("components/_badge.html")
def connection_status(connection: Connection) -> dict[str, str]:
    """A connection's status as a word with its icon."""
    icon, tone = STATUSES[Status(connection.status)]
    return {"icon": icon, "word": connection.get_status_display(), "tone": tone}
