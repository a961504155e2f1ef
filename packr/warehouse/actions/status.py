"""The marks beside rows that a person changed: how the change stands at the WMS."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q
from django.utils import timezone

from integrations.connectors.actions import ActionKind
from integrations.models import Action, ActionState

from ..mirror.schema import TABLES
from ..models import Mirrored

# So long a mark of what is settled is worth a reader's eye.
SHOWN_FOR = timedelta(hours=24)


class MarkState(StrEnum):
    """How a person's change stands."""

    SENDING = "sending"
    ACCEPTED = "accepted"  # the WMS said yes; its data does not show it yet
    CONFIRMED = "confirmed"  # the WMS's data shows it
    UNCONFIRMED = "unconfirmed"  # the WMS said yes, but its data should show it by now and does not
    UNKNOWN = "unknown"  # the answer was lost; Packr is finding out


@dataclass(frozen=True, slots=True)
class Mark:
    """How the last change of a row stands, since when, and the action's key for a link to it."""

    state: MarkState
    at: datetime
    kind: ActionKind
    action: int


def marks(rows: Iterable[Mirrored], now: datetime | None = None) -> dict[int, Mark]:
    """The marks of rows of one entity, by row key: one query however many rows. Rows without one are left out."""
    found = list(rows)
    if not found:
        return {}
    moment = now or timezone.now()
    places = {(row.connection_id, row.external_id): row.pk for row in found}
    marked: dict[int, Mark] = {}
    for action in _actions(found, moment):
        mark = mark_of(action, moment)
        row = places.get((action.connection_id, action.external_id))
        if mark and row is not None:
            marked[row] = mark  # the last one counts
    return marked


def _actions(rows: Sequence[Mirrored], moment: datetime) -> Iterable[Action]:
    entity = next(entity for entity, table in TABLES.items() if isinstance(rows[0], table.model))
    recent = Q(asked_at__gt=moment - SHOWN_FOR) | Q(state=ActionState.UNKNOWN)
    actions = Action.objects.filter(
        recent,
        connection__in={row.connection_id for row in rows},
        entity=entity,
        external_id__in={row.external_id for row in rows},
    ).exclude(state=ActionState.REFUSED)
    return actions.defer("exchanges", "values", "before", "errors").order_by("pk")


def mark_of(action: Action, now: datetime | None = None) -> Mark | None:
    """How an action stands; None for one that was refused, or that the WMS has overtaken since."""
    moment = now or timezone.now()
    kind = ActionKind(action.kind)
    if action.state == ActionState.SENDING:
        return Mark(MarkState.SENDING, action.asked_at, kind, action.pk)
    if action.state == ActionState.UNKNOWN:
        return Mark(MarkState.UNKNOWN, action.asked_at, kind, action.pk)
    if action.confirmed_at:
        return Mark(MarkState.CONFIRMED, action.confirmed_at, kind, action.pk)
    if action.state != ActionState.ACCEPTED or action.shielded_until is None:
        return None
    state = MarkState.ACCEPTED if action.shielded_until > moment else MarkState.UNCONFIRMED
    return Mark(state, action.answered_at or action.asked_at, kind, action.pk)
