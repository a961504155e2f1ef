"""Paging through the records of one entity: as a list of what exists, or as a feed of changes.

Both go connection by connection. The list follows the WMS's ids. The feed follows each connection's change numbers,
which are assigned in the order in which changes become visible, so a reader that continues from its cursor misses no
change, whatever is written in between.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from integrations.bill_access import view_permission, workspaces_with_bills
from integrations.entities import Entity
from integrations.models import Connection
from packr.workspaces import access
from packr.workspaces.models import Brand
from packr.workspaces.request_context import RequestContext

from ..mirror.schema import TABLES
from ..models import Mirrored
from ..visibility import seen_by

MAX_INTEGER = 2**63 - 1
# A change gets its time before it becomes visible, and clocks differ: a feed starts this much earlier than requested.
START_MARGIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Position:
    """Position of a reader: in a feed a change number and row key for each connection, in a list one WMS id."""

    is_feed: bool
    seen: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    connection: int = 0
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Rows of one page and the next position; None at the end of a list. A feed never ends."""

    rows: list[Mirrored]
    next: Position | None


@dataclass(frozen=True, slots=True)
class RecordScope:
    """The records that a reader sees: of one entity, of these connections, and of one brand or all."""

    entity: Entity
    connections: Sequence[Connection]
    brand: Brand | None = None

    def rows(self, connection: Connection, *, include_removed: bool) -> QuerySet[Mirrored]:
        rows = TABLES[self.entity].model.objects.filter(connection=connection)
        if self.brand:
            context = RequestContext(self.brand.workspace, self.brand, [], [], may_sync=False)
            return seen_by(rows, context, removed=include_removed)
        return rows if include_removed else rows.present()


def connections(user: Any, entity: Entity) -> QuerySet[Connection]:
    """Return the connections whose records of an entity a person may read."""
    visible = access.visible(user, Connection.objects.select_related("workspace")).order_by("pk")
    return visible.filter(workspace__in=workspaces_with_bills(user)) if view_permission(entity) else visible


def list_records(scope: RecordScope, after: Position, size: int) -> RecordPage:
    """Return the next records that exist in the WMS, by connection and WMS id."""
    rows: list[Mirrored] = []
    for connection in scope.connections:
        if connection.pk < after.connection:
            continue
        remaining = scope.rows(connection, include_removed=False).order_by("external_id")
        if connection.pk == after.connection:
            remaining = remaining.filter(external_id__gt=after.external_id)
        rows += remaining[: size + 1 - len(rows)]
        if len(rows) > size:
            last = rows[size - 1]
            return RecordPage(rows[:size], Position(False, connection=last.connection_id, external_id=last.external_id))
    return RecordPage(rows, None)


def list_changes(scope: RecordScope, since: datetime | None, after: Position, size: int) -> RecordPage:
    """Return the next changes, including removals; no rows if there are none yet."""
    rows: list[Mirrored] = []
    seen = dict(after.seen)
    for connection in scope.connections:
        number, pk = seen.get(connection.pk, (-1, 0))
        if (connection.change_no, MAX_INTEGER) <= (number, pk) or len(rows) >= size:
            continue
        unseen = Q(change_no__gt=number) | Q(change_no=number, pk__gt=pk)
        changes = scope.rows(connection, include_removed=True).filter(unseen)
        if since:
            changes = changes.filter(changed_at__gte=since - START_MARGIN)
        found = list(changes.order_by("change_no", "pk")[: size - len(rows)])
        rows += found
        last = (found[-1].change_no, found[-1].pk) if found else (number, pk)
        # A page with room left has all changes of the connection: skip it until its change number grows.
        seen[connection.pk] = max(last, (connection.change_no, MAX_INTEGER)) if len(rows) < size else last
    return RecordPage(rows, Position(True, seen))


def encode_cursor(position: Position) -> str:
    """Return a position as the cursor of an address."""
    value: Any = (
        {str(connection): seen for connection, seen in position.seen.items()}
        if position.is_feed
        else [position.connection, position.external_id]
    )
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Position | None:
    """Return the position of a cursor; None if it is invalid."""
    try:
        value = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if isinstance(value, dict):
            return Position(True, {_integer(int(one)): (_integer(no), _integer(pk)) for one, (no, pk) in value.items()})
        connection, external_id = value
        external_id.encode()
        if "\0" in external_id:
            return None
        return Position(False, connection=_integer(connection), external_id=external_id)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _integer(value: Any) -> int:
    if type(value) is not int or not -1 <= value <= MAX_INTEGER:
        raise ValueError(value)
    return value
