"""An action from a person's word to the WMS's answer."""

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
from .validation import Invalid, checked

# An action that is still "sending" by then was left behind by a process that died.
LEFT_BEHIND = action_sender.ANSWER_TIMEOUT + timedelta(seconds=20)
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
# By what two wishes to create something would be the same thing.
NUMBERS = {
    ActionKind.CREATE_ORDER: "order_number",
    ActionKind.CREATE_INBOUND_SHIPMENT: "purchase_order_number",
}
# Not by the ORM, which takes longer to put this together than it takes to run.
KEY_OR_UNSETTLED = f"""
    SELECT * FROM {Action._meta.db_table}
    WHERE connection_id = %s AND (key = %s OR kind = %s AND state IN (%s, %s) AND settle_at IS NOT NULL)"""


class KeyTaken(Refused):
    """The refusal of a key that was used for another change before."""

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
    """Send a change to the WMS and show it in the mirror. What came of it is the returned action's `state`.

    `row` is what is changed. The same `key` again returns the same action, and nothing is sent. Raises
    PermissionDenied, Refused, Invalid and KeyTaken, and then nothing was sent; never for what the WMS says. Must
    not be called inside a transaction: the action has to be on record before the request leaves.
    """
    if not access.allows(person, ACT, connection.workspace):
        raise PermissionDenied("Only an admin of this workspace may do this.")
    _belongs(connection, kind, row)
    reason = available_actions(connection)[kind]
    # What was sent before the connection broke is still told.
    if reason and not Action.objects.filter(connection=connection, key=key).exists():
        raise Refused(reason, status=HTTPStatus.CONFLICT)
    found = checked(values, fields(connection, kind, row))
    action, is_new = _on_record(connection, kind, found, person, key, row, through)
    if is_new:
        outcomes.take(action, action_sender.send(action))
    return action


def _belongs(connection: Connection, kind: ActionKind, row: Mirrored | None) -> None:
    if kind.creates == (row is not None):
        raise ValueError(f"{kind} takes {'no' if kind.creates else 'a'} row")
    if row is not None and (row.connection_id != connection.pk or not isinstance(row, TABLES[kind.entity].model)):
        raise ValueError(f"{row!r} is not of this connection, or nothing for {kind}")


def _on_record(
    connection: Connection,
    kind: ActionKind,
    values: dict[str, Any],
    person: Any,
    key: str,
    row: Mirrored | None,
    through: str,
) -> tuple[Action, bool]:
    """The action of this key, committed before anything is sent, and whether it is new. Raises KeyTaken, Invalid."""
    moment = now()
    new = Action(
        connection=connection,
        kind=kind,
        entity=kind.entity,
        external_id=row.external_id if row else "",
        reference=f"packr-{''.join(secrets.choice(ALPHABET) for _ in range(12))}",
        key=key,
        values=values,
        before=_before(kind, values, row),
        person=person,
        through=through,
        asked_at=moment,
        settle_at=moment + LEFT_BEHIND,
    )
    try:
        with transaction.atomic(durable=True):
            # In a row: of two wishes for the same thing the second sees the first.
            Connection.objects.select_for_update().values_list("pk").get(pk=connection.pk)
            found = list(Action.objects.raw(KEY_OR_UNSETTLED, [connection.pk, key, kind, *OPEN_STATES]))
            known = next((one for one in found if one.key == key), None)
            if known is None:
                _refuse_twice(new, found)
                new.save(force_insert=True)
                return new, True
    except IntegrityError:
        known = Action.objects.get(connection=connection, key=key)
    if not _is_same(known, new):
        raise KeyTaken
    return known, False


def _is_same(known: Action, new: Action) -> bool:
    same_target = ActionKind(known.kind).creates or known.external_id == new.external_id
    return known.kind == new.kind and known.values == new.values and same_target


def _refuse_twice(new: Action, unsettled: Sequence[Action]) -> None:
    """While nobody knows what became of a change, the same one is not sent by another key. Raises Invalid."""
    kind = ActionKind(new.kind)
    if kind.creates:
        name = NUMBERS[kind]
        same = name in new.values and any(one.values.get(name) == new.values[name] for one in unsettled)
    else:
        name, same = "", any(one.external_id == new.external_id for one in unsettled)
    if same:
        raise Invalid(
            {
                name: [
                    "The same change was sent already, and Packr is still finding out whether the WMS made it. Wait "
                    "for that, so that it is not made twice."
                ]
            }
        )


def _before(kind: ActionKind, values: Mapping[str, Any], row: Mirrored | None) -> dict[str, Any]:
    """What the mirror has of a count that is about to be changed: by that a lost answer can be found out."""
    if kind != ActionKind.ADJUST_INVENTORY or not isinstance(row, InventoryItem):
        return {}
    level = row.levels.filter(warehouse_id=str(values.get("warehouse_id"))).first()
    return {"onhand": str(level.onhand)} if level and level.onhand is not None else {}
