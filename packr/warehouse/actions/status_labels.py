"""How a change stands at the WMS, in the words and looks of the pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Q

from integrations.models import Action, ActionState

from .status import mark_of


class ActionStatus(StrEnum):
    """The marks of a change, and that the WMS refused it."""

    SENDING = "sending"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    UNKNOWN = "unknown"
    REFUSED = "refused"

    @property
    def is_open(self) -> bool:
        """Whether it goes on by itself, so that a page that shows it looks again."""
        return self in (ActionStatus.SENDING, ActionStatus.UNKNOWN, ActionStatus.ACCEPTED)

    @property
    def look_again(self) -> str:
        """How soon a page looks again."""
        return "30s" if self == ActionStatus.ACCEPTED else "3s"


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """Icon, word and tone of a standing; `timed`: its moment belongs to it. `means` is for whoever wonders."""

    icon: str
    word: str
    tone: str
    means: str
    timed: str = ""


STATUS_LABELS: Mapping[ActionStatus, StatusLabel] = {
    ActionStatus.SENDING: StatusLabel("arrow-up-tray", "Sending", "info", "It is on its way to the WMS this moment."),
    ActionStatus.ACCEPTED: StatusLabel(
        "check",
        "Accepted by WMS",
        "info",
        "The WMS said yes. Its data is about to show it, and then this is confirmed by itself.",
        "at",
    ),
    ActionStatus.CONFIRMED: StatusLabel(
        "check-circle", "Confirmed in data", "positive", "The WMS’s own data shows it.", "at"
    ),
    ActionStatus.UNCONFIRMED: StatusLabel(
        "exclamation-triangle",
        "Unconfirmed",
        "warning",
        "The WMS said yes, but its data does not show it, although it should by now. What you see is what the WMS "
        "shows now. Look at it in the WMS before you send the change again.",
    ),
    ActionStatus.UNKNOWN: StatusLabel(
        "magnifying-glass",
        "We are checking",
        "warning",
        "The WMS’s answer was lost, so nobody knows yet whether it made the change. Packr looks it up in the WMS by "
        "itself and sends nothing twice. Please don’t send it again.",
    ),
    ActionStatus.REFUSED: StatusLabel("x-circle", "Refused", "critical", "Nothing was changed at the WMS."),
}


def status_of(action: Action, moment: datetime) -> ActionStatus:
    """How an action stands at a moment."""
    if action.state == ActionState.REFUSED:
        return ActionStatus.REFUSED
    mark = mark_of(action, moment)
    return ActionStatus(mark.state) if mark else ActionStatus.ACCEPTED


def with_status(standing: ActionStatus, moment: datetime) -> Q:
    """The actions that stand so."""
    if standing.value in ActionState and standing != ActionStatus.ACCEPTED:
        return Q(state=standing.value)
    accepted = Q(state=ActionState.ACCEPTED)
    overdue = Q(shielded_until__lte=moment)
    return {
        ActionStatus.CONFIRMED: accepted & Q(confirmed_at__isnull=False),
        ActionStatus.UNCONFIRMED: accepted & Q(confirmed_at=None) & overdue,
        ActionStatus.ACCEPTED: accepted & Q(confirmed_at=None) & ~overdue,
    }[standing]
