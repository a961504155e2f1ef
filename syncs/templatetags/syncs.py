"""Tags for the sync status on every page: chip, widget, banner, badges, cadences.

The tags run no query: `syncs.context_processors` loads the status before a page is rendered.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django import template
from django.http import HttpRequest
from django.template import Context
from django.utils import timezone

from integrations.bill_access import visible_entities
from integrations.entities import GROUPS, Entity
from integrations.models import Connection, Status
from packr.workspaces.formatting import span
from packr.workspaces.request_context import RequestContext
from syncs.diagnosis.causes import CallToAction, Finding, StaleCause
from syncs.diagnosis.diagnose import Diagnosis, diagnose
from syncs.forms import GROUP_LABELS
from syncs.models import EntitySchedule, SyncRun, Trigger
from syncs.status.entity_state import EntityState, sync_state, worst
from syncs.status.freshness import BEHIND, Freshness
from syncs.status.page_status import PageStatus, page_status
from syncs.status.recent_runs import EntityRow, state_rows
from syncs.status.run_states import displayed_state
from syncs.sync_requests import recent_requests

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
CRITICAL_CAUSES = (StaleCause.CREDENTIALS, StaleCause.NO_WORKER)


@dataclass(frozen=True, slots=True)
class ScreenState:
    """The state of the data on a screen: freshness, as-of time, and why it is not newer."""

    place: RequestContext
    here: PageStatus
    entity: Entity
    states: list[EntityState]
    freshness: Freshness
    as_of: datetime | None
    connection_id: int | None = None

    @property
    def first_run(self) -> SyncRun | None:
        """The latest run of an entity that has never been synced: the first sync, running or failed."""
        return next((state.run for state in self.states if state.freshness == Freshness.NEVER and state.run), None)

    @property
    def off_reason(self) -> str:
        return next((state.schedule.off_reason for state in self.states if state.schedule.off_reason), "")

    @property
    def is_behind(self) -> bool:
        return self.freshness in BEHIND

    @property
    def diagnosis(self) -> Diagnosis | None:
        """Why the data is not newer; None unless it is late or stale, or a connection or Packr has a problem."""
        if not self.here.live:
            return None
        troubled = any(self.connection_id in (None, one.pk) for one in self.here.troubled)
        if self.is_behind or troubled or self.here.signs_of_life.no_worker_since(timezone.now()):
            return diagnose(self.place, self.entity, self.connection_id)
        return None


@register.simple_tag(takes_context=True)
def screen_state(context: Context, *entities: str, connection_id: int | None = None) -> ScreenState:
    """Return the state of a screen's data: the worst freshness and the oldest as-of time of its entities.

    `connection_id` limits it to one connection, for the page of a record.
    """
    place = context["place"]
    states = page_status(place).of(*entities, connection_id=connection_id)
    moments = [state.as_of for state in states if state.as_of]
    return ScreenState(
        place=place,
        here=page_status(place),
        entity=Entity(entities[0]),
        states=states,
        freshness=worst(states) if states else Freshness.NOT_OFFERED,
        as_of=min(moments) if len(moments) == len(states) and moments else None,
        connection_id=connection_id,
    )


@register.filter
def group_buttons(connection: Connection) -> list[tuple[str, str]]:
    """Return the names and button labels of the groups of which the WMS offers at least one entity."""
    offered = set(connection.connector.entities())
    return [(name, label) for name, label in GROUP_LABELS.items() if offered & set(GROUPS[name])]


@register.simple_tag(takes_context=True, name="call_to_action")
def finding_call_to_action(context: Context, finding: Finding) -> CallToAction:
    """Return what the person can do about a finding."""
    return finding.call_to_action(context["place"])


@register.filter
def banner_tone(finding: Finding, state: ScreenState) -> str:
    """Return the tone of a banner: critical for stale data and for causes that only a person can fix."""
    return "critical" if state.freshness == Freshness.STALE or finding.cause in CRITICAL_CAUSES else "warning"


@register.filter
def return_path(request: HttpRequest) -> str:
    """Return the address of the page that a form is on, also while htmx replaces a part of it."""
    if request.headers.get("HX-Request") == "true":
        address = urlsplit(request.headers.get("HX-Current-URL", ""))
        return f"{address.path}?{address.query}" if address.query else address.path
    return request.get_full_path() if request.method == "GET" else ""


@register.inclusion_tag("syncs/_ask_admin.html", takes_context=True)
def ask_admin(context: Context, connection: Connection, entity: str = "") -> dict[str, Any]:
    """Show “Ask an admin” to people who may not sync: for one entity, or with a choice and a note."""
    place: RequestContext = context["place"]
    asked = [] if place.may_sync else recent_requests(place)
    target = connection.connector.read_with.get(Entity(entity), entity) if entity else ""
    mine = [one for one in asked if one.connection_id == connection.pk and (not target or one.entity == target)]
    return {
        "connection": connection,
        "entity": entity,
        "entities": visible_entities(connection.connector.entities(), bills=place.may_view_bills),
        "open": [one for one in mine if not one.decision],
        "settled": [one for one in mine if one.decision and one.asked_by_id == context["request"].user.pk][:1],
        "place": place,
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("syncs/_requests.html", takes_context=True)
def sync_requests(context: Context) -> dict[str, Any]:
    """Show the open sync requests to people who may decide them."""
    place: RequestContext = context["place"]
    return {
        "requests": context["widget"].requests,
        "place": place,
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("syncs/_state_table.html", takes_context=True)
def sync_state_table(context: Context, connection: Connection) -> dict[str, Any]:
    """Show the table “Workspace sync state — latest run per table” of a connection on the Integrations page."""
    place = context.get("place")
    return {
        "connection": connection,
        "rows": _rows(context["place"], connection),
        "where": "page",
        "place": place,
        "may_sync": bool(place and place.may_sync),
        "request": context["request"],
    }


def _rows(place: RequestContext, connection: Connection) -> list[EntityRow]:
    """Return the rows of a connection: preloaded, unless it belongs to another workspace of the person."""
    rows = page_status(place).rows
    if connection.pk in rows:
        return rows[connection.pk]
    return state_rows({connection.pk: sync_state(connection, bills=place.may_view_bills)})[connection.pk]


@register.inclusion_tag("components/_badge.html")
def freshness(value: Freshness) -> dict[str, str]:
    """Show the freshness of an entity."""
    icon, tone = FRESHNESS[Freshness(value)]
    return {"icon": icon, "word": str(Freshness(value).label), "tone": tone}


@register.inclusion_tag("components/_badge.html")
def run_state(run: SyncRun) -> dict[str, str]:
    """Show the state of a run."""
    icon, word, tone = RUN_STATES[displayed_state(run)]
    return {"icon": icon, "word": word, "tone": tone}


@register.filter
def run_word(run: SyncRun) -> str:
    """Return the state of a run as a word."""
    return RUN_STATES[displayed_state(run)][1]


@register.filter
def cadence(state: EntityState) -> str:
    """Return how often an entity is synced: `every 5 min`, `daily at 02:10`, `with orders`."""
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
def next_run_note(state: EntityState, connection: Connection) -> str:
    """Return what to show instead of the time of the next run; empty if the time is certain."""
    if state.read_with or state.next_run is None:
        return "–" if state.read_with is None else f"with {state.read_with.label.lower()}"
    if connection.status == Status.NEEDS_ATTENTION:
        return "when reconnected"
    if state.expected_run is None:
        return "after the pause"
    return "due now" if state.expected_run <= timezone.now() else ""


@register.filter
def triggered_by(run: SyncRun) -> str:
    """Return the person or the part of Packr that started a run."""
    if run.requested_by:
        return str(run.requested_by.get_full_name() or run.requested_by.get_username())
    return {Trigger.SCHEDULE: "Schedule", Trigger.FIRST: "Connecting the WMS", Trigger.SUPPORT: "Support"}.get(
        Trigger(run.trigger), "Packr"
    )


@register.filter
def starter(run: SyncRun) -> str:
    """Return who or what started a run, as the subject of a sentence."""
    return "The schedule" if run.trigger == Trigger.SCHEDULE and not run.requested_by else triggered_by(run)


@register.filter
def start_time(run: SyncRun) -> datetime:
    """Return when a run started, or was requested if it is still queued."""
    return run.started_at or run.created_at


@register.filter
def time_since(moment: datetime | None) -> str:
    """Return how long ago a recent moment was: `20 s ago`."""
    return f"{span(timezone.now() - moment)} ago" if moment else ""


@register.filter
def run_cost(run: SyncRun) -> str:
    """Return what a completed run cost: `4 s, 3 pages`; empty for any other."""
    if not run.started_at or not run.completed_at:
        return ""
    return f"{span(run.completed_at - run.started_at)}, {run.pages} page{'' if run.pages == 1 else 's'}"


@register.filter
def announcement(run: SyncRun) -> str:
    """Return what a screen reader announces when a run starts and ends, without the counts in between."""
    text = f"{Entity(run.entity).label}: {run_word(run).lower()}"
    return text if run.is_active else f"{text}, {run.seen:,} record{'' if run.seen == 1 else 's'} read"


@register.filter
def zone_label(name: str) -> str:
    """Return a time zone as people say it: `New York time`, `UTC`."""
    return f"{name.rsplit('/', 1)[-1].replace('_', ' ')} time" if "/" in name else name


@register.filter
def time_of_day(moment: datetime | None, place: Any) -> str:
    """Return the time of day in the workspace's zone: `14:10`."""
    zone = ZoneInfo(place.workspace.timezone) if place else timezone.get_current_timezone()
    return f"{moment.astimezone(zone):%H:%M}" if moment else ""
