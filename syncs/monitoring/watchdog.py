"""The watchdog: compares the runs that were due with those that ran, repairs what it can, and keeps the incidents.

It runs outside the workers: qcluster's parent calls it every 15 s, a web request at most once a minute, and
`manage.py watchdog` from cron. The number of statements doesn't depend on the number of connections.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from integrations.connectors.parsing import in_words
from integrations.entities import Entity
from integrations.models import Connection, Status
from packr.warehouse import actions

from ..models import ACTIVE, Beat, EntitySchedule, Incident, Problem, State, SyncRun
from ..process import heartbeats, wakeups
from ..process.tick_schedule import ensure
from ..runs import sql
from ..status.freshness import has_own_runs, is_live
from ..status.run_states import undecided
from .incidents import DetectedProblem, IncidentRegister, open_incidents
from .repairs import repair
from .stale_data import find_stale_data, stale_metrics

CHECK_INTERVAL = timedelta(seconds=10)
OVERDUE_AFTER = timedelta(minutes=5)  # the tick queues every due run within a minute
# Delayed syncs get this long to catch up before they count as a problem.
SETTLING_TIME = timedelta(minutes=5)


def check(now: datetime | None = None, *, every: timedelta = CHECK_INTERVAL) -> list[Incident]:
    """Check and repair everything, and return the open incidents, newest first.

    Only returns them if another check started less than `every` ago. Raises DatabaseError.
    """
    moment = now or timezone.now()
    if heartbeats.claim_interval("watchdog", every, moment):
        _Inspection(moment).run()
        if actions.is_any_due(moment):
            wakeups.settle()
    return open_incidents()


class _Inspection:
    """One check of everything. Each kind of problem is found by one statement."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.register = IncidentRegister(now, SETTLING_TIME)
        self.beats: dict[str, datetime] = dict(Beat.objects.values_list("name", "at"))
        if heartbeats.BEGAN not in self.beats:
            self.beats[heartbeats.BEGAN] = now
            Beat.objects.bulk_create([Beat(name=heartbeats.BEGAN, at=now)], ignore_conflicts=True)
        self.problems: list[DetectedProblem] = []

    def run(self) -> None:
        """Repair what can be repaired, detect problems, and open and close incidents."""
        # Causes first: the later steps leave out what an earlier one explains.
        for step in (
            self._workers,
            self._tick,
            self._credentials,
            self._reviews,
            self._schedules,
            self._stuck_runs,
            self._stale_data,
            self._metrics,
        ):
            self.problems += list(step())
        self.register.update(self.problems)

    # --- Packr itself -------------------------------------------------------------------------------------------------

    def _workers(self) -> Iterator[DetectedProblem]:
        worker = self._last_beat(heartbeats.WORKER)
        last = max(self._last_beat(heartbeats.CLUSTER), worker)
        if self.now - last > heartbeats.ALIVE_WITHIN:
            yield DetectedProblem(
                Problem.NO_WORKER,
                f"No worker process has been running since {_exact(last)}, so nothing is synced and data becomes "
                "outdated. Start manage.py qcluster, or restart its service; syncs then resume where they stopped.",
            )
        elif self.now - max(worker, self._resumed) > heartbeats.ALIVE_WITHIN and sql.is_any_ready(
            self.now - heartbeats.ALIVE_WITHIN
        ):
            yield DetectedProblem(
                Problem.NO_WORKER,
                "Syncs are due, but no worker process has started one for a minute, so data becomes outdated. "
                "Restart the service that runs manage.py qcluster; syncs then resume where they stopped.",
            )

    def _tick(self) -> Iterator[DetectedProblem]:
        was_repaired = ensure(self.now)
        last = self.beats.get(heartbeats.TICK)
        since = last or self.beats[heartbeats.BEGAN]
        if was_repaired and last:
            yield DetectedProblem(
                Problem.NO_TICK,
                "The scheduled task that queues due syncs once a minute was deleted or changed, so no sync would have "
                "been scheduled. Packr restored it. If this happens again, check under Scheduled tasks in the "
                "administration who changes it.",
            )
        elif self._is_tick_late(max(since, self._resumed)):
            yield DetectedProblem(
                Problem.NO_TICK,
                f"No sync has been scheduled since {_exact(since)}; only syncs that people request still run. Restart "
                "the service that runs manage.py qcluster, and check its log for the reason.",
                explained=self._is_detected(Problem.NO_WORKER),
            )

    def _is_tick_late(self, last: datetime) -> bool:
        """Return whether the last tick is too old, or none has come since the tick was restored."""
        incident = self.register.open.get((Problem.NO_TICK, None, ""))
        return self.now - last > heartbeats.NO_TICK_AFTER or (incident is not None and last <= incident.opened_at)

    def _last_beat(self, kind: str) -> datetime:
        """Return the last heartbeat of a kind of process; without one, when the watchdog first ran."""
        found = [at for name, at in self.beats.items() if name.startswith(f"{kind} ")]
        return max(found, default=self.beats[heartbeats.BEGAN])

    @property
    def _resumed(self) -> datetime:
        """When work resumed after no process had been alive."""
        return self.beats.get(heartbeats.RESUMED, self.beats[heartbeats.BEGAN])

    # --- Connections --------------------------------------------------------------------------------------------------

    def _credentials(self) -> Iterator[DetectedProblem]:
        for connection in Connection.objects.filter(status=Status.NEEDS_ATTENTION).order_by():
            reason = f" Its message: {connection.status_message.strip()}" if connection.status_message else ""
            yield DetectedProblem(
                Problem.CREDENTIALS,
                f"{connection.connector.label} rejected the login of {connection.name}, so none of its data is synced. "
                f"Reconnect it under Settings, Integrations.{reason}",
                connection.pk,
            )

    def _reviews(self) -> Iterator[DetectedProblem]:
        for run in undecided().filter(is_live()).select_related("connection").order_by("pk"):
            entity = Entity(run.entity)
            yield DetectedProblem(
                Problem.REVIEW,
                f"{run.held or 'Many'} {entity.label.lower()} of {run.connection.name} are missing in the WMS at the "
                "same time. Packr still shows them and removes nothing until a person decides. Open the sync that "
                "needs review, check the list, and release or reject the removals.",
                run.connection_id,
                entity,
            )

    def _schedules(self) -> Iterator[DetectedProblem]:
        yield from repair(self.now)
        is_active = Q(paused_until=None) | Q(paused_until__lte=self.now - OVERDUE_AFTER)
        runs = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"), state__in=ACTIVE)
        overdue = Q(enabled=True, next_due_at__lt=self.now - OVERDUE_AFTER) & is_active & ~Exists(runs)
        off = Q(enabled=False, off_reason="")
        schedules = EntitySchedule.objects.filter(is_live() & has_own_runs() & (off | overdue))
        for schedule in schedules.select_related("connection").order_by():
            yield self._overdue(schedule) if schedule.enabled else _switched_off(schedule)

    def _overdue(self, schedule: EntitySchedule) -> DetectedProblem:
        assert schedule.next_due_at is not None
        connection_id = schedule.connection_id
        return DetectedProblem(
            Problem.NOT_SCHEDULED,
            f"A sync of {_name(schedule)} was due on {_exact(schedule.next_due_at)} and was never queued, so its data "
            "becomes outdated. Press Sync now to update it, and contact support.",
            connection_id,
            schedule.entity,
            explained=self._is_explained(connection_id) or self._is_settling(connection_id),
        )

    def _stuck_runs(self) -> Iterator[DetectedProblem]:
        """Yield one problem per connection: a stuck run also stops the other runs of its lane."""
        two_leases_ago = self.now - 2 * timedelta(seconds=settings.LEASE_SECONDS)
        is_free = Q(lane__leased_until=None) | Q(lane__leased_until__lt=self.now)
        is_not_waiting = Q(lane__waits_until=None) | Q(lane__waits_until__lte=self.now)
        active = SyncRun.objects.filter(state__in=ACTIVE)  # lets the database use the index of active runs
        runs = active.filter(is_free, is_not_waiting, state=State.RUNNING, beat_at__lt=two_leases_ago)
        by_connection = defaultdict(list)
        for run in runs.select_related("connection").order_by("pk"):
            by_connection[run.connection].append(Entity(run.entity).label.lower())
        for connection, entities in by_connection.items():
            yield DetectedProblem(
                Problem.STUCK,
                f"The sync of {', '.join(entities)} of {connection.name} was interrupted: its worker stopped, and no "
                "other worker has continued it. What it read so far is kept. Restart the service that runs manage.py "
                "qcluster; the sync then resumes from its last page.",
                connection.pk,
                explained=self._is_detected(Problem.NO_WORKER) or self._resumed > two_leases_ago,
            )

    def _stale_data(self) -> Iterator[DetectedProblem]:
        for stale in find_stale_data(self.now, SETTLING_TIME):
            key = stale.schedule.connection_id, stale.schedule.entity
            is_recovering = self._is_settling(key[0]) or stale.is_coming
            is_explained = not stale.is_beyond_max_age and (stale.is_first or self._is_explained(*key))
            yield DetectedProblem(Problem.STALE, stale.message, *key, explained=is_recovering or is_explained)

    def _metrics(self) -> Iterator[DetectedProblem]:
        """Yield connections whose metrics missed two days; the first sync of orders of each day updates them."""
        for mark in stale_metrics(self.now):
            age = in_words(self.now - mark.rolled_at)
            yield DetectedProblem(
                Problem.METRICS,
                f"Units sold and days of cover of {mark.connection.name} were last updated {age} ago. They are "
                "calculated at the end of a sync of orders. Press Sync now for orders and watch it; contact support "
                "if it succeeds and this problem remains.",
                mark.connection_id,
                Entity.ORDERS,
                explained=self._is_settling(mark.connection_id),
            )

    # --- Which problem explains another -------------------------------------------------------------------------------

    @cached_property
    def _is_ours(self) -> bool:
        return self._is_detected(Problem.NO_WORKER) or self._is_detected(Problem.NO_TICK)

    def _is_detected(self, problem: Problem) -> bool:
        return any(one.problem == problem for one in self.problems)

    def _is_explained(self, connection_id: int, entity: str = "") -> bool:
        """Return whether a detected problem prevents the syncs of a connection, or of one of its entities."""
        causes = {
            (Problem.CREDENTIALS, connection_id, ""),
            (Problem.STUCK, connection_id, ""),
            (Problem.NOT_SCHEDULED, connection_id, entity),
            (Problem.REVIEW, connection_id, entity),
        }
        return self._is_ours or any(one.key in causes for one in self.problems)

    def _is_settling(self, connection_id: int) -> bool:
        """Return whether a problem that delayed the connection's syncs ended less than `SETTLING_TIME` ago."""
        causes = {
            (Problem.NO_WORKER, None, ""),
            (Problem.NO_TICK, None, ""),
            (Problem.CREDENTIALS, connection_id, ""),
            (Problem.STUCK, connection_id, ""),
        }
        closing = set(self.register.open) - {one.key for one in self.problems}
        return self.now - self._resumed < SETTLING_TIME or bool(causes & (self.register.closed | closing))


def _switched_off(schedule: EntitySchedule) -> DetectedProblem:
    return DetectedProblem(
        Problem.NOT_SCHEDULED,
        f"{_name(schedule)} is switched off without a reason, so it is not synced automatically. Switch it on again, "
        "or enter the reason in its schedule.",
        schedule.connection_id,
        schedule.entity,
    )


def _name(schedule: EntitySchedule) -> str:
    return f"{Entity(schedule.entity).label} of {schedule.connection.name}"


def _exact(moment: datetime) -> str:
    return f"{moment:%-d %B at %H:%M} UTC"
