"""The watchdog: compares what should have run with what did, mends what it can, and tells the rest.

It stands outside the worker's own loop: the parent of `qcluster` calls it every 15 s, any web request at most once a
minute, and `manage.py watchdog` from cron. A check takes the same few statements however many connections there are.
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
from .incidents import Finding, IncidentRegister, open_incidents
from .repairs import repair
from .stale_data import stale_data, stale_metrics

CHECK_INTERVAL = timedelta(seconds=10)
# The tick plans what is due within a minute; later than that it did not.
OVERDUE_AFTER = timedelta(minutes=5)
# After something was healed, or work was resumed, what it had held up gets this long before it counts on its own.
CLOSE_AFTER = timedelta(minutes=5)


def check(now: datetime | None = None, *, every: timedelta = CHECK_INTERVAL) -> list[Incident]:
    """Look after everything once, and return the incidents that are open then, the newest first.

    Does nothing but return them when another check began less than `every` ago. Raises DatabaseError.
    """
    moment = now or timezone.now()
    if heartbeats.claim_interval("watchdog", every, moment):
        _Inspection(moment).settle()
        if actions.is_any_due(moment):
            wakeups.settle()
    return open_incidents()


class _Inspection:
    """One look at everything. Each kind of problem is found by one statement."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.register = IncidentRegister(now, CLOSE_AFTER)
        self.beats: dict[str, datetime] = dict(Beat.objects.values_list("name", "at"))
        if heartbeats.BEGAN not in self.beats:
            self.beats[heartbeats.BEGAN] = now
            Beat.objects.bulk_create([Beat(name=heartbeats.BEGAN, at=now)], ignore_conflicts=True)
        self.findings: list[Finding] = []

    def settle(self) -> None:
        """Mend, find, and write down what is new and what is no more."""
        # Causes first: what follows from them is told apart by what was found before it.
        for look in (self._workers, self._tick, self._credentials, self._reviews):
            self.findings += list(look())
        for look in (self._plans, self._stuck, self._stale, self._metrics):
            self.findings += list(look())
        self.register.settle(self.findings)

    # --- Packr itself -------------------------------------------------------------------------------------------------

    def _workers(self) -> Iterator[Finding]:
        last = max(self._last(heartbeats.CLUSTER), self._last(heartbeats.WORKER))
        if self.now - last > heartbeats.ALIVE_WITHIN:
            yield Finding(
                Problem.NO_WORKER,
                f"No worker process has been running since {_exact(last)}, so nothing is synced and the data grows "
                "old. Start manage.py qcluster, or restart the service that runs it; syncs go on where they stopped.",
            )
        elif (
            self.now - max(self._last(heartbeats.WORKER), self._resumed) > heartbeats.ALIVE_WITHIN
            and self._is_work_left()
        ):
            yield Finding(
                Problem.NO_WORKER,
                "Syncs are ready to run, but for a minute no worker process has taken one, so the data grows old. "
                "Restart the service that runs manage.py qcluster; the syncs go on where they stopped.",
            )

    def _is_work_left(self) -> bool:
        return sql.is_any_ready(self.now - heartbeats.ALIVE_WITHIN)

    def _tick(self) -> Iterator[Finding]:
        mended = ensure(self.now)
        last = self.beats.get(heartbeats.TICK)
        if mended and last:
            yield Finding(
                Problem.NO_TICK,
                "The plan that decides once a minute which syncs are due had been removed or changed, so no sync would "
                "have been planned any more. It was made anew. If this comes back, find out who changes it under "
                "Scheduled tasks in the administration.",
            )
        elif self._is_planning_late(max(last or self.beats[heartbeats.BEGAN], self._resumed)):
            yield Finding(
                Problem.NO_TICK,
                f"Syncs have not been planned since {_exact(last or self.beats[heartbeats.BEGAN])}, so none is started "
                "by its schedule; those that people ask for still run. Restart the service that runs "
                "manage.py qcluster, and look in its log for the reason.",
                explained=self._is_found(Problem.NO_WORKER),
            )

    def _is_planning_late(self, last: datetime) -> bool:
        """Whether the last sign of the tick is too old, or the tick was mended and has not come since."""
        told = self.register.open.get((Problem.NO_TICK, None, ""))
        return self.now - last > heartbeats.NO_TICK_AFTER or (told is not None and last <= told.opened_at)

    def _last(self, kind: str) -> datetime:
        """When a process of the kind last showed itself; before any did, when the watchdog began to look."""
        found = [at for name, at in self.beats.items() if name.startswith(f"{kind} ")]
        return max(found, default=self.beats[heartbeats.BEGAN])

    @property
    def _resumed(self) -> datetime:
        """When work was resumed after no process had been alive."""
        return self.beats.get(heartbeats.RESUMED, self.beats[heartbeats.BEGAN])

    # --- Connections --------------------------------------------------------------------------------------------------

    def _credentials(self) -> Iterator[Finding]:
        for connection in Connection.objects.filter(status=Status.NEEDS_ATTENTION).order_by():
            said = f" It said: {connection.status_message.strip()}" if connection.status_message else ""
            yield Finding(
                Problem.CREDENTIALS,
                f"{connection.connector.label} refused the login of {connection.name}, so none of its data is synced. "
                f"Enter its credentials anew under Settings, Integrations.{said}",
                connection.pk,
            )

    def _reviews(self) -> Iterator[Finding]:
        for run in undecided().filter(is_live()).select_related("connection").order_by("pk"):
            entity = Entity(run.entity)
            yield Finding(
                Problem.REVIEW,
                f"{run.held or 'Many'} {entity.label.lower()} of {run.connection.name} are missing in the WMS all at "
                "once. They are still shown here, and nothing is removed until a person decides. Open the sync that "
                "needs review, look at the list, and release or reject the removals.",
                run.connection_id,
                entity,
            )

    def _plans(self) -> Iterator[Finding]:
        yield from repair(self.now)
        off = Q(enabled=False, off_reason="")
        overdue = Q(enabled=True, next_due_at__lt=self.now - OVERDUE_AFTER) & self._awake() & ~_active()
        schedules = EntitySchedule.objects.filter(is_live() & has_own_runs() & (off | overdue))
        for schedule in schedules.select_related("connection").order_by():
            yield self._overdue(schedule) if schedule.enabled else _switched_off(schedule)

    def _awake(self) -> Q:
        return Q(paused_until=None) | Q(paused_until__lte=self.now - OVERDUE_AFTER)

    def _overdue(self, schedule: EntitySchedule) -> Finding:
        assert schedule.next_due_at is not None
        return Finding(
            Problem.NOT_SCHEDULED,
            f"A sync of {_name(schedule)} was due on {_exact(schedule.next_due_at)} and was never planned, so its data "
            "grows old. Press Sync now to bring it up to date, and contact support.",
            schedule.connection_id,
            schedule.entity,
            explained=self._is_explained(schedule.connection_id) or self._is_settling(schedule.connection_id),
        )

    def _stuck(self) -> Iterator[Finding]:
        """One per connection: its syncs take turns, so what stops one stops them all."""
        silent = self.now - 2 * timedelta(seconds=settings.LEASE_SECONDS)
        free = Q(lane__leased_until=None) | Q(lane__leased_until__lt=self.now)
        calm = Q(lane__waits_until=None) | Q(lane__waits_until__lte=self.now)
        active = SyncRun.objects.filter(state__in=ACTIVE)  # said so that the index of active runs is used
        runs = active.filter(free, calm, state=State.RUNNING, beat_at__lt=silent)
        by_connection = defaultdict(list)
        for run in runs.select_related("connection").order_by("pk"):
            by_connection[run.connection].append(run)
        for connection, stuck in by_connection.items():
            yield Finding(
                Problem.STUCK,
                f"The sync of {_listed(stuck)} of {connection.name} stands still: the worker that ran it stopped, and "
                "no other has taken it over. What it read so far is kept. Restart the service that runs manage.py "
                "qcluster; the sync goes on from its last page.",
                connection.pk,
                explained=self._is_found(Problem.NO_WORKER) or self._resumed > silent,
            )

    def _stale(self) -> Iterator[Finding]:
        for old in stale_data(self.now, CLOSE_AFTER):
            key = old.schedule.connection_id, old.schedule.entity
            is_about_to = self._is_settling(key[0]) or old.is_coming
            is_told = not old.is_beyond_ceiling and (old.is_first or self._is_explained(*key))
            yield Finding(Problem.STALE, old.words(), *key, explained=is_about_to or is_told)

    def _metrics(self) -> Iterator[Finding]:
        """Metrics are brought up to each new day at the end of a sync of orders; two days without are too many."""
        for mark in stale_metrics(self.now):
            age = in_words(self.now - mark.rolled_at)
            yield Finding(
                Problem.METRICS,
                f"Units sold and days of cover of {mark.connection.name} were last brought up to date {age} ago. They "
                "are worked out at the end of a sync of orders: press Sync now for orders and watch it; contact "
                "support if it succeeds and this stays.",
                mark.connection_id,
                Entity.ORDERS,
                explained=self._is_settling(mark.connection_id),
            )

    # --- What follows from what ---------------------------------------------------------------------------------------

    @cached_property
    def _ours(self) -> bool:
        return self._is_found(Problem.NO_WORKER) or self._is_found(Problem.NO_TICK)

    def _is_found(self, problem: Problem) -> bool:
        return any(one.problem == problem for one in self.findings)

    def _is_explained(self, connection_id: int, entity: str = "") -> bool:
        """Whether something else that was found keeps this from being synced."""
        causes = {
            (Problem.CREDENTIALS, connection_id, ""),
            (Problem.STUCK, connection_id, ""),
            (Problem.NOT_SCHEDULED, connection_id, entity),
            (Problem.REVIEW, connection_id, entity),
        }
        return self._ours or any(one.key in causes for one in self.findings)

    def _is_settling(self, connection_id: int) -> bool:
        """Whether something that held it up was healed only just now."""
        causes = {
            (Problem.NO_WORKER, None, ""),
            (Problem.NO_TICK, None, ""),
            (Problem.CREDENTIALS, connection_id, ""),
            (Problem.STUCK, connection_id, ""),
        }
        healing = set(self.register.open) - {one.key for one in self.findings}
        return self.now - self._resumed < CLOSE_AFTER or bool(causes & (self.register.closed | healing))


def _active() -> Exists:
    """For a query of schedules: whether a run of it is queued or under way."""
    runs = SyncRun.objects.filter(connection=OuterRef("connection"), entity=OuterRef("entity"), state__in=ACTIVE)
    return Exists(runs)


def _switched_off(schedule: EntitySchedule) -> Finding:
    return Finding(
        Problem.NOT_SCHEDULED,
        f"{_name(schedule)} is switched off and nobody said why, so it is not synced by itself. Switch it on again, or "
        "note the reason for it, in its schedule.",
        schedule.connection_id,
        schedule.entity,
    )


def _name(schedule: EntitySchedule) -> str:
    return f"{Entity(schedule.entity).label} of {schedule.connection.name}"


def _listed(runs: list[SyncRun]) -> str:
    return ", ".join(Entity(run.entity).label.lower() for run in runs)


def _exact(moment: datetime) -> str:
    return f"{moment:%-d %B at %H:%M} UTC"
