"""How runs are told: what they do and did, and the picture of the last twenty."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils import timezone

from integrations.entities import Entity
from packr.warehouse.metrics.pipeline import STEPS
from packr.workspaces.formatting import listed, span
from syncs.models import Incident, Mode, Phase, Problem, State, SyncRun
from syncs.status.recent_runs import RUNS_SHOWN, EntityRow, Estimate
from syncs.status.run_states import displayed_state
from syncs.status.timeline import TimelineEntry

from .syncs import RUN_STATES, starter

register = template.Library()

# A rate is told when it says something: after so long.
RATED_AFTER = timedelta(seconds=10)

# --- What a run does and did ------------------------------------------------------------------------------------------


@register.filter
def story(run: SyncRun) -> str:
    """What became of a run, in one plain sentence."""
    return f"This sync of {Entity(run.entity).label.lower()} {_STORIES[displayed_state(run)](run)}"


def _queued(run: SyncRun) -> str:
    return "waits for its turn: syncs of one account go one after the other."


def _running(run: SyncRun) -> str:
    return f"is under way: {run.seen:,} read so far."


def _waiting(run: SyncRun) -> str:
    return f"waits for the WMS and then goes on by itself; {run.seen:,} read so far."


def _interrupted(run: SyncRun) -> str:
    return f"was interrupted: its worker stopped. It goes on by itself from page {run.pages + 1:,}."


def _succeeded(run: SyncRun) -> str:
    changes = _changes(run)
    if changes:
        return f"brought the data up to date: {listed(changes)}."
    return f"found nothing new among {_records(run.seen)}." if run.seen else "found that nothing had changed."


def _partial(run: SyncRun) -> str:
    if not run.rejected:
        return "was not complete."
    return f"read {run.seen - run.rejected:,} of {_records(run.seen)}; {run.rejected:,} could not be understood."


def _needs_review(run: SyncRun) -> str:
    return f"found {_records(run.held)} missing at once, and removed none of them until a person decides."


def _failed(run: SyncRun) -> str:
    return "failed. Earlier data stays as it was."


def _cancelled(run: SyncRun) -> str:
    return f"was cancelled after {_records(run.seen)}; what was read is kept."


_STORIES = {
    "queued": _queued,
    "running": _running,
    "waiting": _waiting,
    "interrupted": _interrupted,
    "succeeded": _succeeded,
    "partial": _partial,
    "needs_review": _needs_review,
    "failed": _failed,
    "cancelled": _cancelled,
}


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _changes(run: SyncRun) -> list[str]:
    counted = {"new": run.created, "changed": run.updated, "removed": run.removed}
    return [f"{count:,} {word}" for word, count in counted.items() if count]


@register.filter
def digest_of(run: SyncRun) -> str:
    """What a run brought, for a list of many: `12 new, 31 changed`, `nothing new`."""
    told = _changes(run) + ([f"{run.rejected:,} rejected"] if run.rejected else [])
    return ", ".join(told) or ("nothing new" if run.state == State.SUCCEEDED else "")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a run does: in words, how far it is (a key of STAGES), and what came of it."""

    words: str
    stage: str
    result: str = ""


STAGES = {
    "done": ("check-circle", "Done", "positive"),
    "now": ("arrow-path", "Under way", "info"),
    "next": ("ellipsis-horizontal-circle", "To come", "neutral"),
    "broken off": ("x-circle", "Broken off", "warning"),
    "left out": ("minus-circle", "Not reached", "neutral"),
}


@register.inclusion_tag("components/_badge.html")
def stage(step: Step) -> dict[str, str]:
    """How far a step is, as icon, word and tone."""
    icon, word, tone = STAGES[step.stage]
    return {"icon": icon, "word": word, "tone": tone}


@register.filter
def steps(run: SyncRun) -> list[Step]:
    """What a run goes through, in order. A full one looks a second time before it removes anything."""
    pages = f"{run.pages:,} page{'' if run.pages == 1 else 's'}, {_records(run.seen)}"
    found = [(Phase.READ, "Read the list", pages)]
    if run.mode == Mode.FULL:
        held = f"{run.held:,} held back" if run.held else f"{run.removed:,} removed"
        found.append((Phase.RECHECK_STALE, "Look again at what came back older than ours", ""))
        found.append((Phase.RECHECK_MISSING, "Look for what is missing", held))
    derived = STEPS.get(Entity(run.entity))
    if derived:
        worked = f"{run.processed:,} SKU{'' if run.processed == 1 else 's'}" if run.processed else "nothing had changed"
        found.append((Phase.POST_PROCESS, f"Processing: {derived[-1].about}", worked))
    return [Step(words, _stage(run, phase), result) for phase, words, result in found]


def _stage(run: SyncRun, phase: Phase) -> str:
    if run.state in (State.SUCCEEDED, State.PARTIAL, State.NEEDS_REVIEW):
        return "done"
    if not run.is_active:
        return "broken off" if run.pages and phase == Phase.READ else "left out"
    place, reached = list(Phase).index(phase), _reached(run)
    return "done" if place < reached else "now" if place == reached and run.started_at else "next"


def _reached(run: SyncRun) -> int:
    checkpoint = getattr(run, "checkpoint", None)
    return list(Phase).index(Phase(checkpoint.phase)) if checkpoint else 0


