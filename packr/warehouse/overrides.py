"""Values that people put over the WMS's own for a while, where the WMS can't be told.

An override is shown beside what the WMS says and leaves the mirror alone. The next version of the record that a sync
brings replaces it; so does its own end. Nothing of it is written to the WMS or exported as the WMS's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.timezone import now

from integrations import events
from integrations.connectors.actions import ActionKind
from integrations.entities import Entity
from integrations.models import Connection, EventKind
from packr.workspaces import access
from packr.workspaces.errors import Refused
from packr.workspaces.models import ACT

from .actions import available_actions
from .actions import fields as action_fields
from .models import Mirrored, Override
from .models.overrides import OverrideState

MAX_DURATION = timedelta(days=90)
KEPT = timedelta(days=90)
SHOWN_AFTER = timedelta(days=7)
MOST_UNITS = Decimal(10) ** 12


def _units(text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Refused("Enter a number of units, such as 12.", "value") from None
    if not number.is_finite() or not 0 <= number < MOST_UNITS:
        raise Refused("Enter a number of units that is not below zero.", "value")
    return f"{number.normalize():f}"


def _text(text: str) -> str:
    if not text or len(text) > 200 or not text.isprintable():
        raise Refused("Enter a text of at most 200 characters.", "value")
    return text


@dataclass(frozen=True, slots=True)
class Overridable:
    """A field that can be overridden: the words for it, how a value is read, and the action that sets it at a WMS."""

    label: str
    read: Callable[[str], str]
    action: ActionKind | None = None

    @property
    def is_number(self) -> bool:
        return self.read is _units


FIELDS: Mapping[Entity, Mapping[str, Overridable]] = {
    Entity.INVENTORY: {
        "onhand": Overridable("On hand", _units, ActionKind.ADJUST_INVENTORY),
        "fulfillable": Overridable("Available", _units, ActionKind.ADJUST_INVENTORY),
        "awaiting": Overridable("Inbound", _units),
    },
    Entity.PRODUCTS: {
        "name": Overridable("Name", _text, ActionKind.UPDATE_PRODUCT),
        "gtin": Overridable("GTIN", _text, ActionKind.UPDATE_PRODUCT),
        "unit_price": Overridable("Unit price", _units, ActionKind.UPDATE_PRODUCT),
    },
}


def choices(connection: Connection, entity: Entity) -> dict[str, str]:
    """The fields that can be overridden, each with its label: those that can't be changed in the WMS itself."""
    return {
        name: field.label
        for name, field in FIELDS.get(entity, {}).items()
        if not _is_sent(connection, name, field.action)
    }


def _is_sent(connection: Connection, name: str, action: ActionKind | None) -> bool:
    """Whether the WMS takes changes of a field."""
    if action is None or available_actions(connection)[action]:
        return False
    return action == ActionKind.ADJUST_INVENTORY or name in {one.name for one in action_fields(connection, action)}


def create(
    row: Mirrored, entity: Entity, name: str, *, value: str, reason: str, expires_at: datetime, person: Any
) -> Override:
    """Put a value over the WMS's own until it expires. Raises Refused, and PermissionDenied without the right to act.

    An override of the same field that is still open ends with it.
    """
    _allow(person, row.connection)
    field = FIELDS.get(entity, {}).get(name)
    if field is None or name not in choices(row.connection, entity):
        raise Refused("This value is changed in the WMS itself: send the change there.", "field")
    read, reason = field.read(value.strip()), reason.strip()
    if not reason:
        raise Refused("Say why, so that others understand the value.", "reason")
    moment = now()
    if not moment < expires_at <= moment + MAX_DURATION:
        raise Refused("Choose a day from today to 90 days from now.", "expires_on")
    with transaction.atomic():
        Connection.objects.select_for_update().get(pk=row.connection_id)  # nobody writes the row meanwhile
        row.refresh_from_db(fields=[name, "change_no", "removed_at"])
        _open(entity, [row.pk]).filter(field=name).update(ended_at=moment, ended_by=person)
        before = getattr(row, name)
        made = Override.objects.create(
            connection=row.connection,
            entity=entity,
            row_id=row.pk,
            external_id=row.external_id,
            name=str(row)[:200],
            field=name,
            value=read,
            before=None if before is None else f"{before.normalize():f}" if field.is_number else str(before),
            reason=reason[:500],
            author=person,
            made_at=moment,
            expires_at=expires_at,
            change_no=row.change_no,
        )
        _note(made, f"{field.label} of {made.name} is shown as {read}: {made.reason}", person)
    return made


def end(override: Override, person: Any) -> bool:
    """Show what the WMS says again, at a person's word; whether it was still open."""
    _allow(person, override.connection)
    with transaction.atomic():
        ended = Override.objects.filter(pk=override.pk, ended_at=None).update(ended_at=now(), ended_by=person)
        if ended:
            label = FIELDS[Entity(override.entity)][override.field].label
            _note(override, f"{label} of {override.name} is shown as the WMS says again.", person)
    return bool(ended)


def _allow(person: Any, connection: Connection) -> None:
    if not access.allows(person, ACT, connection.workspace):
        raise PermissionDenied("Only an admin of this workspace may do this.")


def _note(override: Override, text: str, person: Any) -> None:
    events.record_event(override.connection, EventKind.CONFIGURATION, text, person=person)


def _open(entity: Entity, row_ids: Iterable[int]) -> Any:
    return Override.objects.filter(entity=entity, row_id__in=row_ids, ended_at=None)


def current(entity: Entity, rows: Sequence[Mirrored]) -> dict[int, dict[str, Override]]:
    """The overrides that hold for these rows, by the row's key and the field. One statement, or none."""
    # A list's rows know already whether there is any.
    by_key = {row.pk: row for row in rows if getattr(row, "is_overridden", True)}
    if entity not in FIELDS or not by_key:
        return {}
    found: dict[int, dict[str, Override]] = {}
    for one in _open(entity, by_key).select_related("author"):
        if one.state(by_key[one.row_id]) == OverrideState.ACTIVE:
            found.setdefault(one.row_id, {})[one.field] = one
    return found


def of_record(row: Mirrored, entity: Entity) -> list[Override]:
    """What there is to tell on a record's page: what holds, and what was replaced or expired in the last week."""
    if entity not in FIELDS:
        return []
    lately = now() - SHOWN_AFTER
    found = Override.objects.with_rows().filter(entity=entity, row_id=row.pk, ended_at=None)
    return [
        one for one in found.select_related("author") if one.state() == OverrideState.ACTIVE or ended_at(one) > lately
    ]


def ended_at(override: Any) -> datetime:
    """When an override of `with_rows` was over: ended, replaced by the WMS's newer version, or expired."""
    if override.ended_at:
        return override.ended_at  # type: ignore[no-any-return]
    if override.state() == OverrideState.REPLACED and override.row_changed_at:
        return override.row_changed_at  # type: ignore[no-any-return]
    return override.expires_at  # type: ignore[no-any-return]


def label(override: Override) -> str:
    """The words for what is overridden."""
    return FIELDS[Entity(override.entity)][override.field].label


def prune(moment: datetime) -> None:
    """Forget overrides that expired long ago."""
    Override.objects.filter(expires_at__lt=moment - KEPT).delete()
