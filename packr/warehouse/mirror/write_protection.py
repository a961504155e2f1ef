"""Write protection: older data from the WMS does not undo an accepted action.

While an action protects a record, a version from the WMS is accepted if it shows the change or is newer. Any other
version was read before the change, or comes from a copy that does not have it yet. A connection without such actions
costs nothing: the writer sees it in the connection's row, which it reads anyway.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import DateTimeField, F, Max, Value
from django.db.models.functions import Coalesce, Greatest

from integrations.connectors.actions import ENTITIES, ActionKind, is_held
from integrations.entities import Entity
from integrations.models import Action, ActionState, Connection
from integrations.records import Record

from ..models import Mirrored
from .digests import Stamps

PROTECTED_ENTITIES = frozenset(ENTITIES.values())
# A record that shows one of these is no older than the action, whatever its stamp: the WMS's clock may be behind.
PROVEN_BY_RECORD = (ActionKind.HOLD_ORDER, ActionKind.CANCEL_ORDER)
# The WMS returns no version for these, so the time of its answer is used.
TIMED_BY_ANSWER = (ActionKind.HOLD_ORDER, ActionKind.RELEASE_ORDER)
OVERTAKEN_WARNING = "The WMS has changed this record since."


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record as the WMS sent it, and whether it equals the stored row."""

    record: Record
    stamps: Stamps
    is_same: bool


@dataclass
class WriteProtection:
    """The actions that protect a page's records, by id, and which of them the page confirms or overtakes."""

    actions: Mapping[str, Sequence[Action]] = field(default_factory=dict)
    confirmed: set[int] = field(default_factory=set)
    overtaken: set[int] = field(default_factory=set)

    def blocks(self, external_id: str, found: FoundRecord) -> bool:
        """Return whether the record found must not replace its row, because it is older than an action."""
        # Check all of them, since each check also records a confirmation.
        blocking = [self._check(action, found) for action in self.actions.get(external_id, ())]
        return any(blocking)

    def _check(self, action: Action, found: FoundRecord) -> bool:
        age = age_of(action, found.stamps)
        if shows(action, found):
            if age != "older" or action.kind in PROVEN_BY_RECORD:
                self.confirmed.add(action.pk)
            return False
        if age == "newer":
            self.overtaken.add(action.pk)
            return False
        # After a confirmation, only a version that is certainly not newer is a late one.
        return action.confirmed_at is None or (age != "unknown" and action.kind not in TIMED_BY_ANSWER)

    def settle(self, now: datetime) -> None:
        """Store which actions the WMS has confirmed, and which it has overtaken."""
        if self.confirmed:
            Action.objects.filter(pk__in=self.confirmed, confirmed_at=None).update(confirmed_at=now)
        if self.overtaken:
            overtaken = Action.objects.filter(pk__in=self.overtaken)
            overtaken.filter(confirmed_at=None).update(warning=OVERTAKEN_WARNING)
            overtaken.update(shielded_until=None)


def protection_for(connection_id: int, entity: Entity, external_ids: Sequence[str], now: datetime) -> WriteProtection:
    """Return the protection of a page of these records."""
    if entity not in PROTECTED_ENTITIES:
        return WriteProtection()
    actions: dict[str, list[Action]] = defaultdict(list)
    for action in (
        protecting_actions(connection_id, now).filter(entity=entity, external_id__in=external_ids).order_by("pk")
    ):
        actions[action.external_id].append(action)
    return WriteProtection(actions)


def protecting_actions(connection_id: int, now: datetime) -> Any:
    """Return the connection's actions that protect a record now."""
    accepted = Action.objects.filter(connection_id=connection_id, state=ActionState.ACCEPTED)
    return accepted.filter(shielded_until__gt=now)


def exclude_protected(
    model: type[Mirrored], connection_id: int, entity: Entity, row_ids: Sequence[int], now: datetime
) -> Sequence[int]:
    """Return those of the rows that no action protects, or that the WMS has confirmed."""
    unseen = protecting_actions(connection_id, now).filter(entity=entity, confirmed_at=None)
    shielded = list(unseen.values_list("external_id", flat=True))
    if not shielded:
        return row_ids
    kept = model._default_manager.filter(id__in=row_ids, external_id__in=shielded).values_list("id", flat=True)
    return [id_ for id_ in row_ids if id_ not in set(kept)]


def protect(action: Action, until: datetime) -> None:
    """Protect what an accepted action changed, in the caller's transaction, which also saves the action.

    The connection's protection is extended if needed. Its new change number makes pages that were already compared
    with the stored rows compare again.
    """
    action.shielded_until = until
    moment = Value(until, output_field=DateTimeField())
    Connection.objects.filter(pk=action.connection_id).update(
        change_no=F("change_no") + 1, shielded_until=Greatest(Coalesce("shielded_until", moment), moment)
    )


def expire(now: datetime) -> None:
    """Update the connections whose last protection has ended, so that they cost nothing again."""
    for connection in Connection.objects.filter(shielded_until__lte=now):
        last = protecting_actions(connection.pk, now).aggregate(last=Max("shielded_until"))["last"]
        unchanged = Connection.objects.filter(pk=connection.pk, shielded_until=connection.shielded_until)
        unchanged.update(shielded_until=last)


def age_of(action: Action, found: Stamps) -> str:
    """Return "older", "equal", "newer" or "unknown": a version's age compared with the action's, as for digests."""
    updated_at, version_at = found
    for stamp, action_stamp in ((version_at, action.version_at), (updated_at, action.version_updated_at)):
        if stamp and action_stamp:
            return "older" if stamp < action_stamp else "newer" if stamp > action_stamp else "equal"
    return "unknown"


# --- Whether a record shows a change ----------------------------------------------------------------------------------


def shows(action: Action, found: FoundRecord) -> bool:
    """Return whether a record shows the action's change."""
    kind, record = ActionKind(action.kind), found.record
    if kind in (ActionKind.HOLD_ORDER, ActionKind.RELEASE_ORDER):
        return is_held(record) == (kind == ActionKind.HOLD_ORDER)
    return found.is_same or kind.creates or _SHOWS[kind](action.values, record)


def _never(values: Mapping[str, Any], record: Any) -> bool:
    """Return False: a relative change shows only in the count that the WMS answers with."""
    return False


def _is_cancelled(values: Mapping[str, Any], record: Any) -> bool:
    return bool(record.status == "cancelled")


def _has_values(values: Mapping[str, Any], record: Any) -> bool:
    """Return whether the record has the action's values, as far as it has fields of their names."""
    named = {name: value for name, value in values.items() if name in record.__struct_fields__}
    return all(_fits(getattr(record, name), value) for name, value in named.items())


def _fits(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return isinstance(found, list) and all(any(_line_fits(line, one) for line in found) for one in wanted)
    if isinstance(found, datetime):
        return found.date().isoformat() == str(wanted)[:10]
    if found == wanted:
        return True
    try:
        return Decimal(str(found)) == Decimal(str(wanted))
    except InvalidOperation:
        return False


def _line_fits(line: Any, wanted: Any) -> bool:
    return isinstance(wanted, dict) and all(_fits(getattr(line, name, None), value) for name, value in wanted.items())


_SHOWS: Mapping[ActionKind, Callable[[Mapping[str, Any], Any], bool]] = {
    ActionKind.CANCEL_ORDER: _is_cancelled,
    ActionKind.UPDATE_INBOUND_SHIPMENT: _has_values,
    ActionKind.ADJUST_INVENTORY: _never,
    ActionKind.UPDATE_PRODUCT: _has_values,
}
