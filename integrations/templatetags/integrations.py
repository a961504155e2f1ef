"""The looks of a connection."""

from django import template

from integrations.models import Connection, Status

register = template.Library()

STATUSES = {
    Status.CONNECTED: ("check-circle", "positive"),
    Status.NEEDS_ATTENTION: ("exclamation-triangle", "critical"),
    Status.UNREACHABLE: ("signal-slash", "warning"),
    Status.DISCONNECTED: ("minus-circle", "neutral"),
}


@register.inclusion_tag("components/_badge.html")
def connection_status(connection: Connection) -> dict[str, str]:
    """A connection's status as a word with its icon."""
    icon, tone = STATUSES[Status(connection.status)]
    return {"icon": icon, "word": connection.get_status_display(), "tone": tone}
