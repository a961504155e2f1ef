"""Overrides: values that Packr shows in place of the WMS's for a while, because the WMS does not accept the change.

An override is shown beside the WMS's value and does not change the mirror. It ends when it expires, or when a sync
brings a newer version of the record. Nothing of it is written to the WMS, or exported as the WMS's value.
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
RETENTION = timedelta(days=90)
SHOWN_AFTER_END = timedelta(days=7)  # on the record's page
MAX_UNITS = Decimal(10) ** 12
MAX_TEXT_LENGTH = 200
NO_REASON = "Enter a reason, so that others understand the value."


def _units(text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Refused("Enter a number of units, such as 12.", "value") from None
    if not number.is_finite() or not 0 <= number < MAX_UNITS:
        raise Refused("Enter a number of units, 0 or more.", "value")
    return f"{number.normalize():f}"


def _text(text: str) -> str:
    if not text or len(text) > MAX_TEXT_LENGTH or not text.isprintable():
        raise Refused(f"Enter a text of at most {MAX_TEXT_LENGTH} characters.", "value")
    return text


@dataclass(frozen=True, slots=True)
class Overridable:
    """A field that can be overridden: its label, the parser of its values, and the action that sets it in a WMS."""

    label: str
    parse: Callable[[str], str]
    action: ActionKind | None = None

    @property
    def is_number(self) -> bool:
        return self.parse is _units


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


@dataclass(frozen=True, slots=True)
class OverrideEntry:
    """An override of `with_rows` as pages show it, with its state at one moment."""

    override: Override
    state: OverrideState

    @property
    def label(self) -> str:
        """The label of the overridden field."""
        return _field(self.override).label

    @property
    def is_active(self) -> bool:
        return self.state == OverrideState.ACTIVE

    @property
    def is_replaced(self) -> bool:
        return self.state == OverrideState.REPLACED

    @property
    def ended_at(self) -> datetime:
        """When the override ended: by a person, by a newer version from the WMS, or by expiring."""
        if self.override.ended_at:
            return self.override.ended_at
        row_changed_at: datetime | None = getattr(self.override, "row_changed_at", None)
        return row_changed_at if self.is_replaced and row_changed_at else self.override.expires_at


def entry_of(override: Override) -> OverrideEntry:
    """Return an override of `with_rows` with its present state."""
    return OverrideEntry(override, override.state())


def choices(connection: Connection, entity: Entity) -> dict[str, str]:
    """Return the labels of the fields that can be overridden: those that can't be changed in the WMS itself."""
    return {
        name: field.label
        for name, field in FIELDS.get(entity, {}).items()
        if not _is_sent(connection, name, field.action)
    }


def _is_sent(connection: Connection, name: str, action: ActionKind | None) -> bool:
    """Return whether the WMS accepts changes of a field."""
    if action is None or available_actions(connection)[action]:
        return False
    return action == ActionKind.ADJUST_INVENTORY or name in {one.name for one in action_fields(connection, action)}


def create(
    row: Mirrored, entity: Entity, name: str, *, value: str, reason: str, expires_at: datetime, person: Any
) -> Override:
    """Override a field until `expires_at`; an open override of the same field ends.

    Raises Refused, and PermissionDenied if the person may not act.
    """
    _check_permission(person, row.connection)
    field = FIELDS.get(entity, {}).get(name)
    if field is None or name not in choices(row.connection, entity):
        raise Refused("Packr can change this value in the WMS: send the change there.", "field")
    parsed, reason = field.parse(value.strip()), reason.strip()
    if not reason:
        raise Refused(NO_REASON, "reason")
    moment = now()
    if not moment < expires_at <= moment + MAX_DURATION:
        raise Refused(f"Choose a day from today to {MAX_DURATION.days} days from now.", "expires_on")
    with transaction.atomic():
        Connection.objects.select_for_update().get(pk=row.connection_id)  # keeps syncs from writing the row
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
            value=parsed,
            before=None if before is None else f"{before.normalize():f}" if field.is_number else str(before),
            reason=reason[:500],
            author=person,
            made_at=moment,
            expires_at=expires_at,
            change_no=row.change_no,
        )
        _record_event(made, f"{field.label} of {made.name} was overridden with {parsed}: {made.reason}", person)
    return made


def end(override: Override, person: Any) -> bool:
    """End an override, so that the WMS's value shows again. Return whether it was still active."""
    _check_permission(person, override.connection)
    with transaction.atomic():
        ended = Override.objects.filter(pk=override.pk, ended_at=None).update(ended_at=now(), ended_by=person)
        if ended:
            _record_event(override, f"{_field(override).label} of {override.name}: the override ended.", person)
    return bool(ended)


def _check_permission(person: Any, connection: Connection) -> None:
    if not access.allows(person, ACT, connection.workspace):
        raise PermissionDenied("Only an admin of this workspace may do this.")


def _record_event(override: Override, text: str, person: Any) -> None:
    events.record_event(override.connection, EventKind.CONFIGURATION, text, person=person)


def _field(override: Override) -> Overridable:
    return FIELDS[Entity(override.entity)][override.field]


def _open(entity: Entity, row_ids: Iterable[int]) -> Any:
    return Override.objects.filter(entity=entity, row_id__in=row_ids, ended_at=None)


def current(entity: Entity, rows: Sequence[Mirrored]) -> dict[int, dict[str, Override]]:
    """Return the active overrides of these rows, by row key and field, in one query or none."""
    # Rows of a list carry `is_overridden`: only overridden ones are looked up.
    by_key = {row.pk: row for row in rows if getattr(row, "is_overridden", True)}
    if entity not in FIELDS or not by_key:
        return {}
    found: dict[int, dict[str, Override]] = {}
    for one in _open(entity, by_key).select_related("author"):
        if one.state(by_key[one.row_id]) == OverrideState.ACTIVE:
            found.setdefault(one.row_id, {})[one.field] = one
    return found


def of_record(row: Mirrored, entity: Entity) -> list[OverrideEntry]:
    """Return a record's active overrides, and those replaced or expired in the last week."""
    if entity not in FIELDS:
        return []
    found = Override.objects.with_rows().filter(entity=entity, row_id=row.pk, ended_at=None)
    entries = [entry_of(override) for override in found.select_related("author")]
    return [one for one in entries if one.is_active or one.ended_at > now() - SHOWN_AFTER_END]


def prune(moment: datetime) -> None:
    """Delete overrides that expired more than RETENTION ago."""
    Override.objects.filter(expires_at__lt=moment - RETENTION).delete()
