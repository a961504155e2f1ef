"""How fresh the data is, for every page: the chip, the widget, the banner, the words for cadences and run states.

What a page needs of the sync state is read once per request, however many of these tags it uses.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.template import Context
from django.utils import timezone

from integrations.entities import Entity
from integrations.models import Connection, Status
from packr.warehouse.brands import known_connections
from packr.workspaces.templatetags.looks import span
from syncs.models import ACTIVE, EntitySchedule, SyncRun, Trigger
from syncs.recent import state_rows
from syncs.state import EntityState, Freshness, displayed_state, sync_states, worst

register = template.Library()

# Icon, word and tone of everything a run or an entity can be.
RUN_STATES = {
    "queued": ("clock", "Queued", "neutral"),
    "running": ("arrow-path", "Running", "info"),
    "waiting": ("pause-circle", "Waiting", "info"),
    "succeeded": ("check-circle", "Succeeded", "positive"),
    "partial": ("exclamation-circle", "Partial", "warning"),
    "needs_review": ("flag", "Needs review", "warning"),
    "failed": ("x-circle", "Failed", "critical"),
    "cancelled": ("stop-circle", "Cancelled", "neutral"),
    "interrupted": ("link-slash", "Interrupted", "warning"),
}
FRESHNESS = {
    Freshness.NEVER: ("ellipsis-horizontal-circle", "neutral"),
    Freshness.FRESH: ("check-circle", "positive"),
    Freshness.LATE: ("clock", "warning"),
    Freshness.STALE: ("exclamation-triangle", "critical"),
    Freshness.PAUSED: ("pause-circle", "neutral"),
    Freshness.OFF: ("no-symbol", "neutral"),
    Freshness.NOT_OFFERED: ("minus-circle", "neutral"),
}
BEHIND = (Freshness.LATE, Freshness.STALE)


@dataclass(frozen=True, slots=True)
class Here:
    """The connections a place sees, each with the state of its entities (none once disconnected)."""

    connections: list[Connection]
    states: dict[int, list[EntityState]]

    @property
    def live(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.is_live]

    @property
    def ended(self) -> list[Connection]:
        return [connection for connection in self.connections if not connection.is_live]

    @property
    def troubled(self) -> list[Connection]:
        return [connection for connection in self.live if connection.status != Status.CONNECTED]

    def of(self, entity: str) -> list[EntityState]:
        return [state for states in self.states.values() for state in states if state.entity == entity]


@dataclass(frozen=True, slots=True)
class ScreenState:
    """What a data screen says about its data: how fresh it is, as of when, and what stands in its way."""

    here: Here
    states: list[EntityState]
    freshness: Freshness
    as_of: datetime | None

    @property
    def first_run(self) -> SyncRun | None:
        """The latest run of an entity that never had a success: what people wait for, or what went wrong."""
        return next((state.run for state in self.states if state.freshness == Freshness.NEVER and state.run), None)

    @property
    def behind(self) -> list[EntityState]:
        return [state for state in self.states if state.freshness == Freshness.STALE]

    @property
    def off_reason(self) -> str:
        return next((state.schedule.off_reason for state in self.states if state.schedule.off_reason), "")


@dataclass(frozen=True, slots=True)
class Widget:
    """The sync widget: the worst state of everything here, and how long ago the last update was."""

    here: Here
    freshness: Freshness
    about: str
    at: datetime | None
    last_update: datetime | None
    running: list[EntityState]
    behind: list[EntityState]
    upcoming: EntityState | None


def _here(context: Context) -> Here:
    request = context["request"]
    found = getattr(request, "packr_sync_states", None)
    if found is None:
        ours = known_connections(context["place"])
        found = Here(ours, sync_states([one for one in ours if one.is_live]))
        request.packr_sync_states = found
    return found


@register.simple_tag(takes_context=True)
def screen_state(context: Context, entity: Entity, connection_id: int | None = None) -> ScreenState:
    """The sync state behind a data screen: the worst of its connections, and the oldest as-of time.

    For one record's page only the connection counts that the record is from.
    """
    here = _here(context)
    states = [one for one in here.of(entity) if connection_id in (None, one.schedule.connection_id)]
    moments = [state.as_of for state in states if state.as_of]
    return ScreenState(
        here=here,
        states=states,
        freshness=worst(states) if states else Freshness.NOT_OFFERED,
        as_of=min(moments) if len(moments) == len(states) and moments else None,
    )


@register.simple_tag(takes_context=True)
def sync_widget(context: Context) -> Widget:
    """What the sync widget of every page shows."""
    here = _here(context)
    states = [state for each in here.states.values() for state in each]
    moments = [state.as_of for state in states if state.as_of]
    last = max(moments) if moments else None
    freshness = worst(states) if states else Freshness.NEVER
    behind = [state for state in states if state.freshness in BEHIND]
    lagging = min(
        (state for state in behind if state.freshness == freshness and state.as_of),
        key=lambda state: state.as_of or timezone.now(),
        default=None,
    )
    working = {connection.pk for connection in here.live if connection.status != Status.NEEDS_ATTENTION}
    due = [
        state
        for state in states
        if state.schedule.connection_id in working and state.next_run and state.next_run > timezone.now()
    ]
    return Widget(
        here=here,
        freshness=freshness,
        about=lagging.entity.label if lagging else "Updated",
        at=lagging.as_of if lagging else last,
        last_update=last,
        running=[state for state in states if state.run and state.run.is_active and state.read_with is None],
        behind=behind,
        upcoming=min(due, key=lambda state: state.next_run or timezone.now(), default=None),
    )


@register.inclusion_tag("syncs/_state_table.html", takes_context=True)
def sync_state_table(context: Context, connection: Connection) -> dict[str, Any]:
    """The table “Workspace sync state — latest run per table” of a connection, as on the Integrations page."""
    place = context.get("place")
    return {
        "connection": connection,
        "rows": state_rows(connection),
        "where": "page",
        "place": place,
        "may_sync": bool(place and place.may_sync),
        "request": context["request"],
    }


@register.inclusion_tag("components/_badge.html")
def freshness(value: Freshness) -> dict[str, str]:
    """How fresh an entity is."""
    icon, tone = FRESHNESS[Freshness(value)]
    return {"icon": icon, "word": str(Freshness(value).label), "tone": tone}


@register.inclusion_tag("components/_badge.html")
def run_state(run: SyncRun) -> dict[str, str]:
    """The state of a run as people see it."""
    icon, word, tone = RUN_STATES[displayed_state(run)]
    return {"icon": icon, "word": word, "tone": tone}


@register.filter
def connection_name(state: EntityState, here: Here) -> str:
    """The name of the connection whose state this is."""
    return next(one.name for one in here.connections if one.pk == state.schedule.connection_id)


@register.filter
def run_word(run: SyncRun) -> str:
    """The state of a run as a word."""
    return RUN_STATES[displayed_state(run)][1]


@register.filter
def cadence(state: EntityState) -> str:
    """How often an entity is read: `every 5 min`, `daily at 02:10`, `with orders`."""
    if state.read_with:
        return f"with {state.read_with.label.lower()}"
    return _cadence(state.schedule)


def _cadence(schedule: EntitySchedule) -> str:
    if schedule.daily_at:
        return f"daily at {schedule.daily_at:%H:%M}"
    seconds = schedule.every_seconds or 0
    if seconds % 3600 == 0:
        return "every hour" if seconds == 3600 else f"every {seconds // 3600} h"
    return f"every {seconds // 60} min" if seconds % 60 == 0 else f"every {seconds} s"


@register.simple_tag
def waits_for(state: EntityState, connection: Connection) -> str:
    """Why the time of the next run can't be told; empty when it can."""
    if state.read_with or state.next_run is None:
        return "–" if state.read_with is None else f"with {state.read_with.label.lower()}"
    if connection.status == Status.NEEDS_ATTENTION:
        return "when reconnected"
    if state.freshness == Freshness.PAUSED:
        return "after the pause"
    return "due now" if state.next_run <= timezone.now() else ""


