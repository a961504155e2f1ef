"""Status of a change at the WMS, and the mark that shows it beside the changed row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q
from django.utils import timezone

from integrations.connectors.actions import ActionKind
from integrations.models import Action, ActionState

from ..mirror.schema import TABLES
from ..models import Mirrored

# A settled change is marked beside its row for this long.
MARK_PERIOD = timedelta(hours=24)


class ActionStatus(StrEnum):
    """Status of a change, as people see it."""

    SENDING = "sending"
    ACCEPTED = "accepted"  # accepted, but not in the WMS's data yet
    CONFIRMED = "confirmed"  # accepted and in the WMS's data
    UNCONFIRMED = "unconfirmed"  # accepted, but still missing from the WMS's data
    UNKNOWN = "unknown"  # the answer was lost; reconciliation is looking for the outcome
    REFUSED = "refused"

    @property
    def is_open(self) -> bool:
        """Whether the status will change automatically, so that an open page refreshes it."""
        return self in (ActionStatus.SENDING, ActionStatus.UNKNOWN, ActionStatus.ACCEPTED)

    @property
    def poll_interval(self) -> str:
        """How often an open page refreshes the status, as htmx writes it."""
        return "30s" if self == ActionStatus.ACCEPTED else "3s"

    @property
    def label(self) -> "StatusLabel":
        """Icon, word, tone and explanation."""
        return STATUS_LABELS[self]


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """Icon, word, tone and explanation of a status. `preposition` joins the word to a time, where one belongs to it."""

    icon: str
    word: str
    tone: str
    explanation: str
    preposition: str = ""


STATUS_LABELS: Mapping[ActionStatus, StatusLabel] = {
    ActionStatus.SENDING: StatusLabel("arrow-up-tray", "Sending", "info", "Packr is sending this change to the WMS."),
    ActionStatus.ACCEPTED: StatusLabel(
        "check",
        "Accepted by WMS",
        "info",
        "The WMS accepted this change. It is confirmed automatically when the WMS’s data shows it.",
        "at",
    ),
    ActionStatus.CONFIRMED: StatusLabel(
        "check-circle", "Confirmed in data", "positive", "The WMS’s data shows this change.", "at"
    ),
    ActionStatus.UNCONFIRMED: StatusLabel(
        "exclamation-triangle",
        "Unconfirmed",
        "warning",
        "The WMS accepted this change, but its data should show it by now and doesn’t. Packr shows the WMS’s data. "
        "Check in the WMS before you send the change again.",
    ),
    ActionStatus.UNKNOWN: StatusLabel(
        "magnifying-glass",
        "We are checking",
        "warning",
        "The WMS’s answer was lost, so it isn’t known yet whether the change was made. Packr checks automatically and "
        "sends nothing twice. Please don’t send it again.",
    ),
    ActionStatus.REFUSED: StatusLabel("x-circle", "Refused", "critical", "Nothing was changed in the WMS."),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Status of a row's last change, the time it was reached, and the action's key for a link."""

    status: ActionStatus
    at: datetime
    kind: ActionKind
    action: int


def marks(rows: Iterable[Mirrored], now: datetime | None = None) -> dict[int, Mark]:
    """Return the marks of rows of one entity by row key, read in one query. Rows without a mark are left out."""
    found = list(rows)
    if not found:
        return {}
    moment = now or timezone.now()
    row_keys = {(row.connection_id, row.external_id): row.pk for row in found}
    marked: dict[int, Mark] = {}
    for action in _recent_actions(found, moment):
        mark = mark_of(action, moment)
        row_key = row_keys.get((action.connection_id, action.external_id))
        if mark and row_key is not None:
            marked[row_key] = mark  # the last action wins
    return marked


def _recent_actions(rows: Sequence[Mirrored], moment: datetime) -> Iterable[Action]:
    entity = next(entity for entity, table in TABLES.items() if isinstance(rows[0], table.model))
    recent = Q(asked_at__gt=moment - MARK_PERIOD) | Q(state=ActionState.UNKNOWN)
    actions = Action.objects.filter(
        recent,
        connection__in={row.connection_id for row in rows},
        entity=entity,
        external_id__in={row.external_id for row in rows},
    ).exclude(state=ActionState.REFUSED)
    return actions.defer("exchanges", "values", "before", "errors").order_by("pk")


def mark_of(action: Action, now: datetime | None = None) -> Mark | None:
    """Return the mark of an action; None for one that was refused, or that a newer version in the WMS replaced."""
    moment = now or timezone.now()
    kind = ActionKind(action.kind)
    if action.state in (ActionState.SENDING, ActionState.UNKNOWN):
        return Mark(ActionStatus(action.state), action.asked_at, kind, action.pk)
    if action.confirmed_at:
        return Mark(ActionStatus.CONFIRMED, action.confirmed_at, kind, action.pk)
    if action.state != ActionState.ACCEPTED or action.shielded_until is None:
        return None
    status = ActionStatus.ACCEPTED if action.shielded_until > moment else ActionStatus.UNCONFIRMED
    return Mark(status, action.answered_at or action.asked_at, kind, action.pk)


def status_of(action: Action, moment: datetime) -> ActionStatus:
    """Return the status of an action at a moment."""
    if action.state == ActionState.REFUSED:
        return ActionStatus.REFUSED
    mark = mark_of(action, moment)
    return mark.status if mark else ActionStatus.ACCEPTED


def with_status(status: ActionStatus, moment: datetime) -> Q:
    """Return the condition for actions that have a status at a moment."""
    if status in (ActionStatus.SENDING, ActionStatus.UNKNOWN, ActionStatus.REFUSED):
        return Q(state=status.value)
    accepted = Q(state=ActionState.ACCEPTED)
    overdue = Q(shielded_until__lte=moment)
    return {
        ActionStatus.CONFIRMED: accepted & Q(confirmed_at__isnull=False),
        ActionStatus.UNCONFIRMED: accepted & Q(confirmed_at=None) & overdue,
        ActionStatus.ACCEPTED: accepted & Q(confirmed_at=None) & ~overdue,
    }[status]
