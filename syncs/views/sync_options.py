"""What the manual sync window offers, as text: target entities, groups, and what a sync usually costs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from integrations.entities import GROUPS
from integrations.models import Connection
from packr.workspaces.formatting import day, listed, span

from ..forms import GROUP_LABELS, ManualSyncForm
from ..models import Mode
from ..status.entity_state import EntityState
from ..status.recent_runs import Estimate, Estimates, likely_mode, total_of
from ..templatetags.syncs import start_time, starter


@dataclass(frozen=True, slots=True)
class Target:
    """An entity offered for an incremental sync. `outlook`: what to know before running it."""

    entity: str
    label: str
    outlook: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group offered for an incremental sync. `cost` is empty if any member has no estimate."""

    name: str
    label: str
    scope: str
    cost: str


def cost_text(usual: Estimate | None) -> str:
    """Return the usual cost of a sync: `4 s and 3 requests`, in pages if requests are unknown; empty if all is."""
    if usual is None:
        return ""
    number, unit = (usual.requests, "request") if usual.requests else (usual.pages, "page")
    duration = span(usual.took) if usual.took >= timedelta(seconds=1) else "under 1 s"
    return f"{duration} and {number:,} {unit}{'' if number == 1 else 's'}"


def estimate(state: EntityState, estimates: Estimates, mode: Mode = Mode.INCREMENTAL) -> Estimate | None:
    """Return the usual cost of a sync of the entity in the mode that such a request really gets."""
    return estimates.get((state.read_with or state.entity, likely_mode(state.schedule, mode)))


def targets(
    connection: Connection, states: Iterable[EntityState], estimates: Estimates, watched: Collection[int]
) -> list[Target]:
    """Return the entities to choose from. `watched`: the keys of the runs shown in the same window."""
    zone = ZoneInfo(connection.workspace.timezone)
    return [_target(state, estimates, watched, zone) for state in states]


def _target(state: EntityState, estimates: Estimates, watched: Collection[int], zone: ZoneInfo) -> Target:
    label = state.entity.label
    if state.read_with:
        label = f"{label} (read with {state.read_with.label.lower()})"
    return Target(state.entity.value, label, _outlook(state, estimates, watched, zone))


def _outlook(state: EntityState, estimates: Estimates, watched: Collection[int], zone: ZoneInfo) -> str:
    mode = likely_mode(state.schedule, Mode.INCREMENTAL)
    usual = cost_text(estimate(state, estimates))
    sentences = [f"Usually {usual}." if usual else f"No {mode.label.lower()} run yet, so no estimate."]
    if state.schedule.watermark is None:
        sentences.append("Never synced, so all records are read.")
    run = state.run
    if run and run.is_active and run.pk not in watched:
        started = _time(start_time(run), zone)
        sentences.append(f"Already running: {starter(run)} started it at {started}. Run shows that sync.")
    elif run and run.completed_at and run.pk not in watched:
        sentences.append(f"Last run: {_time(run.completed_at, zone)}.")
    if state.expected_run:
        sentences.append(f"Next scheduled run: about {_time(state.expected_run, zone)}.")
    return " ".join(sentences)


def _time(moment: datetime, zone: ZoneInfo) -> str:
    """Return the time of day in the workspace's zone, with the date if it is not today."""
    local = moment.astimezone(zone)
    time = f"{local:%H:%M}"
    return time if local.date() == timezone.now().astimezone(zone).date() else f"{day(moment, zone)}, {time}"


def group_offers(connection: Connection, states: Sequence[EntityState], estimates: Estimates) -> list[Group]:
    """Return the groups of which the WMS offers at least one entity."""
    offered = set(connection.connector.entities())
    names = [name for name, members in GROUPS.items() if offered & set(members)]
    return [
        Group(name, GROUP_LABELS[name], _scope(name, states), _group_cost(name, states, estimates)) for name in names
    ]


def _scope(name: str, states: Sequence[EntityState]) -> str:
    if name == "everything":
        return "Syncs every data type, changes only. Same as the nightly sync."
    members = listed([state.entity.label.lower() for state in states if state.entity in GROUPS[name]])
    if name == "purchase-orders":
        members += " (purchase, transfer and assembly orders)"
    return f"Syncs {members}: changes since the last full or {name.replace('-', ' ')} sync."


def _group_cost(name: str, states: Sequence[EntityState], estimates: Estimates) -> str:
    members = {state.read_with or state.entity for state in states if state.entity in GROUPS[name]}
    return cost_text(total_of([estimate(state, estimates) for state in states if state.entity in members]))


def confirmation_title(form: ManualSyncForm) -> str:
    """Return the headline of the page that confirms a sync."""
    if form.field == "group" and form.mode == Mode.INCREMENTAL:
        return f"{GROUP_LABELS[form.name]}?"
    name = form.name.replace("-", " ")
    return {
        Mode.INCREMENTAL: f"Update {name}?",
        Mode.FULL: f"Run a full update of {name}?",
        Mode.WINDOW: f"Re-read {name} in this date window?",
    }[form.mode]


EXPLANATIONS = {
    Mode.INCREMENTAL: "Syncs changes only. A broader sync takes longer and sends more requests to your WMS; for one "
    "screen, an incremental sync of its data is enough.",
    Mode.FULL: "Reads every record, changed or not, and finds records that are no longer in the WMS. You can use the "
    "data meanwhile; scheduled syncs of the same account take turns with this one.",
    Mode.WINDOW: "Re-reads records changed in this date window. Nothing is removed, and the schedule does not change.",
}


def no_estimate_reason(modes: Sequence[Mode]) -> str:
    """Return why there is no total for runs in these modes, one per entity."""
    if Mode.WINDOW in modes:
        return "There are no estimates for date windows."
    if len(modes) == 1:
        return f"No {modes[0].label.lower()} run yet, so no estimate."
    return "Some of this data has no such run yet, so there is no estimate."