DOING = {
    Phase.READ: "Reading the list",
    Phase.RECHECK_STALE: "Looking again at what came back older",
    Phase.RECHECK_MISSING: "Looking for what is missing",
    Phase.POST_PROCESS: "Processing what changed",
}


@register.filter
def doing(run: SyncRun) -> str:
    """What an active run does at this moment; nothing before it began."""
    if run.state != State.RUNNING:
        return ""
    return DOING[list(Phase)[_reached(run)]]


@register.filter
def rate(run: SyncRun) -> str:
    """How fast an active run reads: `about 300 a minute`; nothing where that would be a guess."""
    if run.state != State.RUNNING or not run.started_at or not run.seen:
        return ""
    worked = timezone.now() - run.started_at - timedelta(seconds=run.waited_seconds)
    if worked < RATED_AFTER:
        return ""
    each_minute = round(run.seen / (worked / timedelta(minutes=1)))
    return f"about {max(1, _rounded(each_minute)):,} a minute"


def _rounded(number: int) -> int:
    """To two digits: more would claim to be exact."""
    return round(number, min(0, 2 - len(str(number))))


@register.simple_tag
def time_left(run: SyncRun, usual: Estimate | None) -> str:
    """What earlier runs tell of how long this one takes; of the time left only where they took about the same."""
    if usual is None or not run.is_active:
        return ""
    so_far = timezone.now() - run.started_at if run.started_at else timedelta()
    left = usual.took - so_far
    if run.state == State.RUNNING and usual.steady and left > timedelta(seconds=1):
        return f"usually takes {span(usual.took)}, so about {span(left)} left"
    return f"usually takes {span(usual.took)}"


@register.filter
def waited(run: SyncRun) -> timedelta:
    """How long the WMS has kept the run waiting, the wait that goes on included."""
    going_on = (run.completed_at or timezone.now()) - run.waiting_since if run.waiting_since else timedelta()
    return timedelta(seconds=run.waited_seconds) + max(going_on, timedelta())


@register.filter
def adds_up(run: SyncRun) -> bool:
    """Whether each record that was seen is accounted for."""
    return run.seen == run.created + run.updated + run.unchanged + run.stale + run.rejected


@register.filter
def by_person(run: SyncRun) -> str:
    """Who began a run, with why: `Dana, manual`."""
    how = run.get_trigger_display()
    return f"{starter(run)}, {how if how.isupper() else how.lower()}" if run.requested_by else starter(run)


@register.simple_tag
def under_way(rows: Sequence[EntityRow]) -> bool:
    """Whether anything is under way, so that a table is worth asking for again."""
    return any(row.state.run and row.state.run.is_active for row in rows)


# --- The picture of the last runs -------------------------------------------------------------------------------------

STEP, WIDTH, BASE, TALL, DEEP = 4, 3, 18, 16, 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One run in the picture. Failures hang below the line, so that the tone is not all that tells them."""

    x: int
    y: int
    height: int
    tone: str


@register.inclusion_tag("syncs/_picture.html")
def picture(runs: Sequence[SyncRun]) -> dict[str, Any]:
    """The last runs as bars, the newest on the right: as tall as they took long, with a text that says the same."""
    longest = max((_took(run) for run in runs), default=timedelta())
    first = RUNS_SHOWN - len(runs)
    bars = [_bar(run, (first + place) * STEP, longest) for place, run in enumerate(reversed(runs))]
    return {"bars": bars, "text": _in_words(runs, longest), "width": RUNS_SHOWN * STEP, "base": BASE, "bar": WIDTH}


def _took(run: SyncRun) -> timedelta:
    return run.completed_at - run.started_at if run.started_at and run.completed_at else timedelta()


def _bar(run: SyncRun, x: int, longest: timedelta) -> Bar:
    tone = RUN_STATES[displayed_state(run)][2]
    if run.state == State.FAILED:
        return Bar(x, BASE + 1, DEEP, tone)
    height = max(3, round(TALL * (_took(run) / longest))) if longest else 3
    return Bar(x, BASE - height, height, tone)


def _in_words(runs: Sequence[SyncRun], longest: timedelta) -> str:
    if not runs:
        return "No runs yet."
    counted = Counter(RUN_STATES[displayed_state(run)][1].lower() for run in runs)
    states = ", ".join(f"{count} {word}" for word, count in counted.most_common())
    many = f"Last {len(runs)} runs" if len(runs) > 1 else "One run"
    return f"{many}: {states}. The longest took {span(longest)}." if longest else f"{many}: {states}."


# --- History ----------------------------------------------------------------------------------------------------------

# What only the people who run Packr can mend; its message speaks to them.
OURS = (Problem.NO_WORKER, Problem.NO_TICK, Problem.STUCK)


@register.filter
def incident_words(incident: Incident) -> str:
    """What an incident was, for people in a workspace."""
    if incident.problem in OURS:
        return f"{incident.get_problem_display()}. This was on Packr’s side; nothing is lost."
    return incident.message


@register.simple_tag(takes_context=True)
def permanent(context: Context, entry: TimelineEntry) -> str:
    """The address of one thing that happened: a run has a page, the rest a place in its connection's history."""
    if entry.kind == "run":
        return reverse("run", args=[entry.item.connection_id, entry.item.pk])
    return f"{context['request'].path}?idle=1&at={entry.position}#{entry.anchor}"
