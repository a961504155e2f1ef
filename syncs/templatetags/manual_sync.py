"""What a person reads before asking for a sync: what it costs, what comes of it, what stands on the button."""

from datetime import datetime, timedelta

from django import template
from django.template import Context
from django.utils import timezone

from integrations.entities import GROUPS
from packr.workspaces.formatting import day, listed, span, zone_of
from syncs.forms import ManualSyncForm
from syncs.models import Mode
from syncs.status.entity_state import EntityState
from syncs.status.recent_runs import Estimate, Estimates, likely_mode, total_of

from .syncs import starter

register = template.Library()

GROUP_BUTTONS = {
    "everything": "Run full sync",
    "variants": "Run variants sync",
    "purchase-orders": "Run purchase orders sync",
}
GROUP_SINCE = {
    "everything": "the last sync of each",
    "variants": "the last full or variants sync",
    "purchase-orders": "the last full or purchase orders sync",
}


@register.filter
def costs(usual: Estimate | None) -> str:
    """What a sync usually costs: `4 s, 3 requests`; nothing when it is not known."""
    if usual is None:
        return ""
    count, word = (usual.requests, "request") if usual.requests else (usual.pages, "page")
    took = span(usual.took) if usual.took >= timedelta(seconds=1) else "under 1 s"
    return f"{took}, {count:,} {word}{'' if count == 1 else 's'}"


@register.simple_tag
def usual_cost(state: EntityState, estimates: Estimates, mode: str = Mode.INCREMENTAL) -> str:
    """What a sync of the entity in a mode usually costs, in words."""
    return costs(_usual(state, estimates, Mode(mode)))


@register.simple_tag
def cost_of_group(states: list[EntityState], estimates: Estimates, name: str) -> str:
    """What a group costs altogether, what changed being read; nothing unless all of it is known."""
    members = {state.read_with or state.entity for state in states if state.entity in GROUPS[name]}
    return costs(total_of([_usual(state, estimates) for state in states if state.entity in members]))


def _usual(state: EntityState, estimates: Estimates, mode: Mode = Mode.INCREMENTAL) -> Estimate | None:
    return estimates.get((state.read_with or state.entity, likely_mode(state.schedule, mode)))


@register.simple_tag(takes_context=True)
def outlook(context: Context, state: EntityState, estimates: Estimates) -> str:
    """What a person should know before running a sync of the entity, in a few sentences."""
    usual = costs(_usual(state, estimates))
    run = state.run
    said = [f"Usually {usual}." if usual else "How long it takes isn’t known yet: none has succeeded."]
    if state.schedule.watermark is None:
        said.append("It was never synced, so everything is read.")
    if run and run.pk in {one.run.pk for one in context.get("watched") or ()}:
        pass  # it moves above, while this stays as it is
    elif run and run.is_active:
        began = f"{starter(run)} started it at {_clock(context, run.started_at or run.created_at)}"
        said.append(f"Already running: {began}; Run shows you that one.")
    elif run and run.completed_at:
        said.append(f"Last run: {_clock(context, run.completed_at)}.")
    if state.next_run:
        said.append(f"Next scheduled run: about {_clock(context, state.next_run)}.")
    return " ".join(said)


def _clock(context: Context, moment: datetime) -> str:
    """The time of day, and the day where it is another one, on the workspace's clock."""
    zone = zone_of(context)
    today = timezone.now().astimezone(zone).date()
    local = moment.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == today else f"{day(moment, zone)}, {local:%H:%M}"


@register.filter
def group_button(name: str) -> str:
    """What stands on the button of a group."""
    return GROUP_BUTTONS[name]


@register.filter
def group_since(name: str) -> str:
    """From when on a group reads."""
    return GROUP_SINCE[name]


@register.simple_tag
def group_members(states: list[EntityState], name: str) -> str:
    """What is in a group, of what the WMS offers: `products and inventory`."""
    return listed([state.entity.label.lower() for state in states if state.entity in GROUPS[name]])


@register.filter
def target(states: list[EntityState], chosen: str) -> EntityState:
    """The state of the target entity that was chosen beforehand, or of the first one."""
    return next((state for state in states if state.entity == chosen), states[0])


@register.filter
def form_title(form: ManualSyncForm) -> str:
    """The headline of a confirmation."""
    if form.name in GROUPS and form.mode == Mode.INCREMENTAL:
        return f"{GROUP_BUTTONS[form.name]}?"
    what = "everything" if form.name == "everything" else form.name.replace("-", " ")
    return {
        Mode.INCREMENTAL: f"Update {what}?",
        Mode.FULL: f"Read {what} again in full?",
        Mode.WINDOW: f"Read {what} of these days again?",
    }[form.mode]


@register.filter
def form_words(form: ManualSyncForm) -> str:
    """What a sync does before it is confirmed."""
    return {
        Mode.INCREMENTAL: "Reads what changed since the last sync. The broader it is, the longer it takes and the more "
        "it asks of your WMS: for one screen, an incremental sync of its data is enough.",
        Mode.FULL: "Reads every record again, changed or not, and looks for what is no longer in the WMS. The data can "
        "be used meanwhile; scheduled syncs of the same account take turns with it.",
        Mode.WINDOW: "Reads again what the WMS changed in these days. Nothing is removed, and the schedule goes on as "
        "it was.",
    }[form.mode]
