"""What a person changed stands until the WMS says otherwise: answers that are older than the change don't undo it.

While an action shields a record, an answer of the WMS counts when it shows the change or is newer than it. One that
does neither was read before the change, or comes from a copy that has not seen it yet. A connection without such
actions costs nothing: its own row, which the writer reads anyway, says that there are none.
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
# What shows these can't be from before them, whatever its stamp: the WMS's clock may be behind.
PROOF = (ActionKind.HOLD_ORDER, ActionKind.CANCEL_ORDER)
# The WMS says nothing about their version, so the moment of its answer stands for it.
BY_OUR_CLOCK = (ActionKind.HOLD_ORDER, ActionKind.RELEASE_ORDER)
OVERTAKEN = "The WMS has changed it again since."


@dataclass(frozen=True, slots=True)
class Found:
    """A record as a page has it, and whether it is the same as what is stored."""

    record: Record
    stamps: Stamps
    is_same: bool


@dataclass
class WriteProtection:
    """The shields over a page's records, by id, and what the page shows of them."""

    shields: Mapping[str, Sequence[Action]] = field(default_factory=dict)
    confirmed: set[int] = field(default_factory=set)
    overtaken: set[int] = field(default_factory=set)

    def keeps(self, external_id: str, found: Found) -> bool:
        """Whether the stored row stays as it is, because the record that was found is older than a change to it."""
        # All of them are asked: each notes what it was shown.
        standing = [self._stands(action, found) for action in self.shields.get(external_id, ())]
        return any(standing)

    def _stands(self, action: Action, found: Found) -> bool:
        age = age_of(action, found.stamps)
        if shows(action, found):
            if age != "older" or action.kind in PROOF:
                self.confirmed.add(action.pk)
            return False
        if age == "newer":
            self.overtaken.add(action.pk)
            return False
        # Once it was shown, only an answer that is surely no newer is an old one that comes late.
        return action.confirmed_at is None or (age != "unknown" and action.kind not in BY_OUR_CLOCK)

    def settle(self, now: datetime) -> None:
        """Note which changes the WMS has shown by now, and which it has overtaken."""
        if self.confirmed:
            Action.objects.filter(pk__in=self.confirmed, confirmed_at=None).update(confirmed_at=now)
        if self.overtaken:
            overtaken = Action.objects.filter(pk__in=self.overtaken)
            overtaken.filter(confirmed_at=None).update(warning=OVERTAKEN)
            overtaken.update(shielded_until=None)


def protection_for(connection_id: int, entity: Entity, external_ids: Sequence[str], now: datetime) -> WriteProtection:
    """The guard of a page of these records."""
    if entity not in PROTECTED_ENTITIES:
        return WriteProtection()
    shields: dict[str, list[Action]] = defaultdict(list)
    for action in standing(connection_id, now).filter(entity=entity, external_id__in=external_ids).order_by("pk"):
        shields[action.external_id].append(action)
    return WriteProtection(shields)


def standing(connection_id: int, now: datetime) -> Any:
    """The actions of a connection that shield a record now."""
    accepted = Action.objects.filter(connection_id=connection_id, state=ActionState.ACCEPTED)
    return accepted.filter(shielded_until__gt=now)


def exclude_protected(
    model: type[Mirrored], connection_id: int, entity: Entity, row_ids: Sequence[int], now: datetime
) -> Sequence[int]:
    """Those of the rows that the WMS has been seen to have, or that no action shields."""
    unseen = standing(connection_id, now).filter(entity=entity, confirmed_at=None)
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
    """Let connections whose last shield has ended cost nothing again."""
    for connection in Connection.objects.filter(shielded_until__lte=now):
        last = standing(connection.pk, now).aggregate(last=Max("shielded_until"))["last"]
        unchanged = Connection.objects.filter(pk=connection.pk, shielded_until=connection.shielded_until)
        unchanged.update(shielded_until=last)


def age_of(action: Action, found: Stamps) -> str:
    """How a version stands to that of a change, by the copy's stamps if both have one: older, equal, newer, unknown."""
    updated_at, version_at = found
    for here, there in ((version_at, action.version_at), (updated_at, action.version_updated_at)):
        if here and there:
            return "older" if here < there else "newer" if here > there else "equal"
    return "unknown"


# --- Whether a record shows a change ----------------------------------------------------------------------------------


def shows(action: Action, found: Found) -> bool:
    """Whether a record shows what the action was to change."""
    kind, record = ActionKind(action.kind), found.record
    if kind in (ActionKind.HOLD_ORDER, ActionKind.RELEASE_ORDER):
        return is_held(record) == (kind == ActionKind.HOLD_ORDER)
    return found.is_same or kind.creates or _SHOWS[kind](action.values, record)


def _never(values: Mapping[str, Any], record: Any) -> bool:
    """Relative changes show in nothing but the count that the WMS answered with."""
    return False


def _is_cancelled(values: Mapping[str, Any], record: Any) -> bool:
    return bool(record.status == "cancelled")


def _has_values(values: Mapping[str, Any], record: Any) -> bool:
    """Whether those of the values that the record has under the same name are the record's."""
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
