"""Tags for runs: their summary, progress and counts as text, and the chart of the last twenty."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
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

from .syncs import RUN_STATES, triggered_by

register = template.Library()

MIN_RATE_DURATION = timedelta(seconds=10)  # a rate over a shorter time says little


# --- Summary and result -----------------------------------------------------------------------------------------------


SUMMARIES = {
    "queued": "is queued: syncs of one account run one after the other.",
    "running": "is running: {seen} read so far.",
    "waiting": "is waiting for the WMS and continues automatically; {seen} read so far.",
    "interrupted": "was interrupted: its worker stopped. It resumes automatically at page {page:,}.",
    "succeeded": "succeeded: {seen} read, {changes}.",
    "partial": "is incomplete: {seen} read, {changes}.",
    "needs_review": "found {held} missing at the same time. Nothing is removed until a person decides.",
    "failed": "failed. Earlier data is unchanged.",
    "cancelled": "was cancelled after {seen}. Its changes are kept.",
}


@register.filter
def run_summary(run: SyncRun) -> str:
    """Describe a run in one sentence."""
    rejected = [f"{run.rejected:,} rejected"] if run.rejected else []
    text = SUMMARIES[displayed_state(run)].format(
        seen=_records(run.seen),
        held=_records(run.held),
        page=run.pages + 1,
        changes=listed([*_changes(run), *rejected] or ["no changes"]),
    )
    return f"This sync of {Entity(run.entity).label.lower()} {text}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _records(number: int) -> str:
    return _count(number, "record")


def _changes(run: SyncRun) -> list[str]:
    counts = {"new": run.created, "changed": run.updated, "removed": run.removed}
    return [f"{number:,} {word}" for word, number in counts.items() if number]


@register.filter
def run_result(run: SyncRun) -> str:
    """Return what a run changed, for a list of runs: `12 new, 31 changed`, `no changes`."""
    result = _changes(run) + ([f"{run.rejected:,} rejected"] if run.rejected else [])
    return ", ".join(result) or ("no changes" if run.state == State.SUCCEEDED else "")


@register.filter
def triggered_by_and_how(run: SyncRun) -> str:
    """Return who or what started a run, for people with the way: `Dana, manual`."""
    trigger = run.get_trigger_display()
    trigger = trigger if trigger.isupper() else trigger.lower()
    return f"{triggered_by(run)}, {trigger}" if run.requested_by else triggered_by(run)


# --- Steps and progress -----------------------------------------------------------------------------------------------


class StepState(StrEnum):
    DONE = "done"
    CURRENT = "current"
    NEXT = "next"
    UNFINISHED = "unfinished"
    SKIPPED = "skipped"


STEP_BADGES = {
    StepState.DONE: ("check-circle", "Done", "positive"),
    StepState.CURRENT: ("arrow-path", "In progress", "info"),
    StepState.NEXT: ("ellipsis-horizontal-circle", "Not started", "neutral"),
    StepState.UNFINISHED: ("x-circle", "Not finished", "warning"),
    StepState.SKIPPED: ("minus-circle", "Not reached", "neutral"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a run, with its result once it is done."""

    text: str
    state: StepState
    result: str = ""


CURRENT_STEPS = {
    Phase.READ: "Reading records",
    Phase.RECHECK_STALE: "Rechecking older versions",
    Phase.RECHECK_MISSING: "Checking for removed records",
    Phase.POST_PROCESS: "Processing changes",
}


@register.inclusion_tag("components/_badge.html")
def step_badge(step: Step) -> dict[str, str]:
    """Show the state of a step."""
    icon, word, tone = STEP_BADGES[step.state]
    return {"icon": icon, "word": word, "tone": tone}


@register.filter
def steps(run: SyncRun) -> list[Step]:
    """Return the steps of a run in order. A full run rechecks before it removes anything."""
    results = {Phase.READ: f"{_count(run.pages, 'page')}, {_records(run.seen)}"}
    texts = {Phase.READ: "Read records"}
    if run.mode == Mode.FULL:
        texts[Phase.RECHECK_STALE] = "Recheck records with an older version than Packr’s"
        texts[Phase.RECHECK_MISSING] = "Check for removed records"
        results[Phase.RECHECK_MISSING] = f"{run.held:,} pending" if run.held else f"{run.removed:,} removed"
    derived = STEPS.get(Entity(run.entity))
    if derived:
        texts[Phase.POST_PROCESS] = f"Process changes: {derived[-1].about}"
        results[Phase.POST_PROCESS] = _count(run.processed, "SKU") if run.processed else "no changes"
    return [_step(run, phase, text, results.get(phase, "")) for phase, text in texts.items()]


def _step(run: SyncRun, phase: Phase, text: str, result: str) -> Step:
    state = _step_state(run, phase)
    return Step(text, state, result if state == StepState.DONE else "")


def _step_state(run: SyncRun, phase: Phase) -> StepState:
    if run.state in (State.SUCCEEDED, State.PARTIAL, State.NEEDS_REVIEW):
        return StepState.DONE
    if not run.is_active:
        return StepState.UNFINISHED if run.pages and phase == Phase.READ else StepState.SKIPPED
    order, current = list(Phase), _phase(run)
    if order.index(phase) < order.index(current):
        return StepState.DONE
    return StepState.CURRENT if phase == current and run.started_at else StepState.NEXT


def _phase(run: SyncRun) -> Phase:
    checkpoint = getattr(run, "checkpoint", None)
    return Phase(checkpoint.phase) if checkpoint else Phase.READ


@register.filter
def current_step(run: SyncRun) -> str:
    """Return what a running run is doing; empty for any other run."""
    return CURRENT_STEPS[_phase(run)] if run.state == State.RUNNING else ""


