"""The manual sync form: the one place that checks what a page or the API asks to sync."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integrations.entities import GROUPS, Entity
from integrations.models import Connection
from packr.workspaces.errors import Refused

from .models import Mode, Trigger
from .runs import enqueue
from .runs.cadence import local_moment

GROUP_LABELS = {
    "everything": "Run full sync",
    "variants": "Run variants sync",
    "purchase-orders": "Run purchase orders sync",
}
FIELDS = ("entity", "group", "mode", "from", "to")
EARLIEST_YEAR, LATEST_YEAR = 1990, 9000
DATE_NAMES = {"from": "start", "to": "end"}
Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class ManualSyncForm:
    """A checked request for a sync. `field` is `entity` or `group`, `name` the value of that field.

    `window` is the period to read in window mode, in UTC: start inclusive, end exclusive.
    """

    field: str
    name: str
    entities: list[Entity]
    mode: Mode
    window: Window | None = None


def parse(data: Mapping[str, Any], connection: Connection) -> ManualSyncForm:
    """Return the checked form. Raises Refused for wrong values and for what the WMS does not offer."""
    field = _target_field(data)
    name = _choice(data, field, list(GROUPS) if field == "group" else [entity.value for entity in Entity])
    mode = Mode(_choice(data, "mode", Mode.values) if data.get("mode") else Mode.INCREMENTAL)
    members = GROUPS[name] if field == "group" else [Entity(name)]
    entities = [entity for entity in members if entity in connection.connector.entities()]
    if not entities:
        raise Refused(f"{connection.connector.label} does not offer {name.replace('-', ' ')}.", field)
    window = _window(data, ZoneInfo(connection.workspace.timezone)) if mode == Mode.WINDOW else None
    return ManualSyncForm(field, name, entities, mode, window)


def submit(connection: Connection, form: ManualSyncForm, *, trigger: Trigger, person: Any) -> list[enqueue.QueuedRun]:
    """Request the runs of a checked form. Raises Refused if the connection can't run them now."""
    try:
        return enqueue.request_runs(
            connection, form.entities, mode=form.mode, trigger=trigger, person=person, window=form.window
        )
    except Refused as refused:
        raise Refused(str(refused), form.field) from None


def _target_field(data: Mapping[str, Any]) -> str:
    if bool(data.get("entity")) == bool(data.get("group")):
        raise Refused("Choose either an entity or a group.", "entity")
    return "group" if data.get("group") else "entity"


def _choice(data: Mapping[str, Any], field: str, choices: list[str]) -> str:
    value = data[field]
    if value not in choices:
        raise Refused(f"There is no {field} “{value}”. Choose one of {', '.join(choices)}.", field)
    return str(value)


def _window(data: Mapping[str, Any], zone: ZoneInfo) -> Window:
    """Return the moments between which both dates, and all days between them, lie in the workspace's zone."""
    first, last = _date(data, "from"), _date(data, "to")
    if last < first:
        raise Refused("The end date is before the start date. Choose the same date or a later one.", "to")
    start = local_moment(first, datetime.min.time(), zone)
    if start > datetime.now(UTC):
        raise Refused("The start date is in the future. Choose today or an earlier date.", "from")
    return start, local_moment(last + timedelta(days=1), datetime.min.time(), zone)


def _date(data: Mapping[str, Any], field: str) -> date:
    text = data.get(field)
    if not text:
        raise Refused(f"Enter the {DATE_NAMES[field]} date.", field)
    try:
        found = date.fromisoformat(str(text))
    except ValueError:
        raise Refused(f"“{text}” is not a date. Use the format 2026-02-28.", field) from None
    if not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        raise Refused(f"“{text}” is out of range. Choose a date since {EARLIEST_YEAR}.", field)
    return found
