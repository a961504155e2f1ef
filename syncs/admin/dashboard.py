"""The lines of the admin's panel “Now”, problems first."""

from datetime import timedelta

from django.db.models import Count, Max, Min
from django.urls import reverse
from django.utils import timezone

from integrations.connectors.parsing import in_words
from packr.admin import Fact, Tone, now_panel, when, when_exactly
from packr.warehouse.models import ProcessingMark

from ..models import ACTIVE, Beat, EntitySchedule, Incident, Problem, State, SyncRun
from ..monitoring.stale_data import MAX_AGE
from ..process.heartbeats import PROCESSES
from ..runs import sql
from ..status.freshness import BEHIND, Freshness, freshness_filter, is_live
from ..status.run_states import undecided
from .incidents import MINOR_PROBLEMS
from .removal_reviews import UNDECIDED

UNCLAIMED_THRESHOLD = timedelta(minutes=2)  # a worker claims due runs sooner than this


@now_panel("syncs.view_incident")
def incidents_now() -> Fact:
    """Return the open incidents."""
    url = f"{reverse('admin:syncs_incident_changelist')}?state=open"
    found = Incident.objects.filter(closed_at=None).order_by()
    kinds = found.values_list("problem").annotate(Count("pk"), Min("opened_at"))
    rows = sorted(kinds, key=lambda row: Problem.values.index(row[0]))
    if not rows:
        return Fact("Incidents", "None open", "positive", url)
    labels = [(Problem(problem).label, count) for problem, count, _ in rows]
    words = ", ".join(f"{label[:1].lower()}{label[1:]} ({count})" for label, count in labels)
    oldest = min(opened for *_, opened in rows)
    tone: Tone = "warning" if {problem for problem, *_ in rows} <= MINOR_PROBLEMS else "critical"
    total = sum(count for _, count, _ in rows)
    return Fact("Incidents", f"{total} open, the oldest since {when(oldest)}: {words}", tone, url)


@now_panel("syncs.view_entityschedule")
def freshness_now() -> Fact:
    """Return how many entities are late or stale."""
    moment = timezone.now()
    behind = EntitySchedule.objects.filter(freshness_filter(BEHIND, moment)).count()
    stale = EntitySchedule.objects.filter(freshness_filter([Freshness.STALE], moment)).count() if behind else 0
    url = reverse("admin:syncs_entityschedule_changelist")
    if not behind:
        return Fact("Freshness", "Nothing is late", "positive", url)
    tone = "critical" if stale else "warning"
    words = f"{behind} {'entity is' if behind == 1 else 'entities are'} late, {stale} of them stale"
    return Fact("Freshness", words, tone, f"{url}?freshness=late_now")  # type: ignore[arg-type]


@now_panel("syncs.view_entityschedule")
def metrics_now() -> Fact:
    """Return the age of units sold and days of cover over all connections that have them."""
    moment = timezone.now()
    marks = ProcessingMark.objects.filter(is_live(), rolled_at__isnull=False)
    ages = [moment - at for at in marks.values_list("rolled_at", flat=True) if at]
    if not ages:
        return Fact("Stock and sales figures", "None calculated yet", "neutral")
    mean = sum(ages, timedelta()) / len(ages)
    tone: Tone = "critical" if max(ages) > MAX_AGE else "positive"
    words = f"{in_words(mean)} old on average, the oldest {in_words(max(ages))}"
    return Fact("Stock and sales figures", words, tone)


@now_panel("syncs.view_syncrun")
def reviews_now() -> Fact:
    """Return how many runs wait for a person to decide about removals."""
    waiting = undecided().count()
    url = f"{reverse('admin:syncs_syncrun_changelist')}?decision={UNDECIDED}"
    if not waiting:
        return Fact("Reviews", "No run needs a review", "positive", url)
    return Fact("Reviews", f"{waiting} run{' needs' if waiting == 1 else 's need'} a review", "warning", url)


@now_panel("syncs.view_syncrun")
def active_now() -> Fact:
    """Return the active runs by state."""
    moment = timezone.now()
    active = SyncRun.objects.filter(state__in=ACTIVE).exclude(state=State.QUEUED, due_at__gt=moment)
    states = dict(active.order_by().values_list("state").annotate(Count("pk")))
    counts = ", ".join(f"{states[state]} {state.label.lower()}" for state in ACTIVE if state in states)
    url = f"{reverse('admin:syncs_syncrun_changelist')}?state__in={','.join(ACTIVE)}"
    return Fact("Active runs", counts or "None", "info" if states else "neutral", url)


@now_panel("syncs.view_syncrun")
def workers_now() -> Fact:
    """Return the last heartbeat of a worker, and how many due runs no worker has claimed."""
    moment = timezone.now()
    recent = SyncRun.objects.order_by("-pk")[:500]
    worked = SyncRun.objects.filter(pk__in=list(recent.values_list("pk", flat=True))).aggregate(at=Max("beat_at"))["at"]
    beat = Beat.objects.filter(PROCESSES).aggregate(at=Max("at"))["at"]
    last = max(filter(None, [worked, beat]), default=None)
    waiting = sql.count_ready_runs(moment - UNCLAIMED_THRESHOLD)
    text = f"Last heartbeat {when_exactly(last)}" if last else "No worker has run yet"
    if waiting:
        due = f"{waiting} due run{' waits' if waiting == 1 else 's wait'} for a worker"
        return Fact("Workers", f"{text}; {due}", "critical")
    return Fact("Workers", text, "positive" if last else "neutral")