@register.simple_tag
def progress(run: SyncRun, usual: Estimate | None) -> str:
    """Describe how far an active run is: `1,240 records read, about 300 a minute, usually takes 40 s`."""
    return ", ".join(filter(None, [f"{_records(run.seen)} read", _rate(run), _time_left(run, usual)]))


def _rate(run: SyncRun) -> str:
    """Return the records read per minute, to two digits; empty if the run has read for too short a time."""
    if run.state != State.RUNNING or not run.started_at or not run.seen:
        return ""
    worked = timezone.now() - run.started_at - timedelta(seconds=run.waited_seconds)
    if worked < MIN_RATE_DURATION:
        return ""
    per_minute = round(run.seen / (worked / timedelta(minutes=1)))
    return f"about {max(1, round(per_minute, min(0, 2 - len(str(per_minute))))):,} a minute"


def _time_left(run: SyncRun, usual: Estimate | None) -> str:
    """Return the usual duration, with the time left if recent runs took about the same time."""
    if usual is None:
        return ""
    elapsed = timezone.now() - run.started_at if run.started_at else timedelta()
    left = usual.took - elapsed
    if run.state == State.RUNNING and usual.steady and left > timedelta(seconds=1):
        return f"usually takes {span(usual.took)}, so about {span(left)} left"
    return f"usually takes {span(usual.took)}"


@register.filter
def waited(run: SyncRun) -> timedelta:
    """Return how long the run has waited for the WMS, including the current wait."""
    current = (run.completed_at or timezone.now()) - run.waiting_since if run.waiting_since else timedelta()
    return timedelta(seconds=run.waited_seconds) + max(current, timedelta())


# --- Counts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordCount:
    """One count of a run. The CSS class draws the sum: seen = created + updated + …"""

    label: str
    number: int
    css_class: str = "plus"


@register.filter
def record_counts(run: SyncRun) -> list[RecordCount]:
    """Return the counts of a run in the order of the sum they make up."""
    counts = [
        RecordCount("Seen", run.seen, ""),
        RecordCount("Created", run.created, "equals"),
        RecordCount("Updated", run.updated),
        RecordCount("Unchanged", run.unchanged),
        RecordCount("Older version", run.stale),
        RecordCount("Rejected", run.rejected),
    ]
    return [*counts, RecordCount("Removed", run.removed, "apart")] if run.removed else counts


@register.filter
def counts_add_up(run: SyncRun) -> bool:
    """Return whether each seen record is counted exactly once."""
    return run.seen == run.created + run.updated + run.unchanged + run.stale + run.rejected


@register.filter
def any_active(rows: Iterable[EntityRow]) -> bool:
    """Return whether any run of the table is active, so that the table needs to poll."""
    return any(row.state.run and row.state.run.is_active for row in rows)


# --- The chart of the last runs ---------------------------------------------------------------------------------------

BAR_STEP, BAR_WIDTH, BASELINE, MAX_BAR_HEIGHT, FAILED_BAR_DEPTH = 4, 3, 18, 16, 5  # pixels


@dataclass(frozen=True, slots=True)
class Bar:
    """One run in the chart. Failures hang below the line, so that colour is not the only sign."""

    x: int
    y: int
    height: int
    tone: str


@register.inclusion_tag("syncs/_run_chart.html")
def run_chart(runs: Sequence[SyncRun]) -> dict[str, Any]:
    """Draw the last runs, newest on the right, as bars as tall as their duration, with an equivalent text."""
    longest = max((_duration(run) for run in runs), default=timedelta())
    first = RUNS_SHOWN - len(runs)
    bars = [_bar(run, (first + position) * BAR_STEP, longest) for position, run in enumerate(reversed(runs))]
    width = RUNS_SHOWN * BAR_STEP
    return {"bars": bars, "text": _chart_text(runs, longest), "width": width, "base": BASELINE, "bar": BAR_WIDTH}


def _duration(run: SyncRun) -> timedelta:
    return run.completed_at - run.started_at if run.started_at and run.completed_at else timedelta()


def _bar(run: SyncRun, x: int, longest: timedelta) -> Bar:
    tone = RUN_STATES[displayed_state(run)][2]
    if run.state == State.FAILED:
        return Bar(x, BASELINE + 1, FAILED_BAR_DEPTH, tone)
    height = max(3, round(MAX_BAR_HEIGHT * (_duration(run) / longest))) if longest else 3
    return Bar(x, BASELINE - height, height, tone)


def _chart_text(runs: Sequence[SyncRun], longest: timedelta) -> str:
    if not runs:
        return "No runs yet."
    states = Counter(RUN_STATES[displayed_state(run)][1].lower() for run in runs)
    text = ", ".join(f"{number} {word}" for word, number in states.most_common())
    title = f"Last {len(runs)} runs" if len(runs) > 1 else "One run"
    return f"{title}: {text}. The longest took {span(longest)}." if longest else f"{title}: {text}."


# --- History ----------------------------------------------------------------------------------------------------------

INTERNAL_PROBLEMS = (Problem.NO_WORKER, Problem.NO_TICK, Problem.STUCK)  # their messages address Packr's operators


@register.filter
def incident_text(incident: Incident) -> str:
    """Describe an incident to people in a workspace."""
    if incident.problem in INTERNAL_PROBLEMS:
        return f"{incident.get_problem_display()}. This was on our side; no data was lost."
    return incident.message


@register.simple_tag(takes_context=True)
def permalink(context: Context, entry: TimelineEntry) -> str:
    """Return the permanent address of an event: the page of a run, else its row in the history."""
    if entry.kind == "run":
        return reverse("run", args=[entry.item.connection_id, entry.item.pk])
    return f"{context['request'].path}?idle=1&at={entry.position}#{entry.anchor}"
