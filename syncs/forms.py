"""What a person asks to be synced, as a form or an address says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integrations.entities import GROUPS, Entity
from integrations.models import Connection

from .models import Mode, Trigger
from .runs import enqueue
from .runs.cadence import local_moment

FIELDS = ("entity", "group", "mode", "from", "to")
Window = tuple[datetime, datetime]


class InvalidForm(enqueue.RunRefused):
    """A form that can't be followed: which field, and a sentence for the person who sent it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class ManualSyncForm:
    """What is asked for. `name`: the entity's or the group's; `window`: the moments between which history is read."""

    name: str
    entities: list[Entity]
    mode: Mode
    window: Window | None = None


def parse(form: Mapping[str, Any], connection: Connection) -> ManualSyncForm:
    """What a form asks for; Unclear with the field when it makes no sense, Refused when the WMS does not offer it."""
    entity, group, mode = (form.get(name, "") for name in ("entity", "group", "mode"))
    if mode and mode not in Mode.values:
        raise InvalidForm("mode", f"There is no mode “{mode}”. Choose one of {', '.join(Mode.values)}.")
    if group and group not in GROUPS:
        raise InvalidForm("group", f"There is no group “{group}”. Choose one of {', '.join(GROUPS)}.")
    if not group and entity not in set(Entity):
        asked = f"There is no entity “{entity}”." if entity else "No entity was chosen."
        raise InvalidForm("entity", f"{asked} Choose one from the list.")
    wanted = enqueue.entities_of_group(connection, group, GROUPS[group]) if group else [Entity(entity)]
    chosen = Mode(mode or Mode.INCREMENTAL)
    window = _window(form, connection) if chosen == Mode.WINDOW else None
    return ManualSyncForm(group or entity, wanted, chosen, window)


def submit(connection: Connection, wanted: ManualSyncForm, *, trigger: Trigger, person: Any) -> list[enqueue.QueuedRun]:
    """Request the runs of a wanted. Raises Refused as `enqueue.request_runs`."""
    return enqueue.request_runs(
        connection, wanted.entities, mode=wanted.mode, trigger=trigger, person=person, window=wanted.window
    )


def section_of(form: Mapping[str, Any]) -> str:
    """In which section of the window a form stands: `incremental`, `group`, `full` or `window`."""
    mode = form.get("mode", "")
    if mode in (Mode.FULL, Mode.WINDOW):
        return str(mode)
    return "group" if form.get("group") else "incremental"


def _window(form: Mapping[str, Any], connection: Connection) -> Window:
    """From the first day's begin to the last day's end, by the workspace's clock."""
    first, last = _day(form, "from"), _day(form, "to")
    if last < first:
        raise InvalidForm("to", "The last day lies before the first. Choose a day on or after it.")
    zone = ZoneInfo(connection.workspace.timezone)
    begin = local_moment(first, datetime.min.time(), zone)
    if begin > datetime.now(UTC):
        raise InvalidForm("from", "That day has not begun yet. Choose one that has.")
    return begin, local_moment(last + timedelta(days=1), datetime.min.time(), zone)


def _day(form: Mapping[str, Any], name: str) -> date:
    word = {"from": "first", "to": "last"}[name]
    text = form.get(name, "")
    if not text:
        raise InvalidForm(name, f"The {word} day is missing. Choose one.")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidForm(name, f"“{text}” is no day. Write it as 2026-02-28.") from None
    if not 1990 <= day.year <= 9000:
        raise InvalidForm(name, f"“{text}” is out of range. Choose a day since 1990.")
    return day