@register.filter
def starter(run: SyncRun) -> str:
    """Who began a run."""
    if run.requested_by:
        return str(run.requested_by.get_full_name() or run.requested_by.get_username())
    return {Trigger.SCHEDULE: "The schedule", Trigger.FIRST: "Connecting the WMS", Trigger.SUPPORT: "Support"}.get(
        Trigger(run.trigger), "Packr"
    )


@register.filter
def begun(run: SyncRun) -> datetime:
    """When a run began; for one that still waits for its turn, when it was asked for."""
    return run.started_at or run.created_at


@register.filter
def since(moment: datetime | None) -> str:
    """How long ago, as in `20 s ago`: for what began moments ago."""
    return f"{span(timezone.now() - moment)} ago" if moment else ""


@register.filter
def effort(run: SyncRun | None) -> str:
    """What a run cost: `4 s, 3 pages`; nothing for one that has not completed."""
    if not run or not run.started_at or not run.completed_at:
        return ""
    return f"{span(run.completed_at - run.started_at)}, {run.pages} page{'' if run.pages == 1 else 's'}"


@register.filter
def is_active(run: SyncRun | None) -> bool:
    """Whether a run is still under way or waiting for its turn."""
    return run is not None and run.state in ACTIVE


@register.simple_tag
def milestone(run: SyncRun) -> str:
    """What is worth saying aloud about a run: it began, it ended and how; never each count."""
    if run.is_active:
        return f"{Entity(run.entity).label}: {RUN_STATES[displayed_state(run)][1].lower()}"
    return f"{Entity(run.entity).label}: {RUN_STATES[displayed_state(run)][1].lower()}, {run.seen:,} read"


@register.filter
def clock(moment: datetime | None, place: Any) -> str:
    """The time of day on the workspace's clock: `14:10`."""
    zone = ZoneInfo(place.workspace.timezone) if place else timezone.get_current_timezone()
    return f"{moment.astimezone(zone):%H:%M}" if moment else ""
