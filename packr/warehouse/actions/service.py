"""Actions: sending one change to the WMS and showing the answer in the mirror."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from integrations import action_sender
from integrations.connectors.actions import ActionKind
from integrations.models import Action, Connection, Through
from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.models import ACT

from ..mirror.schema import TABLES
from ..models import InventoryItem, Mirrored
from . import outcomes
from .availability import available_actions, fields
from .outcomes import OPEN_STATES
from .validation import Invalid, validated

# An action still "sending" after this time was abandoned by a process that died.
ABANDONED_AFTER = action_sender.ANSWER_TIMEOUT + timedelta(seconds=20)
REFERENCE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
# The value that identifies what an action creates: two requests with the same number mean the same thing.
NUMBER_FIELDS = {
    ActionKind.CREATE_ORDER: "order_number",
    ActionKind.CREATE_INBOUND_SHIPMENT: "purchase_order_number",
}
# Plain SQL, since the ORM takes longer to build this statement than the database takes to run it.
KEY_OR_UNSETTLED = f"""
    SELECT * FROM {Action._meta.db_table}
    WHERE connection_id = %s AND (key = %s OR kind = %s AND state IN (%s, %s) AND settle_at IS NOT NULL)"""
STILL_UNKNOWN = (
    "The same change was sent before, and Packr is still checking whether the WMS made it. Wait for the result, so "
    "that it is not made twice."
)


class KeyTaken(Refused):
    """The refusal of an idempotency key that was used for a different change before."""

    def __init__(self) -> None:
        super().__init__("This key was used for another change before. Use a new one.", status=HTTPStatus.CONFLICT)


def act(
    connection: Connection,
    kind: ActionKind,
    *,
    values: Mapping[str, Any],
    person: Any,
    key: str,
    row: Mirrored | None = None,
    through: str = Through.PAGE,
) -> Action:
    """Prepare and send an action: see `prepare` and `send`."""
    return send(prepare(connection, kind, values=values, person=person, key=key, row=row, through=through))


def prepare(
    connection: Connection,
    kind: ActionKind,
    *,
    values: Mapping[str, Any],
    person: Any,
    key: str,
    row: Mirrored | None = None,
    through: str = Through.PAGE,
) -> Action:
    """Return an unsaved action with validated values, ready for `send`.

    `row` is the record to change; None for an action that creates one. Raises PermissionDenied, Refused if the
    action is unavailable, and Invalid.
    """
    if not access.allows(person, ACT, connection.workspace):
        raise PermissionDenied("Only an admin of this workspace may do this.")
    if kind.creates == (row is not None):
        raise ValueError(f"{kind} takes {'no' if kind.creates else 'a'} row")
    if row is not None and (row.connection_id != connection.pk or not isinstance(row, TABLES[kind.entity].model)):
        raise ValueError(f"{row!r} is not of this connection, or nothing for {kind}")
    reason = available_actions(connection)[kind]
    # A repeated request gets its stored outcome even if the connection has broken since.
    if reason and not Action.objects.filter(connection=connection, key=key).exists():
        raise Refused(reason, status=HTTPStatus.CONFLICT)
    accepted = validated(values, fields(connection, kind, row))
    return Action(
        connection=connection,
        kind=kind,
        entity=kind.entity,
        external_id=row.external_id if row else "",
        reference=f"packr-{''.join(secrets.choice(REFERENCE_ALPHABET) for _ in range(12))}",
        key=key,
        values=accepted,
        before=_before(kind, accepted, row),
        person=person,
        through=through,
    )


def send(prepared: Action) -> Action:
    """Send a prepared action to the WMS and show an accepted one in the mirror. Return the action with its `state`.

    An action with the same key that was sent before is returned instead, and nothing is sent. Raises KeyTaken and
    Invalid, and then nothing was sent; never raises for the WMS's answer. Must not be called inside a transaction: the
    action is committed before the request leaves.
    """
    action = _recorded(prepared)
    if action is prepared:
        outcomes.store(action, action_sender.send(action))
    return action


def _recorded(new: Action) -> Action:
    """Commit the new action, or return the one recorded before under the same key. Raises KeyTaken and Invalid."""
    new.asked_at = now()
    new.settle_at = new.asked_at + ABANDONED_AFTER
    try:
        with transaction.atomic(durable=True):
            # One at a time per connection: of two requests for the same thing, the second sees the first.
            Connection.objects.select_for_update().values_list("pk").get(pk=new.connection_id)
            found = list(Action.objects.raw(KEY_OR_UNSETTLED, [new.connection_id, new.key, new.kind, *OPEN_STATES]))
            known = next((action for action in found if action.key == new.key), None)
            if known is None:
                _refuse_repeated(new, found)
                new.save(force_insert=True)
                return new
    except IntegrityError:
        known = Action.objects.get(connection=new.connection_id, key=new.key)
    if not _is_same(known, new):
        raise KeyTaken
    return known


def _is_same(known: Action, new: Action) -> bool:
    same_target = ActionKind(known.kind).creates or known.external_id == new.external_id
    return known.kind == new.kind and known.values == new.values and same_target


def _refuse_repeated(new: Action, unsettled: Sequence[Action]) -> None:
    """Raise Invalid if the same change was sent under another key and its outcome is still unknown."""
    name = NUMBER_FIELDS.get(ActionKind(new.kind), "")
    if name:
        is_repeated = name in new.values and any(one.values.get(name) == new.values[name] for one in unsettled)
    else:
        is_repeated = any(one.external_id == new.external_id for one in unsettled)
    if is_repeated:
        raise Invalid({name: [STILL_UNKNOWN]})


def _before(kind: ActionKind, values: Mapping[str, Any], row: Mirrored | None) -> dict[str, Any]:
    """Return the mirrored count that an adjustment is about to change; it shows later whether a lost one was made."""
    if kind != ActionKind.ADJUST_INVENTORY or not isinstance(row, InventoryItem):
        return {}
    level = row.levels.filter(warehouse_id=str(values.get("warehouse_id"))).first()
    return {"onhand": str(level.onhand)} if level and level.onhand is not None else {}
