"""Walking through the records of one entity: as a list of what there is, or as a feed of what changes.

Both go connection by connection. The list follows the WMS's ids; the feed follows each connection's change numbers,
which are given out in the order in which changes become visible, so a reader that carries on from its cursor misses no
change, whatever is written meanwhile.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from integrations.entities import Entity
from integrations.models import Connection
from integrations.permissions import view_permission, workspaces_with_bills
from packr.workspaces import access
from packr.workspaces.models import Brand
from packr.workspaces.request_context import RequestContext

from ..mirror.schema import TABLES
from ..models import Mirrored
from ..visibility import seen_by

LARGEST = 2**63 - 1
# A change is stamped before it becomes visible, and clocks differ: a feed begins so much earlier than was asked.
MARGIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a walk stands. A feed has a change number and a row's id for each connection, a list one WMS id."""

    feeds: bool
    seen: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    connection: int = 0
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a walk in its order. `after`: where it goes on; None: a list's end. A feed never ends."""

    rows: list[Mirrored]
    after: Position | None


@dataclass(frozen=True, slots=True)
class Sight:
    """What of one entity somebody sees: of these connections, and of one brand or all."""

    entity: Entity
    connections: Sequence[Connection]
    brand: Brand | None = None

    def rows(self, connection: Connection, *, removed: bool) -> QuerySet[Mirrored]:
        rows = TABLES[self.entity].model.objects.filter(connection=connection)
        if self.brand:
            here = RequestContext(self.brand.workspace, self.brand, [], [], may_sync=False)
            return seen_by(rows, here, removed=removed)
        return rows if removed else rows.present()


def connections(user: Any, entity: Entity) -> QuerySet[Connection]:
    """The connections whose records of an entity a person may read: bills only where they may see bills."""
    ours = access.visible(user, Connection.objects.select_related("workspace")).order_by("pk")
    return ours.filter(workspace__in=workspaces_with_bills(user)) if view_permission(entity) else ours


def listed(sight: Sight, after: Position, size: int) -> Found:
    """The next records that are in the WMS, by connection and by the WMS's id."""
    rows: list[Mirrored] = []
    for connection in sight.connections:
        if connection.pk < after.connection:
            continue
        here = sight.rows(connection, removed=False).order_by("external_id")
        if connection.pk == after.connection:
            here = here.filter(external_id__gt=after.external_id)
        rows += here[: size + 1 - len(rows)]
        if len(rows) > size:
            last = rows[size - 1]
            return Found(rows[:size], Position(False, connection=last.connection_id, external_id=last.external_id))
    return Found(rows, None)


def changed(sight: Sight, since: datetime | None, after: Position, size: int) -> Found:
    """The next changes, those that left the WMS included; none when the reader knows them all."""
    rows: list[Mirrored] = []
    seen = dict(after.seen)
    for connection in sight.connections:
        number, pk = seen.get(connection.pk, (-1, 0))
        if (connection.change_no, LARGEST) <= (number, pk) or len(rows) >= size:
            continue
        here = sight.rows(connection, removed=True).filter(Q(change_no__gt=number) | Q(change_no=number, pk__gt=pk))
        if since:
            here = here.filter(changed_at__gte=since - MARGIN)
        found = list(here.order_by("change_no", "pk")[: size - len(rows)])
        rows += found
        last = (found[-1].change_no, found[-1].pk) if found else (number, pk)
        # With room left, all that the connection had changed by then is known: till it changes more, nobody looks.
        seen[connection.pk] = max(last, (connection.change_no, LARGEST)) if len(rows) < size else last
    return Found(rows, Position(True, seen))


def written(position: Position) -> str:
    """A position for an address."""
    value: Any = (
        {str(key): place for key, place in position.seen.items()}
        if position.feeds
        else [position.connection, position.external_id]
    )
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def read(text: str) -> Position | None:
    """The position from an address; None when it is none."""
    try:
        value = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if isinstance(value, dict):
            return Position(True, {_key(int(key)): (_key(no), _key(pk)) for key, (no, pk) in value.items()})
        connection, external_id = value
        external_id.encode()
        return None if "\0" in external_id else Position(False, connection=_key(connection), external_id=external_id)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _key(value: Any) -> int:
    if type(value) is not int or not -1 <= value <= LARGEST:
        raise ValueError(value)
    return value
